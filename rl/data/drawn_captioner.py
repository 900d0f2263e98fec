"""Captioner for composed videos: names the drawn needles in a picture, their colour and quarter, from pixels alone.

The packaged captioner does not know them: ImageNet has no crescent moon. This one makes real mistakes, reads no tag and
has no recipe, so a policy that only reads has to look in the right seconds and to read the tag itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from evals.composed.drawn_needles import COLOURS, DrawnNeedles
from tools.observation import Box, Finding

if TYPE_CHECKING:
    from tools.video.video import Frame

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_SIDE = 64
"""Pixels a side of the square on which outlines are compared."""
_NEAR = 30
"""Greatest difference of a channel, of 255, at which a pixel has a colour."""
_LEAST_SHARE = 0.004
"""Least share of the picture that a needle covers; the smallest, a thin one at 30 % of the height, covers 0.007."""
_LEAST_LIKENESS = 0.6
"""Overlap with an outline from which a thing is named; below it, it is "something red"."""
_JOIN_PIXELS = 17
"""Greatest gap between parts of one thing, as the bars of a ladder or the letters on a board."""
_FRAME_SECONDS = 0.1
"""Length of one frame, added to the time of the last frame that shows a thing."""


@dataclass(frozen=True)
class ThingInFrame:
    """One drawn thing found in one frame."""

    name: str
    """Colour and name, as "red star"; "something red" where no outline fits."""
    likeness: float
    """Overlap with the outline of the name, 0..1."""
    box: Box

    @property
    def words(self) -> str:
        """Name and quarter of the picture, as in "red star, top left"."""
        left, top, right, bottom = self.box
        row, column = "top" if top + bottom < 1 else "bottom", "left" if left + right < 1 else "right"
        return f"{self.name}, {row} {column}"


class DrawnCaptioner:
    """Names the needles of `evals.composed.drawn` in frames. Stateless, so threads may share it."""

    def describe(self, frames: "Sequence[Frame]", focus: str = "") -> tuple[Finding, ...]:
        """A label for each thing, from the first to the last of consecutive frames that show it; () where none does."""
        del focus  # it says all that it sees
        runs: list[tuple[ThingInFrame, float, float]] = []
        before: dict[str, int] = {}  # where in `runs` the things of the last frame are
        for frame in frames:
            now: dict[str, int] = {}
            for sighting in find_things(frame.pixels):
                if (place := before.get(sighting.words)) is not None:
                    runs[place] = (*runs[place][:2], frame.seconds)
                else:
                    place = len(runs)
                    runs.append((sighting, frame.seconds, frame.seconds))
                now[sighting.words] = place
            before = now
        return tuple(
            Finding("label", start, stop + _FRAME_SECONDS, s.words, round(s.likeness, 2), s.box)
            for s, start, stop in runs
        )


def find_things(pixels: Pixels) -> tuple[ThingInFrame, ...]:
    """The drawn things of one picture, (H, W, 3) uint8 RGB: the largest of each colour."""
    found = (_find_colour(pixels, colour) for colour in COLOURS)
    return tuple(sighting for sighting in found if sighting is not None)


def _find_colour(pixels: Pixels, colour: str) -> ThingInFrame | None:
    height, width = pixels.shape[:2]
    mask = _mask_colour(pixels, colour)
    if np.count_nonzero(mask) < _LEAST_SHARE * mask.size:
        return None
    left, top, right, bottom = _find_largest_part(mask)
    name, likeness = _match_outline(mask[top:bottom, left:right])
    called = f"{colour} {name}" if likeness >= _LEAST_LIKENESS else f"something {colour}"
    return ThingInFrame(called, likeness, (left / width, top / height, right / width, bottom / height))


def _mask_colour(pixels: Pixels, colour: str) -> Mask:
    low, high = (np.clip(np.array(COLOURS[colour]) + shift, 0, 255) for shift in (-_NEAR, _NEAR))
    return np.asarray(cv2.inRange(pixels, low.astype(np.uint8), high.astype(np.uint8)), np.uint8) > 0


def _find_largest_part(mask: Mask) -> tuple[int, int, int, int]:
    """Box of the largest connected part, (left, top, right, bottom) in pixels."""
    thick = cv2.dilate(mask.astype(np.uint8), np.ones((_JOIN_PIXELS, _JOIN_PIXELS), np.uint8))
    count, parts = cv2.connectedComponents(thick)
    inside = np.where(mask, parts, 0)
    largest = 1 + int(np.argmax(np.bincount(inside.ravel(), minlength=count)[1:]))
    rows, columns = np.nonzero(inside == largest)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def _match_outline(mask: Mask) -> tuple[str, float]:
    """The name with the most similar outline, and the likeness: overlap, less for another aspect ratio."""
    outlines = _outlines()
    square = _resize_mask(mask)
    shared = (outlines.masks & square).sum((1, 2)) / (outlines.masks | square).sum((1, 2))
    likeness = shared - np.abs(np.log(mask.shape[1] / mask.shape[0] / outlines.aspects))
    best = int(likeness.argmax())
    return outlines.names[best], max(0.0, float(likeness[best]))


def _resize_mask(mask: Mask) -> Mask:
    return np.asarray(cv2.resize(mask.astype(np.uint8), (_SIDE, _SIDE), interpolation=cv2.INTER_NEAREST), np.uint8) > 0


@dataclass(frozen=True, eq=False)
class _Outlines:
    names: tuple[str, ...]
    masks: Mask  # (N, side, side)
    aspects: NDArray[np.float64]  # (N,) width over height


@cache
def _outlines() -> _Outlines:
    needles, colour = DrawnNeedles(), "blue"
    masks, aspects = [], []
    for name in needles.names:
        picture = needles.picture(name, colour, round(200 * needles.aspect(name)), 200)
        mask = _mask_colour(np.ascontiguousarray(picture[..., :3]), colour) & (picture[..., 3] > 0)
        left, top, right, bottom = _find_largest_part(mask)
        masks.append(_resize_mask(mask[top:bottom, left:right]))
        aspects.append((right - left) / (bottom - top))
    return _Outlines(needles.names, np.stack(masks), np.array(aspects))
