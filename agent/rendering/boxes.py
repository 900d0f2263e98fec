"""Converts a model's box to fractions of the frame: each family gives boxes on the scale it was trained on.

The prompts ask for fractions 0..1. Sides far above 1 are on another scale, and only taken where that is known:
Qwen2.5-VL counts pixels of the picture it was sent, Qwen3-VL, InternVL, GLM-4V and Gemini thousandths of it, and
Gemini's `box_2d` has the top before the left. A box on an unknown scale is no box.
"""

import re
from dataclasses import dataclass

from tools.observation import Box, FrameRef, to_outer_box

KEYS = ("box", "bbox", "bbox_2d", "box_2d")
"""Keys under which models give a box."""

_PIXELS = re.compile(r"qwen-?2[._-]?5-?vl", re.I)
_THOUSANDTHS = re.compile(r"qwen-?3|qwen-?2-?vl|internvl|glm-?4[._]?\d*v|gemini", re.I)
_TOP_FIRST = "box_2d"
_MOST_FRACTION = 1.5
"""Largest side of a box in fractions: a little above 1 is a slip; thousandths and pixels are far above."""


@dataclass(frozen=True)
class GivenBox:
    """A box on a model's own scale."""

    sides: tuple[float, float, float, float]
    key: str = "box"
    """Key that the box came under, one of KEYS."""


def is_fraction(given: GivenBox) -> bool:
    """Whether a box is in fractions, the scale that was asked for."""
    return max(given.sides) <= _MOST_FRACTION


def as_fractions(given: GivenBox, policy: str, frame: FrameRef | None) -> Box | None:
    """A box as fractions 0..1 of the whole frame; None for a box without area, or on an unknown scale.

    Args:
        given: the box as the model gave it.
        policy: spec of the policy, which names the model.
        frame: the picture that the box is in, as it was shown; None if that is not known.
    """
    sides = given.sides
    if given.key == _TOP_FIRST:
        sides = sides[1], sides[0], sides[3], sides[2]
    if not is_fraction(given):
        if (scale := _find_scale(given.key, policy, frame)) is None:
            return None
        sides = sides[0] / scale[0], sides[1] / scale[1], sides[2] / scale[0], sides[3] / scale[1]
        sides = to_outer_box(sides, frame.box) if frame is not None else sides
    left, top, right, bottom = (min(1.0, max(0.0, side)) for side in sides)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _find_scale(key: str, policy: str, frame: FrameRef | None) -> tuple[float, float] | None:
    """The coordinates of a picture's right and bottom edge on the model's scale; None if that is not known."""
    if _PIXELS.search(policy):
        return (frame.width, frame.height) if frame is not None else None
    return (1000.0, 1000.0) if key == _TOP_FIRST or _THOUSANDTHS.search(policy) else None
