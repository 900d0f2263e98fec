"""SAGE's outcome reward, which tells apart the ways in which a run can fail."""

from agent.trajectory import Malformed, Trajectory
from evals.example import Example
from rl.rewards.aids import Aids
from rl.rewards.answers import answer_or_judge
from rl.rewards.tool_use import find_worked_calls, list_own_calls, looks
from rl.rewards.turns import own_steps

_HEARING = frozenset({"read_speech", "search_speech"})


def sage_outcome(
    example: Example, trajectory: Trajectory, *, aids: Aids, when_looking: float = 1.25, spoken: int = 1
) -> float | None:
    """Outcome reward of SAGE: 1 if correct, times `when_looking` if a call showed a picture, else -2 to 0.

    -2 malformed at the end, -0.5 without an answer, -1 wrong after more than `spoken` calls for speech, -0.5 wrong
    after any call, 0 wrong without a call. The released code comes to the -1 in the first of its two stages only; this
    loop has one stage.

    Args:
        example: the question with its reference.
        trajectory: the run that is scored.
        aids: the judge, the reference boxes and the progress of training.
        when_looking: factor of a correct answer after a call that showed a picture.
        spoken: calls for speech that a wrong answer may make at no further cost.
    """
    steps = own_steps(trajectory)
    if steps and isinstance(steps[-1].turn.move, Malformed):
        return -2.0
    if trajectory.answer is None:
        return -0.5
    value = answer_or_judge(example, trajectory, aids=aids)
    if value is None:
        return None
    if value > 0:
        return value * (when_looking if looks(example, trajectory) else 1.0)
    if sum(call.name in _HEARING for call, _ in find_worked_calls(trajectory)) > spoken:
        return -1.0
    return -0.5 if list_own_calls(trajectory) else 0.0
