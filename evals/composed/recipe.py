"""What a composed video is made of: a table of footage and a table of needles. All of it is known before a pixel is.

Times are seconds from the first frame, spans half-open, boxes fractions 0..1 of the picture, on whole pixels.
"""

import hashlib
from dataclasses import dataclass
from typing import Literal

from tools.observation import Box

Split = Literal["train", "heldout"]

FPS = 10
"""Frames a second; times of needles are whole frames."""


@dataclass(frozen=True)
class Segment:
    """A piece of a clip, from one cut to the next."""

    start_seconds: float
    stop_seconds: float
    clip: str
    clip_start_seconds: float
    """Where in the clip it begins."""
    speed: float
    """Clip seconds a second."""
    is_mirrored: bool
    gain: float
    """Brightness is multiplied by this."""
    crop: Box
    """The part of the clip's picture that fills the frame."""


@dataclass(frozen=True)
class Needle:
    """Something that can be looked for, with a tag to be read beside it."""

    name: str
    """As in "the teapot"; no two needles of a video share it."""
    colour: str | None
    """What it is painted in; None where it comes as it is."""
    tag: str
    """What is printed on the tag; no two needles of a video share it."""


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
        """Needle and tag."""
        first, second = self.box, self.tag_box
        return (
            min(first[0], second[0]),
            min(first[1], second[1]),
            max(first[2], second[2]),
            max(first[3], second[3]),
        )

    def is_on_screen(self, seconds: float) -> bool:
        """Whether a frame of that time shows it."""
        return self.start_seconds - 1e-6 <= seconds < self.stop_seconds - 1e-6


@dataclass(frozen=True)
class VideoRecipe:
    """A whole video."""

    name: str
    """As a file name without its ending."""
    width: int
    height: int
    seconds: float
    segments: tuple[Segment, ...]
    """Without gaps, in time order."""
    placements: tuple[Placement, ...]
    """In time order, never two at once."""

    @property
    def needles(self) -> tuple[Needle, ...]:
        """Each once, in order of first appearance."""
        return tuple(dict.fromkeys(p.needle for p in self.placements))

    def appearances(self, needle: Needle) -> tuple[Placement, ...]:
        """When and where a needle is on screen."""
        return tuple(p for p in self.placements if p.needle == needle)

    def content_hash(self, material: str) -> str:
        """32 hexadecimal digits that name the pictures; `material` names what they are painted with."""
        # the name is no part of the pictures
        parts = (material, self.width, self.height, self.seconds, self.segments, self.placements)
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()
