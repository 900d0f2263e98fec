"""Report section: how often the evidence of answers overlaps the reference, and how tightly."""

from collections.abc import Callable, Sequence

from evals.report.section import NOT_MEASURED, ReportTable, Section, format_share
from evals.report.stored_run import StoredResult, StoredRun
from evals.statistics.bootstrap import BootstrapEstimate, estimate_mean


def evidence_section(runs: Sequence[StoredRun]) -> Section | None:
    """A section with hit rate, IoU, and accuracy with and without a hit; None where no set has reference spans."""
    rows = tuple(row for run in runs if (row := _row(run)) is not None)
    if not rows:
        return None
    header = ("run", "answers", "evidence meets the reference", "overlap (IoU)", "right on a hit", "right without one")
    lede = (
        "A hit can be had with a span over the whole video; the overlap can't. An answer that is right without a hit "
        "may have been guessed."
    )
    return Section("evidence", "Evidence", lede, (ReportTable(header, rows),), (_NOTE,))


_NOTE = "Not measured under controls that change the times, or show another video."


def _row(run: StoredRun) -> tuple[str, ...] | None:
    measured = [one for one in run.played if one.hit is not None]
    if not measured:
        return None
    return (
        run.label,
        str(len(measured)),
        _share(measured, lambda one: float(bool(one.hit))),
        _share([one for one in measured if one.iou is not None], lambda one: one.iou or 0.0),
        _share([one for one in measured if one.hit], lambda one: one.row.value or 0.0),
        _share([one for one in measured if not one.hit], lambda one: one.row.value or 0.0),
    )


def _share(group: Sequence[StoredResult], value: Callable[[StoredResult], float]) -> str:
    if not group:
        return NOT_MEASURED
    estimate: BootstrapEstimate = estimate_mean([value(one) for one in group], [one.row.cluster for one in group])
    return format_share(estimate)
