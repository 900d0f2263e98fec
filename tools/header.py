"""What the header of a video file says: its streams, and the length that it promises, which may be wrong."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from tools.container import VideoError, open_container
from tools.limits import check_picture_size
from tools.packets import video_stream

TEXT_SUBTITLES = frozenset({"ass", "ssa", "subrip", "srt", "webvtt", "mov_text", "text", "ttml", "stl", "microdvd"})


@dataclass(frozen=True)
class Header:
    """Read without decoding."""

    codec: str
    promised_seconds: float | None
    promise_is_for_video: bool
    """False where it is for the longest stream of the file, which may be the sound."""
    start_seconds: float
    """Container time from which the promise counts."""
    has_audio: bool
    subtitle_streams: int


def read_header(path: Path) -> Header:
    """The header of the file; VideoError where there is no video in it."""
    import av

    try:
        with open_container(path) as container:
            stream = video_stream(container)
            if stream is None:
                only_audio = bool(container.streams.audio)
                raise VideoError(f"{path} has sound but no video" if only_audio else f"{path} is not a video")
            if stream.codec_context is None:
                raise VideoError(f"{path} holds video in a format that cannot be decoded here")
            check_picture_size(path, stream.codec_context.width, stream.codec_context.height)
            own = stream.duration is not None and stream.time_base is not None
            start, length = (stream.start_time, stream.duration) if own else (container.start_time, container.duration)
            unit = (stream.time_base if own else None) or Fraction(1, av.time_base)
            return Header(
                codec=stream.codec_context.codec.canonical_name,
                promised_seconds=float(length * unit) if length else None,
                promise_is_for_video=own,
                start_seconds=float((start or 0) * unit),
                has_audio=bool(container.streams.audio),
                subtitle_streams=sum(s.codec_context.name in TEXT_SUBTITLES for s in container.streams.subtitles),
            )
    except av.error.FFmpegError as error:
        raise VideoError(f"{path} is not a video that can be read: {error.strerror}") from error
