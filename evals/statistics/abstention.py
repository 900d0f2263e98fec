"""Abstention and selective prediction: abstaining where nothing is shown, and confidences that rank answers.

Risk and coverage as in El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification" (2010): answer
only the surest share of the questions, the coverage, and count the errors among them, the risk. The area under that
curve, AURC, is the mean risk over all coverages k/n (Geifman, Uziel and El-Yaniv, arXiv 1805.08206).
"""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from evals.statistics.calibration import JudgedConfidence
from evals.statistics.row import ResultRow


@dataclass(frozen=True)
class Abstentions:
    """Counts of how questions ended, some of which have no answer in their video.

    A score between 0 and 1 counts as wrong.
    """

    answered_right: int
    answered_wrong: int
    """Answerable questions with a wrong answer."""
    answered_nothing_shown: int
    """Unanswerable questions with an answer: made up."""
    abstained_rightly: int
    abstained_wrongly: int
    """Answerable questions with "not shown"."""
    no_answer: int
    """Answerable questions with neither an answer nor an abstention."""
    no_answer_nothing_shown: int
    """Unanswerable questions with neither an answer nor an abstention."""
    unscored: int
    cannot_tell: int = 0
    """Answerable questions with "I can't tell", which is no claim."""
    cannot_tell_nothing_shown: int = 0
    """Unanswerable questions with "I can't tell"."""

    @property
    def precision(self) -> float | None:
        """Share of abstentions that are correct, 0..1; None where there are none."""
        return _share(self.abstained_rightly, self.abstained_wrongly)

    @property
    def recall(self) -> float | None:
        """Share of unanswerable questions with an abstention, 0..1; None where there are none."""
        return _share(self.abstained_rightly, self._missed)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN); None where both are missing."""
        return _share(2 * self.abstained_rightly, self.abstained_wrongly + self._missed)

    @property
    def _missed(self) -> int:
        return self.answered_nothing_shown + self.cannot_tell_nothing_shown + self.no_answer_nothing_shown


@dataclass(frozen=True)
class AbstentionPoint:
    """One point of the risk-coverage curve: answering only the surest questions."""

    coverage: float
    """Share of the questions that are answered, above 0 and up to 1."""
    risk: float
    """Share of errors among the answered questions."""
    confidence: float
    """Lowest confidence that is still answered."""


@dataclass(frozen=True)
class RiskCoverage:
    """Risk-coverage curve and the area under it: how well confidences rank correct answers above wrong ones."""

    points: tuple[AbstentionPoint, ...]
    """One point for each distinct confidence, the highest first."""
    aurc: float
    """Area under the curve, 0..1, low is good; equal confidences count as the mean over their orders."""
    best: float
    """AURC of the same answers with all correct ones surer than all wrong ones."""
    count: int

    @property
    def at_random(self) -> float:
        """Mean AURC of uninformative confidences: the share of errors."""
        return self.points[-1].risk


def count_abstentions(rows: Sequence[ResultRow]) -> Abstentions:
    """Counts rows by how they ended and whether they are answerable; several runs of a question count as several."""
    scored = [row for row in rows if row.value is not None]
    ends = Counter((row.end, row.is_answerable) for row in scored)
    right = sum(row.end == "answered" and row.is_answerable and row.value == 1.0 for row in scored)
    return Abstentions(
        answered_right=right,
        answered_wrong=ends["answered", True] - right,
        answered_nothing_shown=ends["answered", False],
        abstained_rightly=ends["abstained", False],
        abstained_wrongly=ends["abstained", True],
        cannot_tell=ends["cannot tell", True],
        cannot_tell_nothing_shown=ends["cannot tell", False],
        no_answer=ends["nothing", True],
        no_answer_nothing_shown=ends["nothing", False],
        unscored=len(rows) - len(scored),
    )


def compute_risk_coverage(items: Sequence[JudgedConfidence]) -> RiskCoverage:
    """Computes the risk-coverage curve of answers.

    Raises:
        ValueError: there are no answers.
    """
    if not items:
        raise ValueError("need at least one answer with a confidence, got none")
    points, risks, done, errors = [], [], 0, 0
    ranked = sorted(items, key=lambda item: -item.confidence)
    for confidence, group in itertools.groupby(ranked, key=lambda item: item.confidence):
        wrong = [not item.is_right for item in group]
        share = sum(wrong) / len(wrong)
        # whatever the order within equal confidences, after j of them j * share errors are expected
        risks += [(errors + j * share) / (done + j) for j in range(1, len(wrong) + 1)]
        done, errors = done + len(wrong), errors + sum(wrong)
        points.append(AbstentionPoint(done / len(items), errors / done, confidence))
    return RiskCoverage(tuple(points), math.fsum(risks) / done, _best(done, errors), done)


def _best(count: int, errors: int) -> float:
    """The AURC with the errors last: 1/(right + 1), 2/(right + 2), ... after the right ones."""
    right = count - errors
    return math.fsum(k / (right + k) for k in range(1, errors + 1)) / count


def _share(part: int, rest: int) -> float | None:
    return part / (part + rest) if part + rest else None
