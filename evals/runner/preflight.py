"""Checks before a run: reports what is wrong with the files, and which questions can't be asked.

A finding that makes scores meaningless, or a question that can't be run, stops the run unless it is forced.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.datasets.dataset import QuestionSet
from evals.runner.runner import Task

Say = Callable[[str], None]

_GRAVE = frozenset({"id", "answer"})
"""Keys whose findings make scores meaningless."""
_SHOWN = 20
"""Most lines of one kind, before "and N more"."""


@dataclass(frozen=True)
class Playable:
    """The tasks that can be run, and why others can't."""

    tasks: tuple[Task, ...]
    left_out: dict[str, str]
    """Reason why a question can't be run, by its id in the set."""


def check_files(asked_of: QuestionSet, say: Say, *, force: bool) -> None:
    """Reports findings about a set's files, and where questions are asked differently from their authors' intention.

    Args:
        asked_of: the set.
        say: prints a line.
        force: whether to go on in spite of grave findings.

    Raises:
        ValueError: a finding makes scores meaningless, and `force` is False.
    """
    found = [finding for finding in asked_of.findings() if finding.key != "video"]  # the sources tell more of those
    grave = [str(finding) for finding in found if finding.key in _GRAVE] + list(asked_of.asking.unaskable.values())
    _say_lines(say, "lint", [str(finding) for finding in found if finding.key not in _GRAVE])
    _say_lines(say, "lint, grave", grave)
    _say_lines(say, "note", asked_of.remarks)
    if grave and not force:
        raise ValueError(
            f"{len(grave)} findings make scores of {asked_of.name} meaningless: mend them, or give --force"
        )


def select_playable(tasks: Sequence[Task], say: Say, *, force: bool) -> Playable:
    """The tasks whose video is there, as far as that shows without decoding it.

    Args:
        tasks: all tasks.
        say: prints a line.
        force: whether to go on without the others.

    Raises:
        ValueError: a video is missing and `force` is False, or all are missing.
    """
    problems = {source: source.problem() for source in dict.fromkeys(task.shown for task in tasks)}
    good = tuple(task for task in tasks if problems[task.shown] is None)
    left_out = {task.entry.id: why for task in tasks if (why := problems[task.shown]) is not None}
    counts: dict[str, int] = {}
    for why in left_out.values():
        counts[why] = counts.get(why, 0) + 1
    _say_lines(
        say, "can't be played", [f"{why} ({count} question{'s' * (count > 1)})" for why, count in counts.items()]
    )
    if left_out and (not force or not good):
        rest = "" if not good else "; --force plays the rest"
        raise ValueError(f"{len(left_out)} questions can't be played: {next(iter(left_out.values()))}{rest}")
    return Playable(good, left_out)


def _say_lines(say: Say, head: str, lines: Sequence[str]) -> None:
    for line in lines[:_SHOWN]:
        say(f"{head}: {line}")
    if len(lines) > _SHOWN:
        say(f"{head}: and {len(lines) - _SHOWN} more")
