"""An answer, its reference and its reasoning in words, for a judge that reads nothing else."""

import json

from agent.trajectory import Answer, Calls, Trajectory, Turn
from evals.example import Example

_NOT_SHOWN = "It is not shown in the video."


def write_answer(answer: Answer) -> str:
    """The words of an answer with its causal chain or its predictions, and without its evidence."""
    if answer.not_shown:  # its text may be empty, which is no answer
        return f"{_NOT_SHOWN} {answer.text}".strip()
    chain = [f"{link.event} ({link.because})" if link.because else link.event for link in answer.chain]
    predicted = [f"{item.event} ({item.justification})" for item in answer.predictions]
    if predicted:
        return "\n".join(predicted)
    return "\n".join((answer.text, *chain))


def write_reference(example: Example) -> str:
    """The words of the reference answer and of those that are as correct."""
    return " or ".join((example.answer or _NOT_SHOWN, *example.aliases))


def write_reasoning(trajectory: Trajectory, turn: int | None = None) -> str:
    """The thoughts and calls of a run's turns as text, with bars between turns.

    Args:
        trajectory: the run.
        turn: the last of the policy's turns that is written, from 0; None for all.
    """
    turns = [step.turn for step in trajectory.steps if not step.turn.is_opening]
    return " | ".join(map(_write_turn, turns[: None if turn is None else turn + 1])).strip(" |")


def _write_turn(turn: Turn) -> str:
    move = turn.move
    calls = [f"{call.name} {json.dumps(call.arguments)}" for call in move.calls] if isinstance(move, Calls) else []
    return "; ".join(filter(None, [turn.thought.strip(), *calls]))
