"""Does a policy know when it can't know: abstaining where nothing is shown, and confidences that rank its answers.

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
    """What became of the questions of a set, some of which have no answer in their video.

    A score between right and wrong counts as wrong.
    """

    answered_right: int
    answered_wrong: int
    """Answerable, answered, not right."""
    answered_nothing_shown: int
    """Unanswerable, and answered: made up."""
    abstained_rightly: int
    abstained_wrongly: int
    """Answerable, and yet "not shown"."""
    no_answer: int
    """Answerable, and neither an answer nor an abstention."""
    no_answer_nothing_shown: int
    """Unanswerable, and neither: no abstention, since it was not said that nothing is shown."""
    unscored: int
    cannot_tell: int = 0
    """Answerable, and "I can't tell": no claim, neither right nor a false one."""
    cannot_tell_nothing_shown: int = 0
    """Unanswerable, and "I can't tell"."""

    @property
    def precision(self) -> float | None:
        """Share of abstentions that are right; None where there are none."""
        return _share(self.abstained_rightly, self.abstained_wrongly)

    @property
    def recall(self) -> float | None:
        """Share of unanswerable questions that are seen to be so; None where there are none."""
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
    """What answering only the surest would be like."""

    coverage: float
    """Share of the questions that is answered, above 0 and up to 1."""
    risk: float
    """Share of errors among those."""
    confidence: float
    """The lowest confidence that is still answered."""


@dataclass(frozen=True)
class RiskCoverage:
    """How well confidences tell right answers from wrong ones."""

    points: tuple[AbstentionPoint, ...]
    """One for each confidence that was given, the highest first: equal confidences can't be told apart."""
    aurc: float
    """0..1, low is good; within equal confidences the mean over all their orders."""
    best: float
    """The AURC of the same answers with all right ones surer than all wrong ones."""
    count: int

    @property
    def at_random(self) -> float:
        """The mean AURC of confidences that say nothing: the share of errors."""
        return self.points[-1].risk


def abstentions(rows: Sequence[ResultRow]) -> Abstentions:
    """The rows by how they ended and how they should have; several runs of a question count as several."""
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


def risk_coverage(items: Sequence[JudgedConfidence]) -> RiskCoverage:
    """The risk at every coverage.

    Raises:
        ValueError: there is nothing to judge.
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
