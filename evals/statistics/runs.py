"""Statistics of several runs of the same questions: their mean, and apart from it how much they differ.

A question's runs are averaged first, then videos are drawn: the interval says how the mean would move with other
videos. The spread between runs says how it moves when the same questions are asked again.
"""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evals.statistics.bootstrap import BootstrapEstimate, estimate_mean
from evals.statistics.row import ResultRow


@dataclass(frozen=True, slots=True)
class QuestionRuns:
    """All runs of one question that could be scored; at least one."""

    question: str
    cluster: str
    options: int
    """Number of options for guessing: 0 for an open question, and where "not shown" is correct."""
    values: tuple[float, ...]
    said: tuple[str, ...]

    @property
    def mean(self) -> float:
        """Mean score of the question's runs."""
        return sum(self.values) / len(self.values)

    @property
    def is_right(self) -> tuple[bool, ...]:
        """Whether each run is fully correct."""
        return tuple(value == 1.0 for value in self.values)

    @property
    def voted(self) -> float:
        """Score of the answer that most runs gave; with a tie the mean of the tied answers."""
        votes: dict[str, list[float]] = defaultdict(list)
        for said, value in zip(self.said, self.values, strict=True):
            votes[said.casefold()].append(value)
        most = max(len(values) for values in votes.values())
        return statistics.fmean(v for values in votes.values() if len(values) == most for v in values)


@dataclass(frozen=True)
class Runs:
    """Statistics of several runs of the same questions."""

    estimate: BootstrapEstimate
    """Mean over runs, then over questions, clustered by video."""
    by_run: Mapping[int, float]
    """Mean score of each run, over the questions that it could score."""
    spread: float | None
    """Sample standard deviation of `by_run`; None for a single run."""
    always_right: float
    """Share of questions that every run gets right."""
    voted: float
    """Mean score of the answer that most runs give."""
    changing: float
    """Share of questions whose answer is not the same in all runs."""


def group_by_question(rows: Iterable[ResultRow]) -> tuple[QuestionRuns, ...]:
    """Groups rows by question, in order of first appearance; rows without a score are left out.

    Raises:
        ValueError: one run has a question twice, or a question changes its video.
    """
    by_question: dict[str, list[ResultRow]] = defaultdict(list)
    for row in rows:
        if row.value is not None:
            by_question[row.question].append(row)
    return tuple(_make_question_runs(runs) for runs in by_question.values())


def _make_question_runs(runs: Sequence[ResultRow]) -> QuestionRuns:
    first = runs[0]
    if len({row.run for row in runs}) < len(runs):
        raise ValueError(f"{first.question} is there twice in one run; give each run its own number")
    if any(row.cluster != first.cluster for row in runs):
        raise ValueError(f"{first.question} is of several videos: {sorted({row.cluster for row in runs})}")
    values = tuple(row.value for row in runs if row.value is not None)
    options = first.options if first.is_answerable else 0
    return QuestionRuns(first.question, first.cluster, options, values, tuple(row.said for row in runs))


def estimate_mean_of(questions: Sequence[QuestionRuns], *, seed: int = 0) -> BootstrapEstimate:
    """The mean over questions of the mean over runs, with its interval."""
    return estimate_mean([q.mean for q in questions], [q.cluster for q in questions], seed=seed)


def summarise_runs(rows: Sequence[ResultRow]) -> Runs:
    """Computes the statistics of several runs.

    Raises:
        ValueError: nothing is scored, or one run has a question twice.
    """
    questions = group_by_question(rows)
    if not questions:
        raise ValueError(f"need at least one scored answer, got none among {len(rows)}")
    values: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        if row.value is not None:
            values[row.run].append(row.value)
    by_run = {run: statistics.fmean(values[run]) for run in sorted(values)}
    return Runs(
        estimate=estimate_mean_of(questions),
        by_run=by_run,
        spread=statistics.stdev(by_run.values()) if len(by_run) > 1 else None,
        always_right=statistics.fmean(all(q.is_right) for q in questions),
        voted=statistics.fmean(q.voted for q in questions),
        changing=statistics.fmean(len({said.casefold() for said in q.said}) > 1 for q in questions),
    )
