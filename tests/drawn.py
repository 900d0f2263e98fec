"""A drawn clip with known content: 2 s of red, 2 s of green with a white square bottom right, 2 s of blue with text."""

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

FPS = 10
SECONDS = 6.0
WIDTH, HEIGHT = 640, 360
TEXT = "GATE 12 OPEN"
COLOURS = {"red": (200, 20, 20), "green": (20, 160, 20), "blue": (20, 20, 200)}
SUBTITLES = """1
00:00:01,000 --> 00:00:02,000
The train to Ghent leaves at noon.

2
00:00:04,500 --> 00:00:05,500
Two bags were left on platform nine.
"""


def drawn_picture(seconds: float) -> NDArray[np.uint8]:
    """(360, 640, 3) RGB: the picture on screen at a time."""
    name = ("red", "green", "blue")[int(seconds // 2)]
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:] = COLOURS[name]
    if name == "green":
        pixels[270:330, 520:600] = 255
    if name == "blue":
        cv2.putText(pixels, TEXT, (120, 190), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (255, 255, 255), 4, cv2.LINE_AA)
    return pixels


def write_drawn(path: Path) -> Path:
    """Writes the clip as H.264 in MP4."""
    return _write(path, [drawn_picture(number / FPS) for number in range(int(SECONDS * FPS))])


def write_captioned(path: Path, seconds: float, shown: tuple[float, float]) -> Path:
    """Writes a blue clip of that length with the text on screen during `shown`, half open."""
    blue, text = np.full((HEIGHT, WIDTH, 3), COLOURS["blue"], np.uint8), drawn_picture(4.0)
    times = [number / FPS for number in range(int(seconds * FPS))]
    return _write(path, [text if shown[0] <= time < shown[1] else blue for time in times])


def write_moving(path: Path, seconds: float, shown: Sequence[tuple[float, float]]) -> Path:
    """Writes a blue clip in which a grey square moves behind the text, on screen during each of `shown`, half open."""
    pictures = []
    for number in range(int(seconds * FPS)):
        time = number / FPS
        pixels = np.full((HEIGHT, WIDTH, 3), COLOURS["blue"], np.uint8)
        left = number * 17 % (WIDTH - 120)
        pixels[100:220, left : left + 120] = 120
        if any(start <= time < stop for start, stop in shown):
            cv2.putText(pixels, TEXT, (120, 190), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (255, 255, 255), 4, cv2.LINE_AA)
        pictures.append(pixels)
    return _write(path, pictures)


def write_colours(path: Path, names: Sequence[str], rate: int = 4) -> Path:
    """Writes a small clip of one plain colour a second, of `COLOURS` or grey."""
    colours = COLOURS | {"grey": (128, 128, 128)}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for name in names:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), colours[name], np.uint8), format="rgb24")
            for _ in range(rate):
                frame.pts = None
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _write(path: Path, pictures: Sequence[NDArray[np.uint8]]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "18", "g": "20"}
        for pixels in pictures:
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
