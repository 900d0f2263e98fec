"""Writes turns as the reply of a language model, so that policies that are none can be imitated.

`agent.rendering.reply_parser`, which reads every model, reads these replies back, so what is taught is what is
understood.
"""

import json
from dataclasses import replace
from typing import Any

from agent.rendering.answer_parser import CANNOT_TELL, LETTERS, NOT_SHOWN
from agent.trajectory import Answer, Calls, Evidence, Move, Reply, Trajectory, Turn


def write_reply(thought: str, move: Move, *, in_words: bool = False) -> str:
    """The whole reply of a model for one turn.

    Args:
        thought: text of the thought.
        move: calls, or an answer.
        in_words: whether an option is named by its words and not by its letter; the parser takes both.

    Raises:
        ValueError: the move is malformed, or has a chain or predictions, for which there is no expert.
    """
    if isinstance(move, Calls):
        said = write_calls(move)
    elif isinstance(move, Answer) and not move.chain and not move.predictions:
        said = f"<answer>{json.dumps(_make_answer(move, in_words), ensure_ascii=False)}</answer>"
    else:
        raise ValueError(f"only calls and answers to questions can be imitated, got a move of kind {move.kind!r}")
    return f"<think>\n{thought}\n</think>\n{said}"


def write_calls(move: Calls) -> str:
    """The text of calls, as in a reply without a thought."""
    calls = [{"name": call.name, "arguments": call.arguments} for call in move.calls]
    return "\n".join(f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>" for call in calls)


def write_replies(trajectory: Trajectory) -> Trajectory:
    """This run with a written reply for each turn of the policy that has none; nothing else changes."""
    steps = tuple(replace(step, turn=_write_turn(step.turn)) for step in trajectory.steps)
    return replace(trajectory, steps=steps)


def _write_turn(turn: Turn) -> Turn:
    if turn.reply is not None or turn.is_opening:
        return turn
    return replace(turn, reply=Reply(write_reply(turn.thought, turn.move)))


def _make_answer(answer: Answer, in_words: bool) -> dict[str, Any]:
    option = answer.text if answer.option is None or in_words else LETTERS[answer.option]
    words = NOT_SHOWN if answer.not_shown else CANNOT_TELL if answer.cannot_tell else option
    sheet: dict[str, Any] = {"answer": words}
    if answer.confidence is not None:
        sheet["confidence"] = round(answer.confidence, 2)
    return sheet | {"evidence": [_make_claim(item) for item in answer.evidence]}


def _make_claim(evidence: Evidence) -> dict[str, Any]:
    claim: dict[str, Any] = {
        "start": round(evidence.start_seconds, 2),
        "stop": round(evidence.stop_seconds, 2),
        "calls": list(evidence.call_ids),
    }
    return claim | ({"quote": evidence.quote} if evidence.quote else {})
