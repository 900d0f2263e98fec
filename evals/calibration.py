"""Calibration of a run's confidences: of the answers given with 0.8, are 8 in 10 correct?

    python -m evals.calibration questions.jsonl RUN --videos FOLDER --plot reliability.svg

Expected calibration error as in Guo et al., "On Calibration of Modern Neural Networks" (2017), equation 3, with 10
bins of equal width; beside it with bins of equal mass, which a few crowded confidences can't hollow out, and the
Brier score (1950). An answer without a confidence takes no part, and is counted apart.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from agent.ending import Parser
from agent.outputs import check_writable, write_output
from evals.command_line import end_with_page
from evals.example import load_examples
from evals.plots.chart import Axis, ChartLine, Dot, chart, svg_file
from evals.runner.run_file import stored
from evals.statistics.calibration import BINS, Bin, Calibration, ConfidenceOf, calibrate, judged, reported, stated
from evals.statistics.tables import Outcome, markdown, outcomes, percent


def page(played: Sequence[Outcome], readings: Sequence[tuple[str, ConfidenceOf]]) -> str:
    """Markdown report of the calibration of one run by several kinds of confidence; one without values says so."""
    rows, tables = [], []
    for name, confidence_of in readings:
        sorted_ = judged(played, confidence_of)
        counts = [str(len(sorted_.judged)), str(sorted_.unstated), str(sorted_.left_out)]
        if not sorted_.judged:
            rows.append([name, *counts, *["not measured"] * 4])
            continue
        found = calibrate(sorted_.judged)
        errors = (found.ece, found.ece_of_chance, found.ece_equal_mass, found.brier)
        rows.append([name, *counts, *(f"{error:.3f}" for error in errors)])
        tables.append(f"Confidence as {name}:\n\n{bin_table(found)}")
    header = ["confidence", "n", "none stated", "not judged", f"ECE ({BINS} bins)", "of chance", "equal mass", "Brier"]
    return "\n\n".join([markdown(header, rows), *tables]) + "\n"


def bin_table(calibration: Calibration) -> str:
    """The reliability diagram as a Markdown table, one row a bin."""
    rows = [
        [str(b.count), f"{b.confidence:.2f}", percent(b.accuracy), f"[{100 * b.low:.1f}, {100 * b.high:.1f}]"]
        for b in calibration.bins
    ]
    return markdown(["n", "mean confidence", "right", "95 % interval"], rows)


def plot(calibration: Calibration, title: str) -> str:
    """The reliability diagram as an SVG file, beside the diagonal; the area of a dot grows with its answers."""
    whole = ChartLine(((0.0, 0.0), (1.0, 1.0)), 0)
    axes = Axis("mean confidence", 0.0, 1.0), Axis("right", 0.0, 1.0, is_percent=True)
    head = f"{title}: n = {calibration.count}, ECE {calibration.ece:.3f}"
    return svg_file([(head, chart(head, *axes, [whole, *(_dot(b, calibration.count) for b in calibration.bins)]))])


def _dot(of: Bin, answers: int) -> Dot:
    told = f"{of.count} answers: confidence {of.confidence:.2f}, right {of.accuracy:.2f} [{of.low:.2f}, {of.high:.2f}]"
    radius = round(3 + 9 * (of.count / answers) ** 0.5, 1)
    return Dot(of.confidence, of.accuracy, of.low, of.high, 1, tip=told, radius=radius)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
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
    got = _parsed(arguments)
    check_writable([got.plot], [got.questions])
    trajectories = {t.question.id: t for t in stored(got.run)}
    played = outcomes(load_examples(got.questions, got.videos), trajectories)
    if got.plot is not None:
        write_output(got.plot, plot(calibrate(judged(played, reported).judged), "reported confidence"))
    return page(played, [("stated", stated), ("reported", reported)])


if __name__ == "__main__":
    end_with_page("evals.calibration", main)
