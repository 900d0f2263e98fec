"""Report sections on confidence: calibration, risk against coverage, and abstention."""

from collections.abc import Sequence

from evals.calibration import draw_reliability
from evals.plots.chart import Axis, ChartLine, colour, draw_chart
from evals.report.section import NOT_MEASURED, Chart, ReportTable, Section
from evals.report.stored_run import StoredRun
from evals.statistics.abstention import Abstentions, RiskCoverage, compute_risk_coverage, count_abstentions
from evals.statistics.calibration import BINS, Calibration, JudgedConfidence, calibrate
from evals.statistics.tables import format_percent


def calibration_section(runs: Sequence[StoredRun]) -> Section | None:
    """A section on reliability and risk against coverage; None where no run states a confidence."""
    judged = {run.number: _judge_answers(run) for run in runs}
    stating = [run for run in runs if judged[run.number]]
    if not stating:
        return None
    fits = {run.number: calibrate(judged[run.number]) for run in stating}
    risks = {run.number: compute_risk_coverage(judged[run.number]) for run in stating}
    drawn = (draw_reliability(fits[run.number], run.label) for run in stating if not run.control)
    reliability = tuple(Chart(svg, title) for title, svg in drawn)
    return Section(
        "confidence",
        "Confidence",
        "Dots on the dashed line mean what they say. Last: answering only the surest, how many of those are wrong.",
        (*reliability, _draw_risk(stating, risks), _make_table(stating, fits, risks)),
        (
            f"ECE: mean gap of confidence and accuracy over {BINS} bins; of chance: what a perfectly calibrated policy "
            "with these confidences would show. AURC: area under risk against coverage, beside the best that the same "
            "answers allow and what confidences that say nothing would have. Only answers with a confidence take part.",
        ),
    )


def abstention_section(runs: Sequence[StoredRun]) -> Section | None:
    """A section on abstention; None where no question can be abstained from and no answer abstains."""
    found = {run.label: count_abstentions(run.rows) for run in runs}
    kept = {label: a for label, a in found.items() if a.recall is not None or a.abstained_wrongly or a.cannot_tell}
    if not kept:
        return None
    header = (
        "run",
        "answered right",
        "answered wrong",
        "made up",
        "abstained rightly",
        "abstained wrongly",
        "can't tell",
        "no answer",
        "recall",
        "precision",
        "F1",
    )
    return Section(
        "abstention",
        "Abstention",
        'Made up: answered although the video does not show it. Abstained: said "not shown". Can\'t tell: said so, and '
        "claimed nothing. Recall is over the questions that the video can't answer.",
        (ReportTable(header, tuple((label, *_abstention_cells(a)) for label, a in kept.items())),),
    )


def _abstention_cells(a: Abstentions) -> tuple[str, ...]:
    counts = (
        a.answered_right,
        a.answered_wrong,
        a.answered_nothing_shown,
        a.abstained_rightly,
        a.abstained_wrongly,
        a.cannot_tell + a.cannot_tell_nothing_shown,
        a.no_answer + a.no_answer_nothing_shown,
    )
    shares = (a.recall, a.precision, a.f1 if a.recall is not None else None)
    return (*map(str, counts), *(NOT_MEASURED if x is None else format_percent(x) for x in shares))


def _judge_answers(run: StoredRun) -> tuple[JudgedConfidence, ...]:
    return tuple(
        JudgedConfidence(one.confidence, one.row.value == 1.0)
        for one in run.played
        if one.confidence is not None and one.row.value is not None
    )


def _draw_risk(runs: Sequence[StoredRun], risks: dict[int, RiskCoverage]) -> Chart:
    lines = [
        ChartLine(tuple((p.coverage, p.risk) for p in risks[run.number].points), colour(run.number), run.label)
        for run in runs
    ]
    axes = Axis("share of questions answered", 0.0, 1.0, True), Axis("wrong", 0.0, 1.0, True)
    title = "Errors among the surest answers"
    return Chart(draw_chart(title, *axes, lines), title)


def _make_table(runs: Sequence[StoredRun], fits: dict[int, Calibration], risks: dict[int, RiskCoverage]) -> ReportTable:
    rows = []
    for run in runs:
        fit, risk = fits[run.number], risks[run.number]
        figures = (fit.ece, fit.ece_of_chance, fit.ece_equal_mass, fit.brier, risk.aurc, risk.best, risk.at_random)
        rows.append((run.label, str(fit.count), *(f"{figure:.3f}" for figure in figures)))
    header = ("run", "answers", "ECE", "of chance", "ECE, equal mass", "Brier", "AURC", "best", "at random")
    return ReportTable(header, tuple(rows))
