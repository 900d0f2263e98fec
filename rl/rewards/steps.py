"""What each turn is worth by itself: one number for each turn of the policy, `rewards_T`, in order.

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
"""By which the IoU must rise to count (Video-MTR)."""

Steps = tuple[float | None, ...]


def step_format(example: Example, trajectory: Trajectory, *, right: float = 0.05, wrong: float = -0.1) -> Steps:  # noqa: ARG001
    """`right` for a turn that has its form, `wrong` for another: SAGE; Video-MTR with 0.1 and 0."""
    stricts = [is_strict(step) for step in own_steps(trajectory)]
    return tuple(None if strict is None else right if strict else wrong for strict in stricts)


def step_mistakes(example: Example, trajectory: Trajectory, *, each: float = -0.1) -> Steps:  # noqa: ARG001 (as above)
    """`each` for a turn with a call that its tool refused, else 0: SAGE."""
    return tuple(each * any(r.observation.is_error for r in step.results) for step in own_steps(trajectory))


def step_repeats(example: Example, trajectory: Trajectory, *, scale: float = -0.05) -> Steps:  # noqa: ARG001 (as above)
    """scale sqrt(n) for a call that was made n times before, with the same arguments, summed over a turn: SAGE."""
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
    """scale (2 v - 1) for a turn that calls, v what a judge says of it in 0..1: SAGE; 0 for other turns."""
    return tuple(
        _judged(aids.verdict("step", example, trajectory, turn), scale) if isinstance(step.turn.move, Calls) else 0.0
        for turn, step in enumerate(own_steps(trajectory))
    )


def step_retrieval(example: Example, trajectory: Trajectory, *, each: float = 0.5) -> Steps:
    """`each` for a turn after which the IoU of all that was looked at and the reference is higher: Video-MTR.

    None where there is no reference. It counts frames, this game looks at seconds.
    """
    if example.evidence_seconds is None:
        return tuple(None for _ in own_steps(trajectory))
    return tuple(
        each * (looked_iou(example, trajectory, n + 1) - looked_iou(example, trajectory, n) > _LEAST_RISE)
        for n in _places(trajectory.steps)
    )


def total(rewards_T: Steps) -> float | None:  # noqa: N803 (nested by turn)
    """The sum over turns; None if a turn does not count, or there is none."""
    known = [value for value in rewards_T if value is not None]
    return sum(known) if known and len(known) == len(rewards_T) else None


def _places(steps: tuple[Step, ...]) -> list[int]:
    return [n for n, step in enumerate(steps) if not step.turn.is_opening]


def _judged(verdict: float | None, scale: float) -> float | None:
    return None if verdict is None else scale * (2 * verdict - 1)
