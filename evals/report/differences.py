"""Report section: paired differences of policies to their controls and to other policies."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from evals.report.section import NOT_MEASURED, DrawnInterval, Intervals, ReportTable, Section, format_points
from evals.report.stored_run import StoredRun
from evals.statistics.paired import Comparison, adjust_holm, compare

_OTHER_ANSWERS = frozenset({"unanswerable"})
"""Controls under which other answers are correct, so that a difference would mean nothing."""


@dataclass(frozen=True)
class _DifferencePair:
    first: StoredRun
    second: StoredRun
    found: Comparison

    @property
    def label(self) -> str:
        return f"{self.first.label} − {self.second.label}"


def differences(runs: Sequence[StoredRun]) -> Section | None:
    """A section with the difference of each run to its policy's controls and to other runs; None without a pair."""
    pairs = _find_pairs(runs)
    if not pairs:
        return None
    reach = max(abs(x) for pair in pairs for x in _ends(pair.found)) * 1.05 or 0.1
    drawn = Intervals(
        "First minus second, in points", -reach, reach, tuple(_draw_interval(pair) for pair in pairs), is_signed=True
    )
    return Section(
        "differences",
        "Differences",
        "An interval that holds zero is no finding. Pairs share their questions: hard and easy ones cancel out.",
        (drawn, _table(pairs)),
        (
            "p: McNemar's mid-p over the questions on which the two differ, Holm's over all pairs of this table; it "
            "takes questions of one video as independent, so that the interval is the claim. "
            f"{NOT_MEASURED} where a question has several runs or a score between right and wrong.",
        ),
    )


def _find_pairs(runs: Sequence[StoredRun]) -> list[_DifferencePair]:
    mains = [run for run in runs if not run.control]
    wanted = [
        (main, other)
        for main in mains
        for other in runs
        if other.control and other.control not in _OTHER_ANSWERS and _is_same_player(main, other)
    ]
    wanted += [(a, b) for a, b in combinations(mains, 2) if a.set_key == b.set_key]
    return [_DifferencePair(a, b, found) for a, b in wanted if (found := compare(a.rows, b.rows)) is not None]


def _is_same_player(first: StoredRun, second: StoredRun) -> bool:
    return first.set_key == second.set_key and first.manifest.terms.policy == second.manifest.terms.policy


def _ends(found: Comparison) -> tuple[float, ...]:
    e = found.difference
    return (e.mean, *(x for x in (e.low, e.high) if x is not None))


def _draw_interval(pair: _DifferencePair) -> DrawnInterval:
    e = pair.found.difference
    return DrawnInterval(pair.label, e.mean, e.low, e.high, None, bool(pair.second.control))


def _table(pairs: Sequence[_DifferencePair]) -> ReportTable:
    tested = [pair.found.agreement.mid_p for pair in pairs if pair.found.agreement is not None]
    adjusted = iter(adjust_holm(tested))
    rows = []
    for pair in pairs:
        agreement = pair.found.agreement
        counts = (NOT_MEASURED,) * 3
        if agreement is not None:
            counts = (str(agreement.only_first), str(agreement.only_second), _p(next(adjusted)))
        e = pair.found.difference
        rows.append((pair.label, str(e.n), format_points(e), *counts, str(pair.found.unmatched)))
    header = ("first − second", "questions", "points", "only first right", "only second right", "p", "not in both")
    return ReportTable(header, tuple(rows))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
