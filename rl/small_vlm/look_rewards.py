"""Rewards of run 3, for a preset file: `reward = "rl/small_vlm/look_rewards.py:nears"`."""

from agent.trajectory import Trajectory
from evals.example import Example
from rl.rewards.aids import Aids
from rl.small_vlm.look_set import SMALL
from rl.small_vlm.zooms import LARGEST, find_zooms
from tools.observation import Box
from tools.sampling import compute_area


def nears(example: Example, trajectory: Trajectory, *, aids: Aids) -> float | None:
    """How near zooms come to a small needle, 0..1, in the mean; 0 without a zoom and for a large one, which needs none.

    Half is for the time, half for the place: 1, less the way from the view to the middle of the needle, sideways and up
    or down, in shares of the frame. What is half right is half paid, since all of it is seldom right by chance. A view
    of more than a part of the frame pays nothing: tall ones come near without being aimed. None where the place of the
    needle is not known.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: has the reference boxes.
    """
    known = aids.boxes(example) if aids.boxes else None
    if not known or example.evidence_seconds is None:
        return None
    if SMALL not in example.needs:
        return 0.0
    start, stop = example.evidence_seconds
    frames = [frame for result in find_zooms(trajectory) for frame in result.observation.frames]
    near = [_nearness(frame.box, known[0].box) for frame in frames]
    values = [
        (float(start <= frame.seconds < stop) + place) / 2 if place else 0.0
        for frame, place in zip(frames, near, strict=True)
    ]
    return sum(values) / len(values) if values else 0.0


def zooms(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (a reward by its signature)
    """Number of zooms that worked, for a price."""
    return float(len(find_zooms(trajectory)))


def _nearness(view: Box, box: Box) -> float:
    if compute_area(view) > LARGEST:
        return 0.0
    left, top, right, bottom = view
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return max(0.0, 1 - max(left - x, x - right, 0.0) - max(top - y, y - bottom, 0.0))
