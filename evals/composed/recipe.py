"""Recipes of composed videos: a table of footage and a table of needles, known before any pixel is painted.

Times are seconds from the first frame, spans half-open, boxes fractions 0..1 of the picture, on whole pixels.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from tools.observation import Box

Split = Literal["train", "heldout"]

FPS = 10
"""Frames a second of composed videos; times of needles are whole frames."""


@dataclass(frozen=True)
class Segment:
    """A piece of a clip, from one cut to the next."""

    start_seconds: float
    stop_seconds: float
    clip: str
    clip_start_seconds: float
    """Time in the clip at which the segment begins."""
    speed: float
    """Seconds of the clip in a second of the video."""
    is_mirrored: bool
    gain: float
    """Factor of the brightness."""
    crop: Box
    """Part of the clip's picture that fills the frame."""


@dataclass(frozen=True)
class Needle:
    """A thing to be searched for, with a tag beside it to be read."""

    name: str
    """Name that follows "the", as "teapot"; unique in a video."""
    colour: str | None
    """Colour in which the needle is painted; None where it has its own."""
    tag: str
    """Text of the tag; unique in a video. Empty for a needle without one."""


@dataclass(frozen=True)
class Placement:
    """A needle on screen, at rest, with its tag."""

    needle: Needle
    start_seconds: float
    stop_seconds: float
    box: Box
    tag_box: Box

    @property
    def whole_box(self) -> Box:
        """Box around needle and tag."""
        first, second = self.box, self.tag_box
        return (
            min(first[0], second[0]),
            min(first[1], second[1]),
            max(first[2], second[2]),
            max(first[3], second[3]),
        )

    def is_on_screen(self, seconds: float) -> bool:
        """Whether the frame at a time shows the needle."""
        return self.start_seconds - 1e-6 <= seconds < self.stop_seconds - 1e-6


@dataclass(frozen=True)
class VideoRecipe:
    """The recipe of a whole video."""

    name: str
    """Name of the video, fit for a file name without extension."""
    width: int
    height: int
    seconds: float
    segments: tuple[Segment, ...]
    """Segments in time order, without gaps."""
    placements: tuple[Placement, ...]
    """Appearances in time order, never two at once."""

    @property
    def needles(self) -> tuple[Needle, ...]:
        """Needles in order of first appearance, each once."""
        return tuple(dict.fromkeys(p.needle for p in self.placements))

    def appearances(self, needle: Needle) -> tuple[Placement, ...]:
        """All appearances of a needle, in time order."""
        return tuple(p for p in self.placements if p.needle == needle)

    def content_hash(self, material: str) -> str:
        """Hash of the pictures, 32 hexadecimal digits, for a material given by name."""
        # the name is no part of the pictures
        parts = (material, self.width, self.height, self.seconds, self.segments, self.placements)
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
