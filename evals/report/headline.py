"""Report section: accuracy of each run by each profile, with intervals, beside chance."""

from collections.abc import Sequence

from evals.report.section import (
    NOT_MEASURED,
    DrawnInterval,
    Intervals,
    Part,
    ReportTable,
    Section,
    format_points,
    format_share,
)
from evals.report.stored_run import StoredRun
from evals.statistics.breakdown import summarise_rows
from evals.statistics.pass_at_k import estimate_passes
from evals.statistics.runs import summarise_runs
from evals.statistics.stats import CONFIDENCE
from evals.statistics.tables import format_percent

_KS = (2, 4, 8, 16)
_GROUPED = "accuracy "
"""Prefix of a set's metrics by group, which have a section of their own."""


def headline(runs: Sequence[StoredRun]) -> Section:
    """The section on the accuracy of every run."""
    drawn = tuple(
        DrawnInterval(run.label, e.mean, e.low, e.high, run.line.chance, bool(run.control))
        for run in runs
        if (e := run.line.estimate) is not None
    )
    rows = tuple(
        (
            run.label,
            run.set_name,
            run.control or "none",
            run.manifest.terms.wording,
            NOT_MEASURED if (e := run.line.estimate) is None else str(e.n),
            NOT_MEASURED if e is None else str(e.clusters),
            format_share(e),
            format_percent(run.line.chance),
            str(run.line.unscored),
        )
        for run in runs
    )
    header = ("run", "set", "control", "prompt", "questions", "videos", "right", "guessing", "not scored")
    parts: list[Part] = [Intervals("Right answers, strict, in percent", 0.0, 1.0, drawn, "guessing")] if drawn else []
    parts.append(ReportTable(header, rows))
    parts += [
        part
        for part in (_profile_table(runs), *map(_metric_table, runs), _repeated_table(runs), _pass_table(runs))
        if part is not None
    ]
    return Section("accuracy", "Accuracy", _lede(runs), tuple(parts), _notes(runs))


def _lede(runs: Sequence[StoredRun]) -> str:
    count = sum(len(run.played) for run in runs)
    return (
        f"{count:,} stored answers, scored again for this report. The strict profile is the headline: no answer is a "
        "wrong answer. What was broken off by a bug or a server that was gone says nothing of the answer: it is not "
        "scored, and counted."
    )


def _notes(runs: Sequence[StoredRun]) -> tuple[str, ...]:
    interval = f"Intervals: {100 * CONFIDENCE:.0f} %, by drawing videos and not questions (BCa at widened levels)."
    partial = [
        f"{run.label}: {seen} of {run.manifest.asked} questions are there so far."
        for run in runs
        if (seen := len({row.question for row in run.rows})) < run.manifest.asked
    ]
    left_out = [
        f"{run.label}: {count} question{'s were' if count > 1 else ' was'} not asked, for example: "
        f"{next(iter(run.manifest.left_out.values()))}"
        for run in runs
        if (count := len(run.manifest.left_out))
    ]
    remarks = dict.fromkeys(f"{run.set_name}: {remark}" for run in runs for remark in run.manifest.remarks)
    return (interval, *partial, *left_out, *remarks)


def _profile_table(runs: Sequence[StoredRun]) -> ReportTable | None:
    profiles = tuple(dict.fromkeys(profile for run in runs for profile in run.profiles))
    if len(profiles) < 2:
        return None
    rows = tuple(
        (
            run.label,
            *(
                format_share(summarise_rows(p, run.rows_by(p)).estimate) if p in run.profiles else NOT_MEASURED
                for p in profiles
            ),
        )
        for run in runs
        if len(run.profiles) > 1
    )
    return ReportTable(("run", *profiles), rows, "The same answers by each set of rules")


def _metric_table(run: StoredRun) -> ReportTable | None:
    """A table of the metrics that a published set's authors report, from the first run of each question."""
    if not run.said:
        return None
    by_profile = {profile: run.questions.metrics(run.said, profile) for profile in run.profiles}
    names = dict.fromkeys(n for found in by_profile.values() for n in found if not n.startswith(_GROUPED))
    rows = tuple(
        (name, *(f"{m:.1f}" if (m := by_profile[p].get(name)) is not None else NOT_MEASURED for p in run.profiles))
        for name in names
    )
    return (
        ReportTable((f"metric of {run.set_name}", *run.profiles), rows, f"{run.label}, by the set's own metrics")
        if rows
        else None
    )


def _repeated_table(runs: Sequence[StoredRun]) -> ReportTable | None:
    """A table of how much runs of the same questions differ; None without several runs."""
    rows = []
    for run in runs:
        if len({row.run for row in run.rows}) < 2 or all(row.value is None for row in run.rows):
            continue
        found = summarise_runs(run.rows)
        by_run = ", ".join(f"{100 * mean:.1f}" for mean in found.by_run.values())
        spread = NOT_MEASURED if found.spread is None else f"{100 * found.spread:.1f}"
        shares = (found.always_right, found.voted, found.changing)
        rows.append((run.label, by_run, spread, *map(format_percent, shares)))
    header = ("run", "mean of each run", "spread (SD)", "always right", "right by vote", "answer changes")
    return (
        ReportTable(header, tuple(rows), "Questions asked several times, or with their options in other orders")
        if rows
        else None
    )


def _pass_table(runs: Sequence[StoredRun]) -> ReportTable | None:
    """A table of pass@k beside guessing; not for controls, whose runs differ in what is asked."""
    rows = tuple(
        (
            run.label,
            str(one.k),
            format_share(one.estimate),
            format_percent(one.floor),
            format_points(one.above_floor),
            str(one.left_out),
        )
        for run in runs
        if not run.control and (count := len({row.run for row in run.rows})) > 1
        for one in estimate_passes(run.rows, [k for k in _KS if k <= count])
    )
    header = ("run", "k", "pass@k", "guessing", "points above it", "questions with fewer runs")
    return ReportTable(header, rows, "One of k runs is right") if rows else None
