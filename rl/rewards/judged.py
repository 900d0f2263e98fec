"""Rewards that a judge gives for the reasoning. Without a judge they do not count."""

from agent.trajectory import Trajectory
from evals.example import Example
from rl.rewards.aids import Aids


def reasoning_agrees(example: Example, trajectory: Trajectory, *, aids: Aids) -> float | None:
    """Rating 0..1 of whether the reasoning leads to the given answer (Video-R2); 0 without an answer.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: the judge, the reference boxes and the progress of training.
    """
    return aids.verdict("consistent", example, trajectory) if trajectory.answer else 0.0


def cites_what_is_seen(example: Example, trajectory: Trajectory, *, aids: Aids) -> float | None:
    """Rating 0..1 of whether the reasoning names what the video shows and the answer needs (VER); 0 without an answer.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: the judge, the reference boxes and the progress of training.
    """
    return aids.verdict("evidence cited", example, trajectory) if trajectory.answer else 0.0
