"""What the data of a training may know beside right answers, and what rewards may need of it."""

from dataclasses import dataclass
from typing import Literal

from tools.observation import Box

Need = Literal["judge", "second look", "spans", "boxes"]


@dataclass(frozen=True)
class TimedBox:
    """Reference box of what the question asks for, at one moment."""

    seconds: float
    box: Box
    """Fractions 0..1 of the picture."""
