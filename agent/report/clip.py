"""A stretch of a video as a file of its own, with its caption in a strip below the picture: MP4 with sound, or GIF.

Pictures are those that the tools saw, turned and converted as they were; sound is what was heard, in one channel.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.sampling import fit_within
from tools.speech.audio import SAMPLE_RATE, TrackReader
from tools.video.source import VideoSource
from tools.video.video import Frame

if TYPE_CHECKING:
    from av import AudioFrame

MP4_LIMITS, GIF_LIMITS = (1280, 1280), (480, 480)
"""Sides in pixels that the picture of a clip fits in."""
GIF_FPS = 10
"""Frames a second of a GIF at most."""
MOST_GIF_SECONDS = 60.0
"""Length of a GIF at most: all its pictures are in memory at once."""
_MP4_FPS = 30
"""Frames a second of an MP4 at most."""
_TICKS = 90_000
"""Ticks a second of an MP4's clock."""
_SOUND_AT_ONCE = 1024
"""Samples of one frame of AAC."""
_LEAST_TEXT, _MOST_LINES = 12, 4
"""Height of a caption's letters in pixels at least, and its lines at most."""


@dataclass(frozen=True)
class ClipSpan:
    """The stretch of a video that a clip shows, and its caption."""

    start_seconds: float
    stop_seconds: float
    caption: str = ""


def write_mp4(video: VideoSource, span: ClipSpan, path: Path) -> None:
    """Writes a stretch as H.264 in MP4, with sound where there is some.

    Args:
        video: the video.
        span: the stretch.
        path: the file, which is replaced.
    """
    import av

    with av.open(str(path), "w", format="mp4") as container:
        container.metadata.update({"title": span.caption, "comment": f"{video.path.name}, {_name_span(span)}"})
        pictures: av.VideoStream | None = None
        sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if video.info.has_audio else None
        for frame in _draw_frames(video, span, MP4_LIMITS, _MP4_FPS):
            if pictures is None:
                pictures = container.add_stream("libx264", rate=round(min(_MP4_FPS, max(1.0, video.info.average_fps))))
                pictures.height, pictures.width = frame.pixels.shape[:2]
                pictures.pix_fmt = "yuv420p"
                pictures.codec_context.time_base = Fraction(1, _TICKS)
            picture = av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")
            picture.pts, picture.time_base = round((frame.seconds - span.start_seconds) * _TICKS), Fraction(1, _TICKS)
            container.mux(pictures.encode(picture))
        if pictures is not None:
            container.mux(pictures.encode())
        if sound is not None:
            for piece in _cut_sound(video, span):
                container.mux(sound.encode(piece))
            container.mux(sound.encode())


def write_gif(video: VideoSource, span: ClipSpan, path: Path) -> None:
    """Writes a stretch as a GIF that plays without end.

    Args:
        video: the video.
        span: the stretch, of a minute at most.
        path: the file, which is replaced.

    Raises:
        ValueError: the stretch is too long.
    """
    from PIL import Image

    if span.stop_seconds - span.start_seconds > MOST_GIF_SECONDS:
        raise ValueError(f"a GIF may last {MOST_GIF_SECONDS:g} s: write {_name_span(span)} as mp4")
    frames = list(_draw_frames(video, span, GIF_LIMITS, GIF_FPS))
    times = [*(frame.seconds for frame in frames[1:]), span.stop_seconds]
    lasting = [max(20, round(1000 * (after - frame.seconds))) for frame, after in zip(frames, times, strict=True)]
    first, *others = (Image.fromarray(frame.pixels) for frame in frames)
    first.save(
        path, "GIF", save_all=True, append_images=others, duration=lasting, loop=0, comment=span.caption.encode()
    )


def _draw_frames(video: VideoSource, span: ClipSpan, limits: tuple[int, int], fps: float) -> Iterator[Frame]:
    """Frames of a stretch in the size of a clip, with the caption; the last one once more where it stays long."""
    width, height = (side - side % 2 for side in fit_within(video.info.width, video.info.height, *limits))
    width, height = max(2, width), max(2, height)
    strip = _draw_caption(span.caption, width)
    last: Frame | None = None
    for frame in video.window(span.start_seconds, span.stop_seconds, max_height=max(height, 2), max_fps=fps):
        pixels = np.asarray(cv2.resize(frame.pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        last = Frame(np.concatenate([pixels, strip]), max(frame.seconds, span.start_seconds))
        yield last
    if last is not None and span.stop_seconds - last.seconds > 2 / fps:
        yield Frame(last.pixels, span.stop_seconds - 1 / fps)


def _draw_caption(caption: str, width: int) -> NDArray[np.uint8]:
    """A dark strip with the caption, (H, W, 3) uint8 with an even H; without rows for no caption."""
    from PIL import Image, ImageDraw, ImageFont

    if not caption.strip():
        return np.empty((0, width, 3), np.uint8)
    size = max(_LEAST_TEXT, width // 32)
    letters = max(10, int(width / (0.55 * size)) - 2)
    lines = textwrap.wrap(" ".join(caption.split()), letters, max_lines=_MOST_LINES, placeholder=" …")
    strip = Image.new("RGB", (width, (len(lines) * 3 * size // 2 + size) // 2 * 2), (16, 16, 16))
    draw = ImageDraw.Draw(strip)
    draw.multiline_text((size // 2, size // 2), "\n".join(lines), (240, 240, 240), ImageFont.load_default(size))
    return np.asarray(strip, np.uint8)


def _cut_sound(video: VideoSource, span: ClipSpan) -> "Iterator[AudioFrame]":
    import av

    ((begin, samples),) = TrackReader(video).read_spans([(span.start_seconds, span.stop_seconds)])
    silent = np.zeros(max(0, round((begin - span.start_seconds) * SAMPLE_RATE)), np.float32)
    whole = np.concatenate([silent, samples])
    for first in range(0, len(whole), _SOUND_AT_ONCE):
        frame = av.AudioFrame.from_ndarray(whole[None, first : first + _SOUND_AT_ONCE], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, first, Fraction(1, SAMPLE_RATE)
        yield frame


def _name_span(span: ClipSpan) -> str:
    return f"{span.start_seconds:.2f} to {span.stop_seconds:.2f} s"
