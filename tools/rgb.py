"""A decoded picture as RGB the right way up: PyAV leaves the display matrix of phones and cameras to its caller."""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True)
class Orientation:
    """How the stored picture is turned for display: first transposed, then mirrored."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, picture: "VideoFrame") -> "Orientation":
        """From the picture's display matrix, to the nearest quarter turn (ISO/IEC 14496-12, 6.2.2)."""
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
        """The pixels as displayed."""
        import cv2

        if self.transpose:
            pixels = cv2.transpose(pixels)  # type: ignore[assignment]
        if self.flip_x or self.flip_y:
            code = -1 if self.flip_x and self.flip_y else 1 if self.flip_x else 0
            pixels = cv2.flip(pixels, code)  # type: ignore[assignment]
        return pixels


@dataclass(frozen=True)
class StoredPicture:
    """Size in the file and the way to turn it; taken from the first picture and kept for all."""

    width: int
    height: int
    orientation: Orientation

    @classmethod
    def of(cls, picture: "VideoFrame") -> "StoredPicture":
        """What this picture is like."""
        return cls(picture.width, picture.height, Orientation.of(picture))

    @property
    def shown_width(self) -> int:
        """Width as displayed."""
        return self.height if self.orientation.transpose else self.width

    @property
    def shown_height(self) -> int:
        """Height as displayed."""
        return self.width if self.orientation.transpose else self.height


class RgbConverter:
    """Makes RGB arrays; keeps its scaler, so it is for one thread at a time."""

    def __init__(self, stored: StoredPicture) -> None:
        from av.video.reformatter import VideoReformatter

        self._stored = stored
        self._reformatter = VideoReformatter()

    def rgb(self, picture: "VideoFrame", max_height: int | None) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 as displayed, H at most `max_height`; never enlarged, same shape for every picture."""
        stored = self._stored
        scale = 1.0 if max_height is None else min(1.0, max_height / stored.shown_height)
        converted = self._reformatter.reformat(
            picture,
            max(1, round(stored.width * scale)),
            max(1, round(stored.height * scale)),
            format="rgb24",
            interpolation="AREA",
            threads=1,  # one picture at a time in each of two workers: more threads would wait for each other
        )
        return stored.orientation.apply(converted.to_ndarray())  # type: ignore[arg-type]
