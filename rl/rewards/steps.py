"""Step rewards: one number for each turn of the policy, `rewards_T`, in order.

A preset adds them up; a trainer that keeps turn boundaries can give each to its own turn.
"""

import json
import math
from collections import Counter

from agent.trajectory import Calls, Step, Trajectory
from evals.example import Example
from rl.rewards.aids import Aids
from rl.rewards.evidence import looked_iou
from rl.rewards.turns import is_strict, own_steps

_LEAST_RISE = 0.001
"""Rise of the IoU above which a turn is rewarded (Video-MTR)."""

Steps = tuple[float | None, ...]


def step_format(example: Example, trajectory: Trajectory, *, right: float = 0.05, wrong: float = -0.1) -> Steps:  # noqa: ARG001
    """Format reward of each turn: `right` in form, `wrong` otherwise (SAGE; Video-MTR with 0.1 and 0).

    Args:
        example: not used.
        trajectory: the run that is scored.
        right: reward of a turn in form.
        wrong: reward of any other turn.
    """
    stricts = [is_strict(step) for step in own_steps(trajectory)]
    return tuple(None if strict is None else right if strict else wrong for strict in stricts)


def step_mistakes(example: Example, trajectory: Trajectory, *, each: float = -0.1) -> Steps:  # noqa: ARG001 (as above)
    """Penalty `each` for a turn with a call that its tool refused, else 0 (SAGE).

    Args:
        example: not used.
        trajectory: the run that is scored.
        each: reward of a turn with a refused call.
    """
    return tuple(each * any(r.observation.is_error for r in step.results) for step in own_steps(trajectory))


def step_repeats(example: Example, trajectory: Trajectory, *, scale: float = -0.05) -> Steps:  # noqa: ARG001 (as above)
    """Penalty scale sqrt(n) for a call made n times before with the same arguments, summed over a turn (SAGE).

    Args:
        example: not used.
        trajectory: the run that is scored.
        scale: reward of a call's first repeat.
    """
    seen: Counter[str] = Counter()
    found = []
    for step in own_steps(trajectory):
        value = 0.0
        for call in step.turn.move.calls if isinstance(step.turn.move, Calls) else ():
            key = f"{call.name} {json.dumps(call.arguments, sort_keys=True)}"
            value += scale * math.sqrt(seen[key])
            seen[key] += 1
        found.append(value)
    return tuple(found)


def step_judged(example: Example, trajectory: Trajectory, *, aids: Aids, scale: float = 0.1) -> Steps:
    """Judged reward of each turn that calls, scale (2 v - 1) with the rating v in 0..1 (SAGE); 0 for other turns.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: the judge, the reference boxes and the progress of training.
        scale: reward of the best rating, and minus that of the worst.
    """
    return tuple(
        _scale_rating(aids.verdict("step", example, trajectory, turn), scale)
        if isinstance(step.turn.move, Calls)
        else 0.0
        for turn, step in enumerate(own_steps(trajectory))
    )


def step_retrieval(example: Example, trajectory: Trajectory, *, each: float = 0.5) -> Steps:
    """Reward `each` for a turn that raises the IoU of all that was looked at with the reference (Video-MTR).

    None where there is no reference. Video-MTR counts frames; here seconds count.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        each: reward of a turn that raises the IoU.
    """
    if example.evidence_seconds is None:
        return tuple(None for _ in own_steps(trajectory))
    return tuple(
        each * (looked_iou(example, trajectory, n + 1) - looked_iou(example, trajectory, n) > _LEAST_RISE)
        for n in _places(trajectory.steps)
    )


def total(rewards_T: Steps) -> float | None:  # noqa: N803 (nested by turn)
    """Sum over turns; None if a turn does not count, or there is none."""
    known = [value for value in rewards_T if value is not None]
    return sum(known) if known and len(known) == len(rewards_T) else None


def _places(steps: tuple[Step, ...]) -> list[int]:
    return [n for n, step in enumerate(steps) if not step.turn.is_opening]


def _scale_rating(verdict: float | None, scale: float) -> float | None:
    return None if verdict is None else scale * (2 * verdict - 1)
