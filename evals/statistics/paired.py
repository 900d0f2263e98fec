"""Paired comparison of two policies on the same questions: difference, McNemar's test and Holm's correction.

McNemar's test asks only of the questions on which the two differ, and takes those as independent, which questions of
one video are not: a claim rests on the paired difference, whose interval draws videos. Over the benchmarks of one
table the p-values are Holm's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evals.statistics.bootstrap import BootstrapEstimate, estimate_difference
from evals.statistics.row import ResultRow
from evals.statistics.runs import QuestionRuns, group_by_question


@dataclass(frozen=True)
class Agreement:
    """Contingency table of two policies on the same questions, each correct or wrong."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def exact_p(self) -> float:
        """McNemar's exact two-sided p: min(1, 2 P(X <= min(b, c))), X binomial of b + c and 1/2; 1 without discord.

        Conservative: under chance alone it is below 0.05 less often than in 5 of 100 comparisons.
        """
        return min(1.0, 2 * self._tail)

    @property
    def mid_p(self) -> float:
        """McNemar's mid-p value (Fagerland, Lydersen and Laake, 2013), whose error rate is close to nominal.

        1 without discord, where there is nothing to test.
        """
        if not self.discord:
            return 1.0
        point = _half_binomial(self.only_first, self.discord)
        return 1 - point / 2 if self.only_first == self.only_second else self.exact_p - point

    @property
    def discord(self) -> int:
        """Number of questions that exactly one of the two got right."""
        return self.only_first + self.only_second

    @property
    def _tail(self) -> float:
        fewer = min(self.only_first, self.only_second)
        return math.fsum(_half_binomial(i, self.discord) for i in range(fewer + 1))


@dataclass(frozen=True)
class Comparison:
    """Two policies on the questions that both were scored on."""

    difference: BootstrapEstimate
    """Mean of first minus second, each the mean of its runs; -1..1."""
    agreement: Agreement | None
    """Contingency table; None where a question has several runs or a score between 0 and 1."""
    unmatched: int
    """Number of questions on which only one of the two was scored; left out."""


def compare(first: Sequence[ResultRow], second: Sequence[ResultRow]) -> Comparison | None:
    """Compares two policies; None where they share no scored question."""
    ours, theirs = {q.question: q for q in group_by_question(first)}, {q.question: q for q in group_by_question(second)}
    pairs = [(ours[name], theirs[name]) for name in ours if name in theirs]
    if not pairs:
        return None
    return Comparison(
        estimate_difference([a.mean for a, _ in pairs], [b.mean for _, b in pairs], [a.cluster for a, _ in pairs]),
        _agreement(pairs),
        len(ours) + len(theirs) - 2 * len(pairs),
    )


def _agreement(pairs: Sequence[tuple[QuestionRuns, QuestionRuns]]) -> Agreement | None:
    if any(len(q.values) > 1 or q.values[0] not in (0.0, 1.0) for pair in pairs for q in pair):
        return None
    return count_agreement([a.is_right[0] for a, _ in pairs], [b.is_right[0] for _, b in pairs])


def count_agreement(first: Sequence[bool], second: Sequence[bool]) -> Agreement:
    """The contingency table of two lists of correct and wrong.

    Raises:
        ValueError: the lists differ in length.
    """
    if len(first) != len(second):
        raise ValueError(f"pairs need two sequences of one length, got {len(first)} and {len(second)}")
    pairs = list(zip(first, second, strict=True))
    return Agreement(*(pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))))


def adjust_holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """Adjusts the p-values of several tests, in their order (Holm, "A simple sequentially rejective ...", 1979).

    Raises:
        ValueError: a value is outside 0..1.
    """
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"need p-values within 0..1, got {list(p_values)}")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return tuple(adjusted)


def _half_binomial(successes: int, trials: int) -> float:
    """Probability of `successes` of a binomial with p = 1/2; by logarithms, since 2^trials may overflow."""
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    return math.exp(ways - trials * math.log(2))
