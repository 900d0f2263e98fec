"""What a reward may ask beside the record: a judge, reference boxes, how far training has come."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.trajectory import Trajectory
from evals.example import Example
from tools.observation import Box

Aspect = Literal["answer", "consistent", "evidence cited", "step"]
"""What is judged: does the answer mean the reference; does the reasoning lead to the answer; does the reasoning name
what is to be seen; does this turn make sense."""


class Judge(Protocol):
    """Someone, mostly a model, who reads the record."""

    def __call__(
        self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None
    ) -> float | None:
        """0..1, or None where there is no verdict: a judge that can't be reached says None and not 0.

        Args:
            aspect: what is asked.
            example: the question with its reference.
            trajectory: the run.
            turn: for `step`, which of the policy's turns, from 0; None for the rest.
        """
        ...


@dataclass(frozen=True)
class TimedBox:
    """Where something is to be seen, at one moment."""

    seconds: float
    box: Box
    """Fractions 0..1 of the picture."""


@dataclass(frozen=True)
class Aids:
    """All of it; by default nothing, and what needs it does not count."""

    judge: Judge | None = None
    boxes: Callable[[Example], tuple[TimedBox, ...] | None] | None = None
    """The reference boxes of an example, in order of time; None where it has none."""
    progress: float = 1.0
    """0..1, the share of training that is over, for rewards that grow stricter."""

    def __post_init__(self) -> None:
        if not 0 <= self.progress <= 1:
            raise ValueError(f"need 0 <= progress <= 1, got {self.progress:g}")

    def verdict(
        self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None
    ) -> float | None:
        """What the judge says; None without one."""
        return None if self.judge is None else self.judge(aspect, example, trajectory, turn)
