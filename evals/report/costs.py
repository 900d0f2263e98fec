"""Report section: cost of the answers in frames, tokens, seconds and dollars, and accuracy against cost."""

from collections.abc import Sequence

from agent.coverage import MOST_FRAME_SECONDS
from evals.plots.chart import Axis, Dot, axis_over, colour, draw_chart, format_short
from evals.report.section import NOT_MEASURED, Chart, ReportTable, Section
from evals.report.stored_run import StoredRun
from evals.statistics.breakdown import Cost, estimate_per_1000_tokens, estimate_per_dollar, summarise_costs
from tools.observation_text import format_percent

_DRAWN = ("frames", "tokens", "seconds", "US dollars")
_UPRIGHT = Axis("right", 0.0, 1.0, is_percent=True)


def cost_section(runs: Sequence[StoredRun]) -> Section:
    """A section with costs a question, and a chart of accuracy against each kind of cost."""
    found = {run.number: {cost.name: cost for cost in summarise_costs(run.rows)} for run in runs}
    drawn = tuple(x for name in _DRAWN if (x := _draw_against(name, runs, found)) is not None)
    return Section(
        "cost",
        "Cost",
        "Per question, of all its samples. Up and to the left is better.",
        (*drawn, _table(runs, found), _coverage_table(runs)),
        (
            "Seconds are those of turns and tools, indexing not included. Right per 1,000 tokens and per dollar: sum "
            f"of scores over sum of costs. {NOT_MEASURED} was not measured, which is not zero.",
        ),
    )


def _table(runs: Sequence[StoredRun], found: dict[int, dict[str, Cost]]) -> ReportTable:
    names = dict.fromkeys(name for costs_of in found.values() for name in costs_of)
    rows = []
    for run in runs:
        cells = [_format_cost(found[run.number].get(name)) for name in names]
        ratios = (estimate_per_1000_tokens(run.rows), estimate_per_dollar(run.rows))
        rows.append((run.label, *cells, *(NOT_MEASURED if one is None else f"{one.mean:.3g}" for one in ratios)))
    header = ("run", *names, "right per 1,000 tokens", "right per dollar")
    return ReportTable(header, tuple(rows), "Mean, median, 95th percentile, most")


def _coverage_table(runs: Sequence[StoredRun]) -> ReportTable:
    rows = []
    for run in runs:
        shares = zip(*(one.looked_at for one in run.played), strict=True)
        rows.append((run.label, *(format_percent(sum(of_each) / len(of_each)) for of_each in shares)))
    header = ("run", "seen in frames", "searched by picture", "read for text", "heard")
    caption = f"How much of the video, on average; a frame stands for at most {MOST_FRAME_SECONDS:g} s"
    return ReportTable(header, tuple(rows), caption)


def _format_cost(cost: Cost | None) -> str:
    if cost is None:
        return NOT_MEASURED
    return " / ".join(format_short(value) for value in (cost.mean, cost.median, cost.p95, cost.most))


def _draw_against(name: str, runs: Sequence[StoredRun], found: dict[int, dict[str, Cost]]) -> Chart | None:
    """A chart of accuracy against mean cost; None where fewer than two runs measured it, or all cost nothing."""
    dots = []
    for run in runs:
        mean = run.line.estimate
        if name not in found[run.number] or mean is None:
            continue
        cost = found[run.number][name].mean
        tip = f"{run.label}: {100 * mean.mean:.1f} % right, {cost:,.4g} {name}"
        dots.append(Dot(cost, mean.mean, mean.low, mean.high, colour(run.number), str(run.number), tip))
    if len(dots) < 2 or not any(dot.x for dot in dots):
        return None
    across = axis_over(f"{name} a question, mean", [dot.x for dot in dots])
    return Chart(draw_chart(f"Right answers against {name}", across, _UPRIGHT, dots), f"Right answers against {name}")
