"""Accuracy by groups of questions, and costs a question.

Correct answers per 1,000 tokens, or per dollar, are sum of scores over sum of costs: a ratio of sums, since the mean of
each question's ratio would be dominated by the few cheapest.
"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evals.statistics.bootstrap import BootstrapEstimate, estimate_ratio
from evals.statistics.row import ResultRow
from evals.statistics.runs import estimate_mean_of, group_by_question

FEW = 20
"""Number of questions below which a row is marked: its interval is wider than most differences between rows."""


@dataclass(frozen=True)
class BreakdownLine:
    """Statistics of the questions with one label."""

    label: str
    estimate: BootstrapEstimate | None
    """Mean score, with runs of a question averaged first; None where nothing is scored."""
    chance: float
    """Expected score of guessing among the options; an open question is never correct by chance."""
    unscored: int
    """Number of rows without a score."""

    @property
    def note(self) -> str:
        """Remark for the reader of the row; empty for none."""
        if self.estimate is None:
            return "not scored"
        return f"n < {FEW}" if self.estimate.n < FEW else ""


@dataclass(frozen=True)
class Cost:
    """Distribution of one kind of cost over questions."""

    name: str
    measured: int
    """Number of rows in which the cost was measured, and over which the figures are."""
    mean: float
    median: float
    p95: float
    """Smallest cost that 95 of 100 rows do not exceed."""
    most: float


COSTS: tuple[tuple[str, Callable[[ResultRow], float | None]], ...] = (
    ("seconds", lambda row: row.seconds),
    ("turns", lambda row: row.turns),
    ("frames", lambda row: row.frames),
    ("tokens", lambda row: row.tokens),
    ("US dollars", lambda row: row.cost_usd),
)


def break_down(rows: Sequence[ResultRow], key: str, order: Sequence[str] = ()) -> tuple[BreakdownLine, ...]:
    """Statistics for each label of a key; a question with several labels counts in each.

    Args:
        rows: the rows.
        key: key of the groups.
        order: labels that come first, in this order.
    """
    groups: dict[str, list[ResultRow]] = defaultdict(list)
    for row in rows:
        for name, label in dict.fromkeys(row.groups):
            if name == key:
                groups[label].append(row)
    places = {label: place for place, label in enumerate(order)}
    return tuple(
        summarise_rows(label, groups[label]) for label in sorted(groups, key=lambda x: (places.get(x, len(order)), x))
    )


def keys(rows: Sequence[ResultRow]) -> tuple[str, ...]:
    """Keys by which the rows can be broken down, in order of first appearance."""
    return tuple(dict.fromkeys(name for row in rows for name, _ in row.groups))


def summarise_rows(label: str, rows: Sequence[ResultRow]) -> BreakdownLine:
    """Statistics of all rows together.

    Raises:
        ValueError: there are no rows, or one run has a question twice.
    """
    if not rows:
        raise ValueError(f"need at least one row for {label!r}")
    questions = group_by_question(rows)
    guesses = {row.question: 1 / row.options if row.options and row.is_answerable else 0.0 for row in rows}
    return BreakdownLine(
        label=label,
        estimate=estimate_mean_of(questions) if questions else None,
        chance=statistics.fmean(guesses.values()),
        unscored=sum(row.value is None for row in rows),
    )


def estimate_per_1000_tokens(rows: Sequence[ResultRow]) -> BootstrapEstimate | None:
    """Correct answers per 1,000 tokens; None where nothing is scored, or tokens were not all measured or are all 0."""
    return _estimate_per(rows, lambda row: None if row.tokens is None else row.tokens / 1000)


def estimate_per_dollar(rows: Sequence[ResultRow]) -> BootstrapEstimate | None:
    """Correct answers per US dollar; None where nothing is scored, or prices were not all known or are all 0."""
    return _estimate_per(rows, lambda row: row.cost_usd)


def _estimate_per(rows: Sequence[ResultRow], cost: Callable[[ResultRow], float | None]) -> BootstrapEstimate | None:
    scored = [(row.value, cost(row), row.cluster) for row in rows if row.value is not None]
    measured = [(value, spent, cluster) for value, spent, cluster in scored if spent is not None]
    if len(measured) < len(scored) or not any(spent for _, spent, _ in measured):
        return None
    values, spents, clusters = zip(*measured, strict=True)
    return estimate_ratio(values, spents, clusters)


def summarise_costs(rows: Sequence[ResultRow]) -> tuple[Cost, ...]:
    """Cost of a question, in each kind that was measured at all."""
    measured = ((name, sorted(x for row in rows if (x := value(row)) is not None)) for name, value in COSTS)
    return tuple(
        Cost(
            name,
            len(found),
            statistics.fmean(found),
            statistics.median(found),
            # ceil(0.95 n) in whole numbers: 0.95 * 20 is not quite 19 in floats
            found[-(-95 * len(found) // 100) - 1],
            found[-1],
        )
        for name, found in measured
        if found
    )
