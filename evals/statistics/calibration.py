"""Calibration of confidences: reliability bins, expected calibration error, and its value by chance."""

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from agent.trajectory import Trajectory
from evals.statistics.stats import wilson
from evals.statistics.tables import Outcome

BINS = 10
"""Default number of bins."""


_DRAWS = 2000
"""Number of draws for the calibration error by chance."""


ConfidenceOf = Callable[[Trajectory], float | None]
"""Function that reads a confidence of a trajectory, 0..1; None where it has none."""


@dataclass(frozen=True)
class JudgedConfidence:
    """Confidence of one answer, and whether it is correct."""

    confidence: float
    is_right: bool

    def __post_init__(self) -> None:
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"need 0 <= confidence <= 1, got {self.confidence:g}")


@dataclass(frozen=True)
class Bin:
    """Answers of similar confidence; never empty."""

    count: int
    confidence: float
    """Mean confidence, 0..1."""
    accuracy: float
    low: float
    """Lower end of Wilson's 95 % interval of the accuracy, which takes answers as independent; those of one video are
    not."""
    high: float


@dataclass(frozen=True)
class Calibration:
    """Calibration errors and reliability bins of a set of answers."""

    bins: tuple[Bin, ...]
    """Bins of equal width, without empty ones."""
    ece: float
    """Expected calibration error over bins of equal width; 0 is perfect."""
    ece_equal_mass: float
    brier: float
    """Brier score, the mean square of confidence minus outcome: 0 is perfect, always 0.5 gives 0.25."""
    ece_of_chance: float
    """Mean ECE of a perfectly calibrated policy with these confidences; with few answers not 0."""
    count: int


@dataclass(frozen=True)
class Sorted:
    """Answers with a confidence, and the number of others."""

    judged: tuple[JudgedConfidence, ...]
    unstated: int
    """Number of answers without a confidence."""
    left_out: int
    """Number of questions without an answer or without a score."""


def read_stated_confidence(trajectory: Trajectory) -> float | None:
    """The confidence that the policy stated, before any second look."""
    return None if trajectory.answer is None else trajectory.answer.confidence


def read_reported_confidence(trajectory: Trajectory) -> float | None:
    """The confidence that is reported to the user."""
    return trajectory.confidence


def judge_confidences(played: Sequence[Outcome], confidence_of: ConfidenceOf) -> Sorted:
    """Separates the answers with a confidence from the others."""
    answered = [o for o in played if o.trajectory.answer is not None and o.score.value is not None]
    pairs = [(confidence_of(o.trajectory), o.score.value == 1.0) for o in answered]
    kept = tuple(JudgedConfidence(confidence, is_right) for confidence, is_right in pairs if confidence is not None)
    return Sorted(kept, len(answered) - len(kept), len(played) - len(answered))


def calibrate(items: Sequence[JudgedConfidence], bins: int = BINS) -> Calibration:
    """Computes the calibration of answers.

    Raises:
        ValueError: there are no answers, or no bins.
    """
    if not items or bins < 1:
        raise ValueError(f"need at least one answer with a confidence and one bin, got {len(items)} and {bins}")
    groups = bin_equal_width(items, bins)
    return Calibration(
        bins=tuple(_bin(group) for group in groups),
        ece=_error(groups),
        ece_equal_mass=_error(bin_equal_mass(items, bins)),
        brier=statistics.fmean((item.confidence - item.is_right) ** 2 for item in items),
        ece_of_chance=_error_of_chance(items, bins),
        count=len(items),
    )


def bin_equal_width(items: Sequence[JudgedConfidence], bins: int) -> list[list[JudgedConfidence]]:
    """Answers by confidence in ((m-1)/bins, m/bins], as in Guo et al., 0 in the first; without empty bins."""
    groups: list[list[JudgedConfidence]] = [[] for _ in range(bins)]
    for item in items:
        # an edge belongs below, and 0.1 * 3 must not slip above 0.3: so edges are compared and nothing is divided
        place = next(m for m in range(bins) if m == bins - 1 or item.confidence <= (m + 1) / bins)
        groups[place].append(item)
    return [group for group in groups if group]


def bin_equal_mass(items: Sequence[JudgedConfidence], bins: int) -> list[list[JudgedConfidence]]:
    """Answers in order of confidence, in bins of as nearly the same size as equal confidences allow.

    Equal confidences stay together: apart, the error would hang on the order of the file.
    """
    ranked = sorted(items, key=lambda item: item.confidence)
    groups: list[list[JudgedConfidence]] = [[] for _ in range(bins)]
    first_rank: dict[float, int] = {}
    for rank, item in enumerate(ranked):
        groups[first_rank.setdefault(item.confidence, rank) * bins // len(ranked)].append(item)
    return [group for group in groups if group]


def _bin(group: Sequence[JudgedConfidence]) -> Bin:
    right = sum(item.is_right for item in group)
    low, high = wilson(right, len(group))
    return Bin(len(group), statistics.fmean(i.confidence for i in group), right / len(group), low, high)


def _error(groups: Sequence[Sequence[JudgedConfidence]]) -> float:
    """Calibration error: sum over bins of |correct - expected correct|, over all answers (equation 3, multiplied
    out)."""
    gaps = (abs(sum(item.is_right - item.confidence for item in group)) for group in groups)
    return sum(gaps) / sum(len(group) for group in groups)


def _error_of_chance(items: Sequence[JudgedConfidence], bins: int) -> float:
    """Calibration error by consistency resampling (Broecker and Smith 2007): outcomes drawn by the confidences."""
    draw, gaps = np.random.default_rng(0), 0.0
    for group in bin_equal_width(items, bins):
        kinds = sorted(Counter(item.confidence for item in group).items())
        # answers of one confidence are drawn together: as many right of n as a binomial says
        right = np.sum([draw.binomial(count, confidence, _DRAWS) for confidence, count in kinds], axis=0)
        gaps += float(np.abs(right - sum(count * confidence for confidence, count in kinds)).mean())
    return gaps / len(items)
