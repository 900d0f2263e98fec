"""Agreement of two raters beyond chance: Cohen's kappa (Cohen 1960)."""

from collections import Counter
from collections.abc import Sequence


def compute_kappa(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Cohen's kappa of two ratings of the same things, -1..1; None for no things, or where chance alone agrees.

    Args:
        first: ratings of one rater, (N,).
        second: ratings of the other, (N,).
    """
    count = len(first)
    if not count:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / count
    ours, theirs = Counter(first), Counter(second)
    by_chance = sum(ours[label] * theirs[label] for label in ours) / count**2
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)
