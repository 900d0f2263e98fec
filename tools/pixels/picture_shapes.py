"""Keeps the shape of each picture of a stream, which any packet may change: broadcasts switch between 4:3 and 16:9 so.

PyAV does not show the pixel shape that a picture carries. A decoder's own, after a packet, is that of the packet's
picture; pictures that come out later, because they are shown later, keep that of their packet. A turn inside the
stream is told with a keyframe and holds until the next one (H.264 and H.265, D.2: display orientation).
"""

from bisect import bisect_right
from fractions import Fraction
from typing import TYPE_CHECKING, Generic, TypeVar

from tools.pixels.shape import Orientation, StoredPicture, choose_aspect, is_usable

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Value = TypeVar("Value")
_NOTHING = object()
"""Unlike any value that a picture or decoder may carry."""


class PictureShapes:
    """Shapes of the pictures decoded so far, by the position of their packets."""

    def __init__(self, stream: "VideoStream", context: "VideoCodecContext") -> None:
        self._context = context
        stored, coded = stream.sample_aspect_ratio, context.sample_aspect_ratio
        # where the container says something else than the codec, it is right for all pictures, as in every player
        self._of_container = stored if stored is not None and stored != coded and is_usable(stored) else None
        self.forget()

    def forget(self) -> None:
        """Forgets every shape: decoding starts somewhere else."""
        self._told: object = _NOTHING
        self._rotation: object = _NOTHING
        self._aspects: _Changes[Fraction] = _Changes()
        self._orientations: _Changes[Orientation] = _Changes()

    def note_packet(self, position: int) -> None:
        """Notes the decoder's pixel shape after a packet; positions ascend."""
        aspect = self._context.sample_aspect_ratio
        if aspect != self._told:
            self._told = aspect
            self._aspects.add(position, self._read_aspect())

    def note_picture(self, position: int, picture: "VideoFrame") -> None:
        """Notes how a picture is turned, if it carries that; called in the order shown."""
        rotation = picture.rotation
        if rotation != self._rotation and (picture.key_frame or rotation):
            # Only now: a picture whose side data was looked at is freed by the garbage collector alone, so its memory
            # would not be there for the next ones, which takes a fifth of the time of decoding.
            self._rotation = rotation
            self._orientations.add(position, Orientation.of(picture))

    def of(self, position: int, picture: "VideoFrame") -> StoredPicture:
        """Shape of the picture of the packet at a position."""
        aspect, orientation = self._aspects.at(position), self._orientations.at(position)
        return StoredPicture(
            picture.width, picture.height, orientation or Orientation.of(picture), aspect or self._read_aspect()
        )

    def _read_aspect(self) -> Fraction:
        return choose_aspect(self._of_container or self._context.sample_aspect_ratio)


class _Changes(Generic[Value]):
    """A value that holds from a position on, until the next."""

    def __init__(self) -> None:
        self._positions: list[int] = []
        self._values: list[Value] = []

    def add(self, position: int, value: Value) -> None:
        place = bisect_right(self._positions, position)
        if place and self._values[place - 1] == value:
            return
        self._positions.insert(place, position)
        self._values.insert(place, value)

    def at(self, position: int) -> Value | None:
        """The value that holds at a position; None before the first."""
        place = bisect_right(self._positions, position)
        return self._values[place - 1] if place else None
