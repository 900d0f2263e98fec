"""What a reward may use beside the trajectory: a judge, reference boxes, the progress of training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.trajectory import Trajectory
from evals.example import Example
from rl.data.references import TimedBox

Aspect = Literal["answer", "consistent", "evidence cited", "step"]
"""Aspect that a judge rates: does the answer mean the reference; does the reasoning lead to the answer; does the
reasoning name what is to be seen; does this turn make sense."""


class Judge(Protocol):
    """A function, mostly a model, that rates a trajectory."""

    def __call__(
        self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None
    ) -> float | None:
        """Rating 0..1, or None where there is no verdict: a judge that can't be reached gives None and not 0.

        Args:
            aspect: what is rated.
            example: the question with its reference.
            trajectory: the run.
            turn: for `step`, which of the policy's turns, from 0; None for the rest.
        """
        ...


@dataclass(frozen=True)
class Aids:
    """The aids of a reward; by default none, and a reward that needs one does not count."""

    judge: Judge | None = None
    boxes: Callable[[Example], tuple[TimedBox, ...] | None] | None = None
    """The reference boxes of an example, in order of time; None where it has none."""
    progress: float = 1.0
    """Share of the training that is done, 0..1, for rewards that grow stricter."""

    def __post_init__(self) -> None:
        if not 0 <= self.progress <= 1:
            raise ValueError(f"need 0 <= progress <= 1, got {self.progress:g}")

    def verdict(
        self, aspect: Aspect, example: Example, trajectory: Trajectory, turn: int | None = None
    ) -> float | None:
        """Rating of the judge, 0..1; None without a judge or a verdict.

        Args:
            aspect: what is rated.
            example: the question with its reference.
            trajectory: the run.
            turn: for `step`, which of the policy's turns, from 0; None for the rest.
        """
        return None if self.judge is None else self.judge(aspect, example, trajectory, turn)
