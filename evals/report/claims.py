"""Report section: whether the claims of answers are on record, and whether the times that they name were looked at."""

from collections.abc import Callable, Sequence

from evals.report.section import NOT_MEASURED, ReportTable, Section, format_share
from evals.report.stored_run import StoredResult, StoredRun
from evals.scoring.claims import SLACK_SECONDS
from evals.statistics.bootstrap import estimate_ratio


def claims_section(runs: Sequence[StoredRun]) -> Section | None:
    """A section on claims and named times; None where no answer claims anything."""
    rows = tuple(_row(run) for run in runs if any(sum(one.claims) for one in run.played))
    if not rows:
        return None
    header = (
        "run",
        "claims",
        "on record",
        "not on record",
        "no evidence",
        "right, all on record",
        "right, else",
        "times named",
        "never looked at",
    )
    return Section(
        "claims",
        "Claims",
        "Each claim of an answer by its own evidence; an answer that was not taken apart is one claim.",
        (ReportTable(header, rows),),
        (
            "On record: the tools did bring what is cited, which says nothing yet of what it shows. A named time was "
            f"never looked at if nothing within {SLACK_SECONDS:g} s of it was seen, searched, read or heard. Answers "
            "that abstain claim nothing.",
        ),
    )


def _row(run: StoredRun) -> tuple[str, ...]:
    claiming = [one for one in run.played if sum(one.claims)]
    founded = [one for one in claiming if one.claims[0] == sum(one.claims)]
    others = [one for one in claiming if one.claims[0] != sum(one.claims)]
    naming = [one for one in run.played if one.times[0]]
    return (
        run.label,
        str(sum(sum(one.claims) for one in claiming)),
        _share(claiming, lambda one: one.claims[0], lambda one: sum(one.claims)),
        _share(claiming, lambda one: one.claims[1], lambda one: sum(one.claims)),
        _share(claiming, lambda one: one.claims[2], lambda one: sum(one.claims)),
        _accuracy(founded),
        _accuracy(others),
        str(sum(one.times[0] for one in naming)),
        _share(naming, lambda one: one.times[1], lambda one: one.times[0]),
    )


def _accuracy(group: Sequence[StoredResult]) -> str:
    return _share([one for one in group if one.row.value is not None], lambda one: one.row.value or 0.0, lambda _: 1)


def _share(
    group: Sequence[StoredResult], top: Callable[[StoredResult], float], bottom: Callable[[StoredResult], float]
) -> str:
    if not group:
        return NOT_MEASURED
    clusters = [one.row.cluster for one in group]
    return format_share(estimate_ratio([top(one) for one in group], [bottom(one) for one in group], clusters))
