"""Measures whether a policy has learned to zoom: how often it does, and its accuracy with and without zooming."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.trajectory import Malformed, Trajectory
from evals.example import Example
from evals.runner.run_file import read_stored
from evals.scoring.scoring import score
from evals.statistics.stats import wilson

IN_WORDS = ("caption", "read_text", "search_text")
READ = "read"
"""Need of a question whose answer is too small to be seen on a whole frame."""


@dataclass(frozen=True)
class LookCounts:
    """Counts over the trajectories of one evaluation run."""

    questions: int
    right: int
    scored: int
    read_right: int
    read_scored: int
    """Scored questions among those that need reading."""
    zoomed: int
    """Trajectories with a zoom that worked."""
    read_zoomed: int
    read_questions: int
    told: int
    """Trajectories in which a tool put something of a picture into words, so that no seeing was needed."""
    parsed_turns: int
    turns: int
    calls: int
    frames: int


def count_run(run: Path, examples: Mapping[str, Example]) -> LookCounts:
    """Counts of a stored run whose questions were asked as they are in the set.

    Raises:
        ValueError: there is no run, or it is about another set.
    """
    trajectories = read_stored(run)
    if unknown := {one.question.id for one in trajectories} - set(examples):
        raise ValueError(f"{run} is about other questions, such as {min(unknown)}")
    return count_looks([(examples[one.question.id], one) for one in trajectories])


def count_looks(played: Sequence[tuple[Example, Trajectory]]) -> LookCounts:
    """Counts over pairs of example and trajectory."""
    read = [pair for pair in played if READ in pair[0].needs]
    values, read_values = ([score(*pair).value for pair in some] for some in (played, read))
    every = [trajectory for _, trajectory in played]
    moves = [step.turn.move for one in every for step in one.steps if not step.turn.is_opening]
    return LookCounts(
        questions=len(played),
        right=sum(value == 1.0 for value in values),
        scored=sum(value is not None for value in values),
        read_right=sum(value == 1.0 for value in read_values),
        read_scored=sum(value is not None for value in read_values),
        zoomed=sum(map(has_zoomed, every)),
        read_zoomed=sum(has_zoomed(one) for _, one in read),
        read_questions=len(read),
        told=sum(_has_worked(one, IN_WORDS) for one in every),
        parsed_turns=sum(not isinstance(move, Malformed) for move in moves),
        turns=len(moves),
        calls=sum(len(one.calls) for one in every),
        frames=sum(len(result.observation.frames) for one in every for result in one.results),
    )


def has_zoomed(trajectory: Trajectory) -> bool:
    """Whether a call of `zoom` in the run worked."""
    return _has_worked(trajectory, ("zoom",))


def _has_worked(trajectory: Trajectory, names: Sequence[str]) -> bool:
    calls = {call.id for call in trajectory.calls if call.name in names}
    return any(result.call_id in calls and not result.observation.is_error for result in trajectory.results)


def render_table(rows: Sequence[tuple[str, str, LookCounts]]) -> str:
    """Markdown table of (model, control, counts); shares with Wilson's 95 % interval."""
    head = (
        "model",
        "control",
        "right",
        "right of reading",
        "zoom",
        "zoom of reading",
        "told by a tool",
        "turns that parse",
    )
    lines = [head, ("---",) * len(head)]
    for model, control, found in rows:
        shares = (
            _share(found.right, found.scored),
            _share(found.read_right, found.read_scored),
            _share(found.zoomed, found.questions),
            _share(found.read_zoomed, found.read_questions),
            _share(found.told, found.questions),
            _share(found.parsed_turns, found.turns),
        )
        lines.append((model, control, *shares))
    means = [
        f"{model}, {control}: {found.calls / found.questions:.1f} calls and {found.frames / found.questions:.1f} frames"
        for model, control, found in rows
        if found.questions
    ]
    written = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return written + "\n\nA question: " + "; ".join(means) + "."


def _share(right: int, count: int) -> str:
    if not count:
        return "none"
    low, high = wilson(right, count)
    return f"{right} of {count} ({100 * right / count:.0f} %, {100 * low:.0f}-{100 * high:.0f})"
