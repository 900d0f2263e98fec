"""Does a confidence mean what it says: of the answers given with 0.8, are 8 in 10 right?

    python -m evals.calibration questions.jsonl RUN --videos FOLDER --plot reliability.svg

Expected calibration error as in Guo et al., "On Calibration of Modern Neural Networks" (2017), equation 3, with 10
bins of equal width; beside it with bins of equal mass, which a few crowded confidences can't hollow out, and the
Brier score (1950). An answer without a confidence takes no part, and is counted apart.
"""

import argparse
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.ending import Parser
from agent.outputs import check_writable, write_output
from agent.trajectory import Trajectory
from evals.command_line import end_with_page
from evals.example import load_examples
from evals.figures.reliability_plot import Point, reliability_svg
from evals.figures.stats import wilson
from evals.run_file import stored
from evals.tables import Outcome, markdown, outcomes, percent

BINS = 10
_DRAWS = 2000

ConfidenceOf = Callable[[Trajectory], float | None]
"""Which confidence of a trajectory is meant, 0..1; None where it has none."""


@dataclass(frozen=True)
class Judged:
    """One answer: how sure it was, and whether it is right."""

    confidence: float
    is_right: bool

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"need 0 <= confidence <= 1, got {self.confidence:g}")


@dataclass(frozen=True)
class Bin:
    """The answers of about one confidence; never empty."""

    count: int
    confidence: float
    """Mean confidence, 0..1."""
    accuracy: float
    low: float
    """Wilson's 95 % interval of the accuracy. It takes answers as independent, which those of one video are not."""
    high: float


@dataclass(frozen=True)
class Calibration:
    """How far confidence and accuracy are apart."""

    bins: tuple[Bin, ...]
    """Of equal width; empty ones left out."""
    ece: float
    """0 is perfect; from bins of equal width."""
    ece_equal_mass: float
    brier: float
    """Mean square of confidence minus outcome: 0 is perfect, always saying 0.5 gives 0.25."""
    ece_of_chance: float
    """What a perfectly calibrated policy with these confidences would show on average: with few answers not 0."""
    count: int


@dataclass(frozen=True)
class Sorted:
    """What takes part in a calibration, and what does not."""

    judged: tuple[Judged, ...]
    unstated: int
    """Answers without a confidence."""
    left_out: int
    """Without an answer, or not scored."""


def stated(trajectory: Trajectory) -> float | None:
    """The confidence as the policy stated it, before any second look."""
    return None if trajectory.answer is None else trajectory.answer.confidence


def reported(trajectory: Trajectory) -> float | None:
    """The confidence that the user is told."""
    return trajectory.confidence


def judged(played: Sequence[Outcome], confidence_of: ConfidenceOf) -> Sorted:
    """The answers with a confidence, and how many have none."""
    answered = [o for o in played if o.trajectory.answer is not None and o.score.value is not None]
    pairs = [(confidence_of(o.trajectory), o.score.value == 1.0) for o in answered]
    kept = tuple(Judged(confidence, is_right) for confidence, is_right in pairs if confidence is not None)
    return Sorted(kept, len(answered) - len(kept), len(played) - len(answered))


def calibrate(items: Sequence[Judged], bins: int = BINS) -> Calibration:
    """How well the confidences fit.

    Raises:
        ValueError: there is nothing to judge, or no bin.
    """
    if not items or bins < 1:
        raise ValueError(f"need at least one answer with a confidence and one bin, got {len(items)} and {bins}")
    groups = equal_width(items, bins)
    return Calibration(
        bins=tuple(_bin(group) for group in groups),
        ece=_error(groups),
        ece_equal_mass=_error(equal_mass(items, bins)),
        brier=statistics.fmean((item.confidence - item.is_right) ** 2 for item in items),
        ece_of_chance=_error_of_chance(items, bins),
        count=len(items),
    )


def equal_width(items: Sequence[Judged], bins: int) -> list[list[Judged]]:
    """The answers by confidence in ((m-1)/bins, m/bins], as Guo et al. have it; 0 joins the first. No empty ones."""
    groups: list[list[Judged]] = [[] for _ in range(bins)]
    for item in items:
        # an edge belongs below, and 0.1 * 3 must not slip above 0.3: so edges are compared and nothing is divided
        place = next(m for m in range(bins) if m == bins - 1 or item.confidence <= (m + 1) / bins)
        groups[place].append(item)
    return [group for group in groups if group]


def equal_mass(items: Sequence[Judged], bins: int) -> list[list[Judged]]:
    """The answers in order of confidence, in bins of as nearly the same size as equal confidences allow.

    Equal confidences stay together: apart, the error would hang on the order of the file.
    """
    ranked = sorted(items, key=lambda item: item.confidence)
    groups: list[list[Judged]] = [[] for _ in range(bins)]
    first_rank: dict[float, int] = {}
    for rank, item in enumerate(ranked):
        groups[first_rank.setdefault(item.confidence, rank) * bins // len(ranked)].append(item)
    return [group for group in groups if group]


def _bin(group: Sequence[Judged]) -> Bin:
    right = sum(item.is_right for item in group)
    low, high = wilson(right, len(group))
    return Bin(len(group), statistics.fmean(i.confidence for i in group), right / len(group), low, high)


def _error(groups: Sequence[Sequence[Judged]]) -> float:
    """Sum over bins of |right - expected right|, over all answers: equation 3, multiplied out."""
    gaps = (abs(sum(item.is_right - item.confidence for item in group)) for group in groups)
    return sum(gaps) / sum(len(group) for group in groups)


def _error_of_chance(items: Sequence[Judged], bins: int) -> float:
    """Consistency resampling (Broecker and Smith 2007): outcomes drawn so that every confidence is true."""
    draw, gaps = np.random.default_rng(0), 0.0
    for group in equal_width(items, bins):
        kinds = sorted(Counter(item.confidence for item in group).items())
        # answers of one confidence are drawn together: as many right of n as a binomial says
        right = np.sum([draw.binomial(count, confidence, _DRAWS) for confidence, count in kinds], axis=0)
        gaps += float(np.abs(right - sum(count * confidence for confidence, count in kinds)).mean())
    return gaps / len(items)


def page(played: Sequence[Outcome], readings: Sequence[tuple[str, ConfidenceOf]]) -> str:
    """The calibration of several readings of the same run, as Markdown; a reading without confidences says so."""
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
    """The reliability diagram as rows."""
    rows = [
        [str(b.count), f"{b.confidence:.2f}", percent(b.accuracy), f"[{100 * b.low:.1f}, {100 * b.high:.1f}]"]
        for b in calibration.bins
    ]
    return markdown(["n", "mean confidence", "right", "95 % interval"], rows)


def plot(calibration: Calibration, title: str) -> str:
    """The reliability diagram as SVG."""
    points = [Point(b.confidence, b.accuracy, b.low, b.high, b.count) for b in calibration.bins]
    return reliability_svg(points, f"{title}: n = {calibration.count}, ECE {calibration.ece:.3f}")


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser("python -m evals.calibration", description="Does a confidence mean what it says?")
    parser.add_argument("questions", type=Path, metavar="QUESTIONS.jsonl")
    parser.add_argument("run", type=Path, metavar="RUN", help="what evals.run --out wrote")
    parser.add_argument("--videos", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw the reported confidence")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> str:
    """The calibration of a run as Markdown; writes the plot where one is asked for.

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
