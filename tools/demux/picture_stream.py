"""Chooses the picture stream of a file that is shown: the one that the file marks as its default, or the one asked for.

Cover pictures, thumbnails and stills are streams of pictures too; they are passed over and not counted.
"""

from typing import TYPE_CHECKING

from tools.demux.container import VideoError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream


def list_moving_streams(container: "InputContainer") -> "list[VideoStream]":
    """The streams of moving pictures in the order of the file."""
    from av.stream import Disposition

    pictures = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    return [stream for stream in container.streams.video if not stream.disposition & pictures]


def choose_stream(container: "InputContainer", number: int | None = None) -> "VideoStream | None":
    """Number `number` of the moving streams, counted from 1; without it the main one. None where there is none.

    The main one can be decoded, is whole by itself, is marked as default and not as made for some viewers only, and
    among several such the one with the most pixels, then the first: what players show.

    Raises:
        VideoError: no stream has that number.
    """
    streams = list_moving_streams(container)
    if number is not None and streams and not 1 <= number <= len(streams):
        raise VideoError(
            f"{container.name.removeprefix('file:')} has picture streams 1 to {len(streams)}, not {number}"
        )
    if number is not None and streams:
        return streams[number - 1]
    return max(streams, key=_rank, default=None)


def describe_streams(container: "InputContainer", shown: "VideoStream") -> tuple[str, ...]:
    """One sentence that says which stream is shown and how to see the others; () where there are no others."""
    streams = list_moving_streams(container)
    if len(streams) < 2:
        return ()
    number = streams.index(shown) + 1
    others = "; ".join(f"{n}: {_describe_stream(stream)}" for n, stream in enumerate(streams, 1) if n != number)
    return (
        f"{len(streams)} picture streams: stream {number} ({_describe_stream(shown)}) is shown, "
        f"the others are not looked at ({others}); --video N chooses one",
    )


def _rank(stream: "VideoStream") -> tuple[bool, bool, bool, bool, int]:
    from av.stream import Disposition

    disposition, context = stream.disposition, stream.codec_context
    for_some = Disposition.comment | Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.dub
    return (
        context is not None,
        not disposition & Disposition.dependent,
        bool(disposition & Disposition.default),
        not disposition & for_some,
        context.width * context.height if context is not None else 0,
    )


def _describe_stream(stream: "VideoStream") -> str:
    from av.stream import Disposition

    context = stream.codec_context
    words = ["cannot be decoded here"] if context is None else [context.codec.canonical_name]
    words += [] if context is None else [f"{context.width}x{context.height}"]
    words += ["default"] if stream.disposition & Disposition.default else []
    return ", ".join(words)
