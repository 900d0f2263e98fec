"""Clips drawn picture by picture in a test, with sound and subtitles where it asks for them."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def page(
    *lines: str, size: tuple[int, int] = (640, 360), scale: float = 1.0, ink: int = 20, paper: int = 240
) -> Pixels:
    """A (height, width, 3) page with printed lines, the first one a quarter from the top."""
    width, height = size
    pixels = np.full((height, width, 3), paper, np.uint8)
    for row, text in enumerate(lines):
        place = (width // 12, height // 4 + round(row * 55 * scale))
        cv2.putText(pixels, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, (ink, ink, ink), 2, cv2.LINE_AA)
    return pixels


def draw_clip(
    path: Path,
    draw: Callable[[float], Pixels],
    seconds: float,
    fps: int = 20,
    sound: NDArray[np.float32] | None = None,
    sound_start_seconds: float = 0.0,
    picture_start_seconds: float = 0.0,
) -> Path:
    """Writes `draw(seconds)` as H.264 and mono `sound` (S,) at 16 kHz as AAC or PCM, by the file's ending."""
    with av.open(str(path), "w") as container:
        height, width = draw(0.0).shape[:2]
        video = container.add_stream("libx264", rate=fps, options={"crf": "12", "preset": "veryfast", "threads": "1"})
        video.width, video.height, video.pix_fmt = width, height, "yuv444p"
        audio = None
        if sound is not None:
            audio = container.add_stream("pcm_s16le" if path.suffix == ".mkv" else "aac", rate=16_000, layout="mono")
        for number in range(round(seconds * fps)):
            frame = av.VideoFrame.from_ndarray(draw(number / fps), format="rgb24")
            frame.pts, frame.time_base = number + round(picture_start_seconds * fps), Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            for block in _blocks(sound, round(sound_start_seconds * 16_000)):
                container.mux(audio.encode(block))
            container.mux(audio.encode(None))
    return path


def _blocks(sound: NDArray[np.float32], start: int) -> Sequence[av.AudioFrame]:
    blocks = []
    for first in range(0, len(sound), 1024):
        samples = np.round(np.clip(sound[None, first : first + 1024], -1, 1) * 32767).astype(np.int16)
        block = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = 16_000, start + first, Fraction(1, 16_000)
        blocks.append(block)
    return blocks
