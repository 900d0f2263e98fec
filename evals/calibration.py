"""Calibration of a run's confidences: of the answers given with 0.8, are 8 in 10 correct?

    python -m evals.calibration questions.jsonl RUN --videos FOLDER --plot reliability.svg

Expected calibration error as in Guo et al., "On Calibration of Modern Neural Networks" (2017), equation 3, with 10
bins of equal width; beside it with bins of equal mass, which a few crowded confidences can't hollow out, and the
Brier score (1950). An answer without a confidence takes no part, and is counted apart.
"""

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

from agent.ending import Parser
from agent.outputs import check_writable, write_output
from evals.command_line import end_with_page
from evals.example import load_examples
from evals.plots.chart import Axis, ChartLine, Dot, draw_chart, svg_file
from evals.runner.run_file import read_stored
from evals.statistics.calibration import (
    BINS,
    Bin,
    Calibration,
    ConfidenceOf,
    JudgedConfidence,
    calibrate,
    judge_confidences,
    read_reported_confidence,
    read_stated_confidence,
)
from evals.statistics.tables import Outcome, format_percent, render_table, score_outcomes


def render_page(played: Sequence[Outcome], readings: Sequence[tuple[str, ConfidenceOf]]) -> str:
    """Markdown report of the calibration of one run by several kinds of confidence; one without values says so."""
    rows, tables = [], []
    for name, confidence_of in readings:
        sorted_ = judge_confidences(played, confidence_of)
        counts = [str(len(sorted_.judged)), str(sorted_.unstated), str(sorted_.left_out)]
        if not sorted_.judged:
            rows.append([name, *counts, *["not measured"] * 4])
            continue
        found = calibrate(sorted_.judged)
        errors = (found.ece, found.ece_of_chance, found.ece_equal_mass, found.brier)
        rows.append([name, *counts, *(f"{error:.3f}" for error in errors)])
        tables += [f"Confidence as {name}:\n\n{bin_table(found)}", kind_table(played, confidence_of)]
    header = ["confidence", "n", "none stated", "not judged", f"ECE ({BINS} bins)", "of chance", "equal mass", "Brier"]
    return "\n\n".join([render_table(header, rows), *tables]) + "\n"


def bin_table(calibration: Calibration) -> str:
    """The reliability diagram as a Markdown table, one row a bin."""
    rows = [
        [str(b.count), f"{b.confidence:.2f}", format_percent(b.accuracy), f"[{100 * b.low:.1f}, {100 * b.high:.1f}]"]
        for b in calibration.bins
    ]
    return render_table(["n", "mean confidence", "right", "95 % interval"], rows)


def kind_table(played: Sequence[Outcome], confidence_of: ConfidenceOf) -> str:
    """Confidence against accuracy by kind of question as a Markdown table; a question of several kinds is in each."""
    kinds: dict[str, list[JudgedConfidence]] = {}
    for outcome in played:
        form = "multiple choice" if outcome.example.question.options else "open"
        for kind in (form, *outcome.example.needs):
            kinds.setdefault(kind, []).extend(judge_confidences([outcome], confidence_of).judged)
    rows = []
    for kind, judged in sorted(kinds.items()):
        if judged:
            confidence = statistics.fmean(item.confidence for item in judged)
            right = statistics.fmean(item.is_right for item in judged)
            cells = [f"{confidence:.2f}", format_percent(right), f"{100 * (confidence - right):+.1f}"]
            rows.append([kind, str(len(judged)), *cells])
    return render_table(["kind", "n", "mean confidence", "right", "too sure by, points"], rows)


def draw_reliability(calibration: Calibration, title: str) -> tuple[str, str]:
    """The reliability diagram beside the diagonal, (title, SVG); the area of a dot grows with its answers."""
    whole = ChartLine(((0.0, 0.0), (1.0, 1.0)), 0)
    axes = Axis("mean confidence", 0.0, 1.0), Axis("right", 0.0, 1.0, is_percent=True)
    head = f"{title}: n = {calibration.count}, ECE {calibration.ece:.3f}"
    return head, draw_chart(head, *axes, [whole, *(_dot(b, calibration.count) for b in calibration.bins)])


def _dot(of: Bin, answers: int) -> Dot:
    told = f"{of.count} answers: confidence {of.confidence:.2f}, right {of.accuracy:.2f} [{of.low:.2f}, {of.high:.2f}]"
    radius = round(3 + 9 * (of.count / answers) ** 0.5, 1)
    return Dot(of.confidence, of.accuracy, of.low, of.high, 1, tip=told, radius=radius)


def _parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser("python -m evals.calibration", description="Does a confidence mean what it says?")
    parser.add_argument("questions", type=Path, metavar="QUESTIONS.jsonl")
    parser.add_argument("run", type=Path, metavar="RUN", help="what evals.run --out wrote")
    parser.add_argument("--videos", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the reported confidence")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> str:
    """The calibration report of a run as Markdown; writes the plot where one is asked for.

    Raises:
        ValueError: the questions or the run can't be read, or there is nothing to draw.
    """
    got = _parse_arguments(arguments)
    check_writable([got.plot], [got.questions])
    trajectories = {t.question.id: t for t in read_stored(got.run)}
    played = score_outcomes(load_examples(got.questions, got.videos), trajectories)
    if got.plot is not None:
        judged = judge_confidences(played, read_reported_confidence).judged
        write_output(got.plot, svg_file([draw_reliability(calibrate(judged), "reported confidence")]))
    return render_page(played, [("stated", read_stated_confidence), ("reported", read_reported_confidence)])


if __name__ == "__main__":
    end_with_page("evals.calibration", main)
