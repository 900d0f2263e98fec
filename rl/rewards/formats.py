"""Format rewards: does the policy write as its prompt asks, judged turn by turn from its replies.

None for policies that are no language model: they write no replies.
"""

from agent.trajectory import Malformed, Trajectory
from evals.example import Example
from evals.scoring.published.clean_text import answer_tags
from rl.rewards.turns import is_answered, is_strict, join_replies, own_steps

_LEAST_THOUGHT = 10
"""Fewest characters of a thought; ParaVT takes a shorter one for empty."""


def format_all(example: Example, trajectory: Trajectory, *, max_answer_characters: int | None = None) -> float | None:  # noqa: ARG001
    """1 if every turn has its form and the last one answers, else 0: TimeSearch-R v7, VideoKR, Video-R1, LongVT.

    TimeSearch-R's own check leaves out turns that have neither tag; here they fail, as malformed turns.

    Args:
        example: not used.
        trajectory: the run that is scored.
        max_answer_characters: length from which an answer fails too (LongVT: 1,000).
    """
    stricts = [is_strict(step) for step in own_steps(trajectory)]
    if None in stricts:
        return None
    is_long = max_answer_characters is not None and len(_answer_text(trajectory)) >= max_answer_characters
    return float(all(stricts) and is_answered(trajectory) and not is_long)


def format_share(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (a reward by its signature)
    """Share of turns that have their form, 0..1; None where there was no turn."""
    stricts = [is_strict(step) for step in own_steps(trajectory)]
    return None if not stricts or None in stricts else sum(map(bool, stricts)) / len(stricts)


def parse_rate(example: Example, trajectory: Trajectory) -> float | None:  # noqa: ARG001 (as above)
    """Share of turns that could be parsed, whatever their form, 0..1; None where there was no turn."""
    moves = [step.turn.move for step in own_steps(trajectory)]
    return 1 - sum(isinstance(move, Malformed) for move in moves) / len(moves) if moves else None


def format_evidence(example: Example, trajectory: Trajectory) -> float | None:
    """Open-o3-Video's format reward: 1 for an answer in form with evidence, 0.5 without evidence, 0 without form."""
    value = format_all(example, trajectory)
    if not value or trajectory.answer is None:
        return value
    return 1.0 if trajectory.answer.evidence else 0.5


def format_anchored(example: Example, trajectory: Trajectory, *, anchor: float = 0.5) -> float | None:  # noqa: ARG001
    """ParaVT's format reward, 0..1, over all replies, with its `ANSWER_SUFFIX` on.

    0.2 thinking + 0.5 a non-empty answer + anchor (0.4 thinking closed + 0.3 closed and answered - 0.3 left open)
    + 0.3 thinking before the first call + 0.1 all tags balanced (only beside another credit), at most 1. A call counts
    if the loop ran it; in ParaVT if its JSON can be read.

    Args:
        example: not used.
        trajectory: the run that is scored.
        anchor: weight of closed tags.
    """
    text = join_replies(trajectory)
    if text is None:
        return None
    has_thought, has_answer = _thinks(text), _answers(text)
    is_closed = "</think>" in text and has_thought
    is_left_open = "<think>" in text and "</think>" not in text
    anchored = 0.4 * is_closed + 0.3 * (is_closed and has_answer) - 0.3 * is_left_open
    value = 0.2 * has_thought + 0.5 * has_answer + anchor * anchored
    value += 0.3 * (has_thought and bool(trajectory.calls) and text.find("<think>") < text.find("<tool_call>"))
    value += 0.1 * (value > 0 and all(text.count(f"<{t}>") == text.count(f"</{t}>") for t in _TAGS))
    return min(value, 1.0)


_TAGS = ("think", "tool_call", "answer")


def _thinks(text: str) -> bool:
    _, opened, after = text.partition("<think>")
    thought = after.split("</think>")[0] if "</think>" in after else after.split("<tool_")[0].split("<answer>")[0]
    return bool(opened) and len(thought.strip()) >= _LEAST_THOUGHT


def _answers(text: str) -> bool:
    return any(answer_tags(text))


def _answer_text(trajectory: Trajectory) -> str:
    return trajectory.answer.text if trajectory.answer else ""
