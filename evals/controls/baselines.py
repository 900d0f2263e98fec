"""Baselines without a language model: chance, and the option that fits one indexed frame best."""

from collections.abc import Sequence

from agent.policy import ToolAccess
from agent.trajectory import Answer, Calls, Evidence, Result, ToolCall, Trajectory, Turn, make_call_ids
from evals.example import Example


def chance(examples: Sequence[Example]) -> float:
    """The expected accuracy of choosing options at random, 0..1; an open question is never correct by chance.

    Raises:
        ValueError: there are no examples.
    """
    if not examples:
        raise ValueError("need at least one example")
    return sum(1 / len(e.question.options) for e in examples if e.question.options and e.answer is not None) / len(
        examples
    )


class TopFrame:
    """A policy that answers with the option that fits any one frame best, by the index alone, and cites that frame.

    For an open question it cites the frame that fits the question best, and gives an empty answer.
    """

    spec = "top-1 frame"
    setup = None

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        """The first turn searches for each option, the second answers."""
        queries = trajectory.question.options or (trajectory.question.text,)
        if not trajectory.steps:
            ids = make_call_ids(trajectory, len(queries))
            pairs = zip(ids, queries, strict=True)
            return Turn("", Calls(tuple(ToolCall(i, "search_frames", {"query": q, "count": 1}) for i, q in pairs)))
        results = trajectory.steps[0].results
        best = max(range(len(results)), key=lambda i: _top_score(results[i]))
        is_choice = bool(trajectory.question.options)
        return Turn(
            "", Answer(queries[best] if is_choice else "", best if is_choice else None, None, _moment(results[best]))
        )


def _top_score(result: Result) -> float:
    return max((f.score for f in result.observation.findings if f.score is not None), default=float("-inf"))


def _moment(result: Result) -> tuple[Evidence, ...]:
    found = result.observation.findings[:1]
    return tuple(Evidence(f.start_seconds, f.stop_seconds, (result.call_id,), result.observation.frames) for f in found)
