"""A box as a model gives it, as fractions of the frame: each family gives boxes on the scale it was trained on.

Asked for are fractions 0..1. What is far above 1 is on another scale, and is only taken where that is known: Qwen2.5-VL
counts pixels of the picture it was sent, Qwen3-VL, InternVL, GLM-4V and Gemini thousandths of it, and Gemini's `box_2d`
has the top before the left. A box on a scale that nobody knows is none.
"""

import re
from dataclasses import dataclass

from tools.observation import Box, FrameRef, box_inside

KEYS = ("box", "bbox", "bbox_2d", "box_2d")
"""What models call a box."""

_PIXELS = re.compile(r"qwen-?2[._-]?5-?vl", re.I)
_THOUSANDTHS = re.compile(r"qwen-?3|qwen-?2-?vl|internvl|glm-?4[._]?\d*v|gemini", re.I)
_TOP_FIRST = "box_2d"
_MOST_FRACTION = 1.5
"""What is a little above 1 is a slip; thousandths and pixels are far above."""


@dataclass(frozen=True)
class GivenBox:
    """Four numbers on a model's own scale."""

    sides: tuple[float, float, float, float]
    key: str = "box"
    """Under which it came: one of KEYS."""


def is_fraction(given: GivenBox) -> bool:
    """Whether it is on the scale that was asked for."""
    return max(given.sides) <= _MOST_FRACTION


def as_fractions(given: GivenBox, policy: str, frame: FrameRef | None) -> Box | None:
    """The box in the whole frame, 0..1; None if it has no area, or if its scale is not known.

    Args:
        given: as it came.
        policy: spec of the policy, which names the model.
        frame: the picture that it is about, as it was shown; None if that is not known.
    """
    sides = given.sides
    if given.key == _TOP_FIRST:
        sides = sides[1], sides[0], sides[3], sides[2]
    if not is_fraction(given):
        if (scale := _scale(given.key, policy, frame)) is None:
            return None
        sides = sides[0] / scale[0], sides[1] / scale[1], sides[2] / scale[0], sides[3] / scale[1]
        sides = box_inside(sides, frame.box) if frame is not None else sides
    left, top, right, bottom = (min(1.0, max(0.0, side)) for side in sides)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _scale(key: str, policy: str, frame: FrameRef | None) -> tuple[float, float] | None:
    """What the right and the bottom edge of the picture are to the model."""
    if _PIXELS.search(policy):
        return (frame.width, frame.height) if frame is not None else None
    return (1000.0, 1000.0) if key == _TOP_FIRST or _THOUSANDTHS.search(policy) else None
