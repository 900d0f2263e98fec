"""Report section: accuracy by length of the video, kind, need and the set's own categories, for all runs."""

from collections.abc import Sequence

from evals.report.section import NOT_MEASURED, ReportTable, Section, format_share
from evals.report.stored_run import StoredRun
from evals.statistics.breakdown import FEW, BreakdownLine, break_down, keys
from evals.statistics.row import DURATIONS

_TITLES = {"duration": "Length of the video", "kind": "Kind of question", "needs": "What the question needs"}
_MOST_LABELS = 60
"""Most labels of a key; one with more is an id and no category."""


def breakdowns(runs: Sequence[StoredRun]) -> Section | None:
    """A section with a table for each key and a column for each run; None where no key has two labels."""
    wanted = dict.fromkeys(key for run in runs for key in keys(run.rows))
    tables = tuple(table for key in wanted if (table := _table(key, runs)) is not None)
    if not tables:
        return None
    note = f"* fewer than {FEW} questions: the interval is wider than most differences between rows."
    lede = (
        "Columns of few questions are decoration: mind the intervals. A question may be in several rows of one table."
    )
    return Section("breakdowns", "Breakdowns", lede, tables, (note,))


def _table(key: str, runs: Sequence[StoredRun]) -> ReportTable | None:
    order = DURATIONS if key == "duration" else ()
    found = {run.label: {x.label: x for x in break_down(run.rows, key, order)} for run in runs}
    having = [run.label for run in runs if found[run.label]]
    labels = dict.fromkeys(label for by_label in found.values() for label in by_label)
    if not 2 <= len(labels) <= _MOST_LABELS:
        return None
    ranked = sorted(labels, key=lambda label: order.index(label) if label in order else len(order))
    rows = tuple(
        (label, _count(label, found, having), *(_cell(found[r].get(label)) for r in having)) for label in ranked
    )
    return ReportTable(("", "questions", *having), rows, _TITLES.get(key, key))


def _count(label: str, found: dict[str, dict[str, BreakdownLine]], having: Sequence[str]) -> str:
    """Number of questions in the row, in the run that has most."""
    lines = [found[run][label] for run in having if label in found[run]]
    return str(max((x.estimate.n for x in lines if x.estimate is not None), default=0))


def _cell(line: BreakdownLine | None) -> str:
    if line is None or line.estimate is None:
        return NOT_MEASURED
    return format_share(line.estimate) + (" *" if line.estimate.n < FEW else "")
