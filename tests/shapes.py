"""Clips of a white square on dark grey whose pictures change in size, pixel shape or turn while they play."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

FPS = 10
SIDE = 60
"""Pixels a side of the square as displayed, where the picture is shown in its own size."""
BACKGROUND = 60


@dataclass(frozen=True)
class Piece:
    """Frames of one shape."""

    size: tuple[int, int]
    """As stored."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel through its height."""
    frames: int = 10
    options: dict[str, str] = field(default_factory=dict)


def squared(size: tuple[int, int], aspect: Fraction) -> NDArray[np.uint8]:
    """(H, W, 3): what is stored so that a square is displayed in the middle."""
    width, height = size
    pixels = np.full((height, width, 3), BACKGROUND, np.uint8)
    half_width, half_height = round(SIDE / 2 / max(aspect, 1)), round(SIDE / 2 * min(aspect, 1))
    across, down = width // 2, height // 2
    pixels[down - half_height : down + half_height, across - half_width : across + half_width] = 235
    return pixels


def white_box(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """(width, height) of what is white."""
    rows, columns = np.where(pixels.mean(axis=2) > 150)
    return int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def write_pieces(path: Path, codec: str, pieces: Sequence[Piece]) -> Path:
    """One stream of pictures, each piece by an encoder of its own, one after the other without a gap."""
    with av.open(str(path), "w") as container:
        first = pieces[0]
        stream = container.add_stream(codec, rate=FPS)
        stream.width, stream.height, stream.pix_fmt = *first.size, "yuv420p"
        stream.codec_context.sample_aspect_ratio = first.aspect
        stream.codec_context.time_base = Fraction(1, FPS)
        start = 0
        for piece in pieces:
            for packet in _encoded(codec, piece, start):
                packet.stream = stream
                container.mux(packet)
            start += piece.frames
    return path


def _encoded(codec: str, piece: Piece, start: int) -> Iterable["av.Packet"]:
    context = av.CodecContext.create(codec, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = *piece.size, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FPS), Fraction(FPS)
    context.sample_aspect_ratio = piece.aspect
    context.bit_rate = 2_000_000
    context.max_b_frames = 0 if codec.startswith("libvpx") else 2
    fast = {"preset": "veryfast"} if codec == "libx264" else {"deadline": "realtime"} if "vpx" in codec else {}
    context.options = {**fast, **piece.options}
    pixels = squared(piece.size, piece.aspect)
    packets = []
    for number in range(start, start + piece.frames):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        packets += context.encode(frame)
    packets += context.encode(None)
    for packet in packets:
        packet.time_base = Fraction(1, FPS)
        yield packet
