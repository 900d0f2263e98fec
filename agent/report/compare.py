"""Compares two trajectories turn by turn: moves, observations and answers that differ."""

from collections.abc import Iterator
from itertools import zip_longest

from agent.report.console import format_call, format_observation
from agent.trajectory import Answer, Calls, Step, Trajectory
from tools.observation_text import format_percent

_MOST_LETTERS = 400
"""Characters of a text in a comparison at most."""


def compare(first: Trajectory, second: Trajectory) -> list[str]:
    """The differences of two trajectories as lines, in order; empty if they are alike but for time and cost."""
    lines = [line for name, a, b in _iterate_terms(first, second) if a != b for line in _format_both(name, a, b)]
    for number, (a, b) in enumerate(zip_longest(first.steps, second.steps), start=1):
        if a is None or b is None:
            lines.append(f"turn {number}: only in the {'second' if a is None else 'first'}: {_describe_move(a or b)}")
        elif _describe_move(a) != _describe_move(b):
            lines += _format_both(f"turn {number}: another move", _describe_move(a), _describe_move(b))
        else:
            lines += _compare_results(number, a, b)
    if [_describe_answer(first)] != [_describe_answer(second)]:
        lines += _format_both("answer", _describe_answer(first), _describe_answer(second))
    return lines


def count_turns_alike(first: Trajectory, second: Trajectory) -> int:
    """The number of turns, from the first on, with equal moves and equal observations."""
    pairs = zip(first.steps, second.steps, strict=False)
    alike = 0
    for a, b in pairs:
        if _describe_move(a) != _describe_move(b) or _compare_results(0, a, b):
            break
        alike += 1
    return alike


def _iterate_terms(first: Trajectory, second: Trajectory) -> Iterator[tuple[str, str, str]]:
    for name in ("question", "policy", "limits", "setup"):
        yield name, str(getattr(first, name)), str(getattr(second, name))
    yield "video", ", ".join(first.content_hashes), ", ".join(second.content_hashes)


def _describe_move(step: Step) -> str:
    """The move of a turn in words, without the ids of its calls."""
    move = step.turn.move
    if isinstance(move, Calls):
        return ", ".join(format_call(call) for call in move.calls)
    return f"answers {move.text}" if isinstance(move, Answer) else f"not usable: {move.why}"


def _compare_results(number: int, first: Step, second: Step) -> list[str]:
    lines = []
    for a, b in zip_longest(first.results, second.results):
        shown = [format_observation(result.observation) if result is not None else "nothing" for result in (a, b)]
        if a is None or b is None or a.observation != b.observation:
            lines += _format_both(f"turn {number}: {(a or b).call_id} brings something else", *shown)
    return lines


def _describe_answer(run: Trajectory) -> str:
    sure = "" if run.confidence is None else f" ({format_percent(run.confidence)})"
    return f"{run.answer.text}{sure}" if run.answer is not None else f"none ({run.stop})"


def _format_both(what: str, first: str, second: str) -> list[str]:
    return [what + ":", *(f"  {name}: {_shorten(text)}" for name, text in (("first", first), ("second", second)))]


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_LETTERS else line[: _MOST_LETTERS - 1] + "…"
