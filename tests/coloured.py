"""Clips of four even patches whose colour codes are exact: lossless, with the colour description in the container."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Patch = tuple[int, int, int]


def write_patches(
    path: Path,
    patches: tuple[Patch, Patch, Patch, Patch],
    *,
    pixel_format: str = "yuv444p",
    codec: str = "ffv1",
    size: tuple[int, int] = (64, 48),
    matrix: int = 2,
    primaries: int = 2,
    transfer: int = 2,
    colour_range: int = 0,
) -> Path:
    """Two frames of the codes of `patches` (by plane), one in each quarter; flags as in ISO/IEC 23091-2."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=5, options={"crf": "4"} if codec.startswith("lib") else {})
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        context = stream.codec_context
        context.time_base = Fraction(1, 5)
        context.colorspace, context.color_primaries = matrix, primaries
        context.color_trc, context.color_range = transfer, colour_range
        for number in range(2):
            frame = _frame(patches, pixel_format, size)
            frame.colorspace, frame.color_range, frame.pts = matrix, colour_range, number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _frame(patches: tuple[Patch, Patch, Patch, Patch], pixel_format: str, size: tuple[int, int]) -> "av.VideoFrame":
    frame = av.VideoFrame(*size, pixel_format)
    kind = "<u2" if "10le" in pixel_format else "u1"
    for plane, codes in zip(frame.planes, np.array(patches).T, strict=False):
        line = plane.line_size // np.dtype(kind).itemsize
        values = np.zeros((plane.height, line), kind)
        rows, columns = plane.height // 2, plane.width // 2
        for number, code in enumerate(codes.tolist()):
            top, left = number // 2 * rows, number % 2 * columns
            values[top : top + rows, left : left + columns] = code
        plane.update(values.tobytes())
    return frame


def seen(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(4, 3): the colour in the middle of each patch."""
    height, width = pixels.shape[:2]
    rows, columns = [height // 4] * 2 + [3 * height // 4] * 2, [width // 4, 3 * width // 4] * 2
    return pixels[rows, columns].astype(np.int64)
