"""What only a reader of the record can tell. Without a judge it does not count."""

from agent.trajectory import Trajectory
from evals.example import Example
from rl.rewards.aids import Aids


def reasoning_agrees(example: Example, trajectory: Trajectory, *, aids: Aids) -> float | None:
    """0..1, whether the reasoning leads to the answer that is given: Video-R2."""
    return aids.verdict("consistent", example, trajectory) if trajectory.answer else 0.0


def cites_what_is_seen(example: Example, trajectory: Trajectory, *, aids: Aids) -> float | None:
    """0..1, whether the reasoning names what the video shows and the answer needs: VER."""
    return aids.verdict("evidence cited", example, trajectory) if trajectory.answer else 0.0
