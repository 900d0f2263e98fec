"""What is said before anything is run: what is wrong with the files, and what can't be asked.

What would make scores meaningless, or can't be played, stops a run unless it is told to go on without it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.datasets.dataset import QuestionSet
from evals.runner.runner import Task

Say = Callable[[str], None]

_GRAVE = frozenset({"id", "answer"})
"""Findings about these keys make scores meaningless."""
_SHOWN = 20
"""Lines of one kind before "and N more"."""


@dataclass(frozen=True)
class Playable:
    """What can be played of what was to be."""

    tasks: tuple[Task, ...]
    left_out: dict[str, str]
    """Why a question can't be, by its id in the set."""


def check_files(asked_of: QuestionSet, say: Say, *, force: bool) -> None:
    """Says what is wrong with a set, and what of it is asked otherwise than its authors mean it.

    Raises:
        ValueError: something that makes scores meaningless, and no `force`.
    """
    found = [finding for finding in asked_of.findings() if finding.key != "video"]  # the sources tell more of those
    grave = [str(finding) for finding in found if finding.key in _GRAVE] + list(asked_of.asking.unaskable.values())
    _list(say, "lint", [str(finding) for finding in found if finding.key not in _GRAVE])
    _list(say, "lint, grave", grave)
    _list(say, "note", asked_of.remarks)
    if grave and not force:
        raise ValueError(
            f"{len(grave)} findings make scores of {asked_of.name} meaningless: mend them, or give --force"
        )


def playable(tasks: Sequence[Task], say: Say, *, force: bool) -> Playable:
    """The tasks whose footage is there, as far as that shows without decoding it.

    Raises:
        ValueError: there is some that is not, and no `force`; or there is none at all.
    """
    problems = {source: source.problem() for source in dict.fromkeys(task.shown for task in tasks)}
    good = tuple(task for task in tasks if problems[task.shown] is None)
    left_out = {task.entry.id: why for task in tasks if (why := problems[task.shown]) is not None}
    counts: dict[str, int] = {}
    for why in left_out.values():
        counts[why] = counts.get(why, 0) + 1
    _list(say, "can't be played", [f"{why} ({count} question{'s' * (count > 1)})" for why, count in counts.items()])
    if left_out and (not force or not good):
        rest = "" if not good else "; --force plays the rest"
        raise ValueError(f"{len(left_out)} questions can't be played: {next(iter(left_out.values()))}{rest}")
    return Playable(good, left_out)


def _list(say: Say, head: str, lines: Sequence[str]) -> None:
    for line in lines[:_SHOWN]:
        say(f"{head}: {line}")
    if len(lines) > _SHOWN:
        say(f"{head}: and {len(lines) - _SHOWN} more")
