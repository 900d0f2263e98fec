"""What videos are composed from: clips for the haystack, cut-outs for the needles; drawn, or from a folder."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


class Clips(Protocol):
    """Footage by name. Threads may share it."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of it."""
        ...

    def seconds(self, name: str) -> float:
        """Length of a clip."""
        ...

    def picture(self, name: str, seconds: float, width: int, height: int) -> Pixels:
        """(height, width, 3) RGB at a time of a clip, always the same; not to be written to."""
        ...


class Cutouts(Protocol):
    """Needles by name. Threads may share it."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them, each fit to follow "the"."""
        ...

    @property
    def colours(self) -> tuple[str, ...]:
        """What they can be painted in; () where they come as they are."""
        ...

    def aspect(self, name: str) -> float:
        """Width over height."""
        ...

    def picture(self, name: str, colour: str | None, width: int, height: int) -> Pixels:
        """(height, width, 4) RGB with its opacity."""
        ...


@dataclass(frozen=True)
class Material:
    """Clips and cut-outs that videos are composed from."""

    name: str
    """Names the content: another one for any other pixels."""
    clips: Clips
    cutouts: Cutouts
