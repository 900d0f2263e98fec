"""Reads the header of a video file: its streams, and the length that it promises, which may be wrong."""

from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from tools.demux.container import VideoError, open_container
from tools.demux.file_kind import is_animated_webp
from tools.demux.picture_stream import choose_stream, describe_streams, list_moving_streams
from tools.limits import check_picture_size

if TYPE_CHECKING:
    from av.subtitles.stream import SubtitleStream

TEXT_SUBTITLES = frozenset({"ass", "ssa", "subrip", "srt", "webvtt", "mov_text", "text"})
"""FFmpeg's names of subtitle codecs that are text and not pictures of text."""

LENGTH_FROM_ZERO = frozenset({"matroska,webm", "asf", "nut"})
"""Formats whose length counts from second 0 of their clock, also where the first picture comes later."""


_NEVER_SET_YEAR = 1990
"""Year up to which a creation time is that of no clock: zeros of QuickTime are 1904, those of Unix 1970."""


class SoundAloneError(VideoError):
    """The file has sound and no moving pictures."""


@dataclass(frozen=True)
class Header:
    """Facts from a file's header about the picture stream shown and the other streams."""

    codec: str
    """FFmpeg's name of the codec of the pictures."""
    promised_seconds: float | None
    """Length that the header gives; None where it gives none."""
    promise_is_for_video: bool
    """False where the length is that of the longest stream of the file, which may be the sound."""
    start_seconds: float
    """Container time from which the promise counts."""
    has_audio: bool
    subtitle_streams: int
    """Number of streams of text that can be read."""
    unread_subtitles: int
    """Number of streams of pictures of text, and of text that cannot be read here."""
    is_first_stream: bool
    """True where the stream is the first one of moving pictures."""
    created_at: str
    """When the file says that it was created, as `2026-05-01 14:03:22 UTC`; empty where it does not say."""
    notes: tuple[str, ...]
    """A sentence that says which picture stream is shown, where there are several."""


def read_header(path: Path, number: int | None = None) -> Header:
    """The header of a file and of one of its picture streams, read without decoding.

    Args:
        path: the file.
        number: number of the stream of moving pictures, from 1; None takes the main one.

    Raises:
        SoundAloneError: there are no moving pictures, and there is sound.
        VideoError: no video, no such stream, or one that cannot be decoded or is too large.
    """
    import av

    if is_animated_webp(path):
        raise VideoError(f"{path} is an animated WebP, which can't be decoded here: save it as GIF or MP4")
    try:
        with open_container(path) as container:
            stream = choose_stream(container, number)
            if stream is None:
                only_audio = bool(container.streams.audio)
                if only_audio:
                    raise SoundAloneError(f"{path} has sound but no video")
                raise VideoError(f"{path} is not a video")
            if stream.codec_context is None:
                raise VideoError(f"{path} holds video in a format that cannot be decoded here")
            check_picture_size(path, stream.codec_context.width, stream.codec_context.height)
            own = stream.duration is not None and stream.time_base is not None
            start, length = (stream.start_time, stream.duration) if own else (container.start_time, container.duration)
            unit = (stream.time_base if own else None) or Fraction(1, av.time_base)
            texts = sum(_name_subtitle_codec(s) in TEXT_SUBTITLES for s in container.streams.subtitles)
            return Header(
                codec=stream.codec_context.codec.canonical_name,
                promised_seconds=float(length * unit) if length else None,
                promise_is_for_video=own,
                start_seconds=0.0 if container.format.name in LENGTH_FROM_ZERO else float((start or 0) * unit),
                has_audio=bool(container.streams.audio),
                subtitle_streams=texts,
                unread_subtitles=len(container.streams.subtitles) - texts,
                is_first_stream=stream.index == list_moving_streams(container)[0].index,
                created_at=_read_creation_time(container.metadata.get("creation_time", "")),
                notes=describe_streams(container, stream),
            )
    except av.error.FFmpegError as error:
        raise VideoError(f"{path} is not a video that can be read: {error.strerror}") from error


def _read_creation_time(text: str) -> str:
    """A time of a file's metadata in UTC; empty for none, and for the zero of a clock that was never set."""
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return ""
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment.year > _NEVER_SET_YEAR else ""


def _name_subtitle_codec(stream: "SubtitleStream") -> str | None:
    """FFmpeg's name of the codec; None for one that it does not know."""
    return None if stream.codec_context is None else stream.codec_context.codec.canonical_name
