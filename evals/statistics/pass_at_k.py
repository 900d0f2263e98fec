"""pass@k, the chance that one of k runs is correct. Guessing passes too, so it is never given without its floor.

Unbiased from n >= k runs of which c are right, 1 - C(n - c, k) / C(n, k): Chen et al., "Evaluating Large Language
Models Trained on Code" (arXiv 2107.03374), equation 1. Blind guesses among m options pass with 1 - (1 - 1/m)^k: 58 %
of four options at k = 3.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from evals.statistics.bootstrap import BootstrapEstimate, estimate_difference, estimate_mean
from evals.statistics.row import ResultRow
from evals.statistics.runs import QuestionRuns, group_by_question


@dataclass(frozen=True)
class PassAtK:
    """pass@k of a set of questions, beside that of guessing."""

    k: int
    estimate: BootstrapEstimate
    floor: float
    """pass@k of independent blind guesses on the same questions."""
    above_floor: BootstrapEstimate
    """Mean difference of estimate and floor, question by question."""
    left_out: int
    """Number of questions with fewer than k scored runs."""


def pass_at_k(runs: int, right: int, k: int) -> float:
    """The chance that at least one of k runs, drawn without replacement, is correct.

    Args:
        runs: number of runs.
        right: number of correct runs.
        k: number of runs drawn.

    Raises:
        ValueError: there are fewer than k runs, or more correct ones than runs.
    """
    if not (0 <= right <= runs and 1 <= k <= runs):
        raise ValueError(f"need 0 <= right <= runs and 1 <= k <= runs, got {right} of {runs} and k = {k}")
    return 1 - math.comb(runs - right, k) / math.comb(runs, k)


def guessing_floor(options: int, k: int) -> float:
    """The chance that one of k blind guesses among the options is correct; 0 for an open question."""
    return 1 - (1 - 1 / options) ** k if options else 0.0


def estimate_passes(rows: Sequence[ResultRow], ks: Sequence[int]) -> tuple[PassAtK, ...]:
    """pass@k for each k for which at least one question has enough scored runs."""
    questions = group_by_question(rows)
    measured = ((k, [q for q in questions if len(q.values) >= k]) for k in ks)
    return tuple(_passes(enough, k, len(questions) - len(enough)) for k, enough in measured if enough)


def _passes(questions: Sequence[QuestionRuns], k: int, left_out: int) -> PassAtK:
    clusters = [q.cluster for q in questions]
    passed = [pass_at_k(len(q.values), sum(q.is_right), k) for q in questions]
    floors = [guessing_floor(q.options, k) for q in questions]
    return PassAtK(
        k,
        estimate_mean(passed, clusters),
        statistics.fmean(floors),
        estimate_difference(passed, floors, clusters),
        left_out,
    )
