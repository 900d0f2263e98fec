"""Rewards of run 3, for a preset file: `reward = "rl/small_vlm/look_rewards.py:finds_small"`."""

from agent.trajectory import Trajectory
from evals.example import Example
from rl.rewards.aids import Aids
from rl.small_vlm.look_set import SMALL
from rl.small_vlm.zooms import find_zooms, shows_middle


def finds_small(example: Example, trajectory: Trajectory, *, aids: Aids) -> float | None:
    """1 if a zoom shows a needle that is too small for the whole frame, else 0; None where its place is not known.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: has the reference boxes.
    """
    known = aids.boxes(example) if aids.boxes else None
    if not known or example.evidence_seconds is None:
        return None
    frames = [frame for result in find_zooms(trajectory) for frame in result.observation.frames]
    start, stop = example.evidence_seconds
    shown = any(start <= frame.seconds < stop and shows_middle(frame.box, one.box) for frame in frames for one in known)
    return float(SMALL in example.needs and shown)


def zoom_price(example: Example, trajectory: Trajectory, *, aids: Aids, free_until: float = 0.5) -> float | None:  # noqa: ARG001
    """Number of zooms, as long as they are free 0: a policy that can't find anything yet would give zooming up.

    Args:
        example: not used.
        trajectory: the run that is scored.
        aids: has the progress of the training.
        free_until: share of the training, 0..1, from which a zoom has its price.
    """
    return float(len(find_zooms(trajectory))) if aids.progress >= free_until else 0.0
