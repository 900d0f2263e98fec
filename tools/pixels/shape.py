"""The shape in which a picture is displayed: its orientation, its pixel aspect, and how it fits the video's shape.

PyAV leaves the display matrix of phones and cameras, and the pixel shape of DVDs and broadcasts, to its caller. Both
may change in mid-stream, and so may the size; the video keeps the shape of its first picture, and whatever comes in
another one is fitted into it with black bars, never distorted.
"""

import struct
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

SQUARE = Fraction(1)
MOST_UNEVEN_PIXEL = 5
"""Ratio of a pixel's sides beyond which a header's pixel shape is taken for an error."""
MOST_PIXELS = 2**25
"""Pixels past which no picture is enlarged (8K has as many); it is then reduced along the other side."""


@dataclass(frozen=True)
class Orientation:
    """Orientation of a stored picture for display: first transposed, then mirrored."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, picture: "VideoFrame") -> "Orientation":
        """Orientation by a picture's display matrix, to the nearest quarter turn (ISO/IEC 14496-12, 6.2.2)."""
        side_data: Any = picture.side_data  # PyAV's stubs type the mapping as one of its values
        matrix = side_data.get("DISPLAYMATRIX")
        if matrix is None:
            return cls()
        a, b, _, c, d = struct.unpack("<5i", bytes(matrix)[:20])  # x' = a x + c y, y' = b x + d y
        if abs(b) + abs(c) > abs(a) + abs(d):
            return cls(transpose=True, flip_x=c < 0, flip_y=b < 0)
        return cls(flip_x=a < 0, flip_y=d < 0)

    @property
    def degrees(self) -> int:
        """The clockwise turn, 0, 90, 180 or 270, leaving mirroring aside."""
        if self.transpose:
            return 270 if self.flip_y else 90
        return 180 if self.flip_x else 0

    def apply(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pixels (H, W, 3) uint8 as displayed: (W, H, 3) where the picture is transposed."""
        import cv2

        if self.transpose:
            pixels = cv2.transpose(pixels)  # type: ignore[assignment]
        if self.flip_x or self.flip_y:
            code = -1 if self.flip_x and self.flip_y else 1 if self.flip_x else 0
            pixels = cv2.flip(pixels, code)  # type: ignore[assignment]
        return pixels


@dataclass(frozen=True)
class StoredPicture:
    """The size of a picture as decoded, the shape of its pixels, and the way to turn it."""

    width: int
    height: int
    orientation: Orientation = Orientation()
    pixel_aspect: Fraction = SQUARE
    """Width of a stored pixel divided by its height."""

    @property
    def shown_width(self) -> int:
        """Width as displayed, in square pixels."""
        return self._turned[0]

    @property
    def shown_height(self) -> int:
        """Height as displayed, in square pixels."""
        return self._turned[1]

    @cached_property
    def _turned(self) -> tuple[int, int]:
        # the side with the coarser pixels is enlarged, so that nothing that was stored is lost
        wider, higher = max(self.pixel_aspect, SQUARE), 1 / min(self.pixel_aspect, SQUARE)
        if self.width * self.height * wider * higher > MOST_PIXELS:
            width, height = max(1, round(self.width / higher)), max(1, round(self.height / wider))
        else:
            width, height = round(self.width * wider), round(self.height * higher)
        return (height, width) if self.orientation.transpose else (width, height)

    def fit_shape(self, width: int, height: int) -> tuple[int, int]:
        """Largest (width, height) of the displayed shape inside a box; the whole box where only rounding differs."""
        scale = min(width / self.shown_width, height / self.shown_height)
        inside = max(1, round(self.shown_width * scale)), max(1, round(self.shown_height * scale))
        return (width, height) if width - inside[0] <= 1 and height - inside[1] <= 1 else inside


def is_usable(told: Fraction) -> bool:
    """False for a pixel shape that no one can have meant."""
    return Fraction(1, MOST_UNEVEN_PIXEL) <= told <= MOST_UNEVEN_PIXEL


def choose_aspect(told: Fraction | None) -> Fraction:
    """Pixel shape of a header; square where the header has none or an absurd one."""
    return told if told is not None and is_usable(told) else SQUARE


def letterbox(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Centres a picture on black, (height, width, 3) uint8; gives the array itself where it fills that.

    Args:
        pixels: (H, W, 3) uint8, no larger than the result.
        width: pixels of the result.
        height: pixels of the result.
    """
    inner_height, inner_width = pixels.shape[:2]
    if (inner_width, inner_height) == (width, height):
        return pixels
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    box = np.zeros((height, width, 3), np.uint8)
    box[top : top + inner_height, left : left + inner_width] = pixels
    return box
