"""Is one policy better than another on the same questions, and not only luckier.

McNemar's test asks only of the questions on which the two differ, and takes those as independent, which questions of
one video are not: a claim rests on the paired difference, whose interval draws videos. Over the benchmarks of one
table the p-values are Holm's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evals.statistics.bootstrap import BootstrapEstimate, paired_difference
from evals.statistics.row import ResultRow
from evals.statistics.runs import QuestionRuns, asked


@dataclass(frozen=True)
class Agreement:
    """How two policies did on the same questions, each right or wrong."""

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
        """The mid-p value, which has the error rate it names; Fagerland, Lydersen and Laake (2013).

        1 without discord, where there is nothing to test.
        """
        if not self.discord:
            return 1.0
        point = _half_binomial(self.only_first, self.discord)
        return 1 - point / 2 if self.only_first == self.only_second else self.exact_p - point

    @property
    def discord(self) -> int:
        """Questions that one of the two got right."""
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
    """None where a question has several runs or a score between right and wrong."""
    unmatched: int
    """Questions that only one of the two was scored on; left out."""


def compare(first: Sequence[ResultRow], second: Sequence[ResultRow]) -> Comparison | None:
    """How two policies differ; None where they share no scored question."""
    ours, theirs = {q.question: q for q in asked(first)}, {q.question: q for q in asked(second)}
    pairs = [(ours[name], theirs[name]) for name in ours if name in theirs]
    if not pairs:
        return None
    return Comparison(
        paired_difference([a.mean for a, _ in pairs], [b.mean for _, b in pairs], [a.cluster for a, _ in pairs]),
        _agreement(pairs),
        len(ours) + len(theirs) - 2 * len(pairs),
    )


def _agreement(pairs: Sequence[tuple[QuestionRuns, QuestionRuns]]) -> Agreement | None:
    if any(len(q.values) > 1 or q.values[0] not in (0.0, 1.0) for pair in pairs for q in pair):
        return None
    return agreement([a.is_right[0] for a, _ in pairs], [b.is_right[0] for _, b in pairs])


def agreement(first: Sequence[bool], second: Sequence[bool]) -> Agreement:
    """The table of agreement of two lists of right and wrong."""
    if len(first) != len(second):
        raise ValueError(f"pairs need two sequences of one length, got {len(first)} and {len(second)}")
    pairs = list(zip(first, second, strict=True))
    return Agreement(*(pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))))


def holm(p_values: Sequence[float]) -> tuple[float, ...]:
    """p-values for several tests at once, in their order; Holm, "A simple sequentially rejective ..." (1979)."""
    if any(not 0 <= p <= 1 for p in p_values):
        raise ValueError(f"need p-values within 0..1, got {list(p_values)}")
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return tuple(adjusted)


def _half_binomial(successes: int, trials: int) -> float:
    """P(X = successes), X binomial with 1/2; by logarithms, since 2^trials may be beyond every float."""
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    return math.exp(ways - trials * math.log(2))
