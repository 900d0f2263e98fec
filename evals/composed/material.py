"""Protocols of the material of composed videos: clips for the haystack, cut-outs for the needles."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Clips(Protocol):
    """Footage by name. Threads may share it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all clips."""
        ...

    def seconds(self, name: str) -> float:
        """Length of a clip in seconds."""
        ...

    def picture(self, name: str, seconds: float, width: int, height: int) -> Pixels:
        """The picture at a time of a clip, (height, width, 3) uint8 RGB, always the same; not to be written to.

        Args:
            name: name of the clip.
            seconds: time in the clip.
            width: width of the picture in pixels.
            height: height of the picture in pixels.
        """
        ...


class Cutouts(Protocol):
    """Needles by name. Threads may share it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all needles, each fit to follow "the"."""
        ...

    @property
    def colours(self) -> tuple[str, ...]:
        """Colours in which needles can be painted; () where they have their own."""
        ...

    def aspect(self, name: str) -> float:
        """Width over height of a needle."""
        ...

    def picture(self, name: str, colour: str | None, width: int, height: int) -> Pixels:
        """The picture of a needle, (height, width, 4) uint8 RGB and opacity.

        Args:
            name: name of the needle.
            colour: one of `colours`; None where the needle has its own.
            width: width of the picture in pixels.
            height: height of the picture in pixels.
        """
        ...


@dataclass(frozen=True)
class Material:
    """Clips and cut-outs that videos are composed from."""

    name: str
    """Name of the content, which differs for any other pixels."""
    clips: Clips
    cutouts: Cutouts
