"""How sure a mean is. Questions of one video are not independent, so intervals are clustered by video.

95 % throughout. Cluster-robust (CR1) standard error with Student's t at clusters - 1 degrees of freedom, as in
Cameron and Miller, "A Practitioner's Guide to Cluster-Robust Inference" (2015), sections II and VI.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
_NORMAL_QUANTILE = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""


@dataclass(frozen=True)
class Estimate:
    """A mean with its interval."""

    mean: float
    low: float | None
    """None where the data allow no interval: fewer than two clusters."""
    high: float | None
    n: int
    clusters: int


def clustered_mean(
    values: Sequence[float], clusters: Sequence[Hashable], bounds: tuple[float, float] = (0.0, 1.0)
) -> Estimate:
    """The mean of values with an interval clustered by `clusters`, cut to what is possible.

    Where all values are alike the standard error is 0, which is no certainty: shares then get Wilson's interval,
    with as many trials as there are clusters.
    """
    if len(values) != len(clusters) or not values:
        raise ValueError(f"need as many values as clusters, and at least one; got {len(values)} and {len(clusters)}")
    n, mean = len(values), sum(values) / len(values)
    residuals: dict[Hashable, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        residuals[cluster] += value - mean
    count = len(residuals)
    if count < 2:
        return Estimate(mean, None, None, n, count)
    if all(value == values[0] for value in values):
        if bounds == (0.0, 1.0) and values[0] in bounds:
            low, high = wilson(round(mean * count), count)
            return Estimate(mean, low, high, n, count)
        return Estimate(mean, None, None, n, count)
    variance = count / (count - 1) * sum(r * r for r in residuals.values()) / n**2
    margin = t_quantile(0.5 + CONFIDENCE / 2, count - 1) * math.sqrt(variance)
    return Estimate(mean, max(bounds[0], mean - margin), min(bounds[1], mean + margin), n, count)


def paired_difference(first: Sequence[float], second: Sequence[float], clusters: Sequence[Hashable]) -> Estimate:
    """The mean of `first - second`, item by item, with its interval; for values within 0..1."""
    if len(first) != len(second):
        raise ValueError(f"pairs need two sequences of one length, got {len(first)} and {len(second)}")
    return clustered_mean([a - b for a, b in zip(first, second, strict=True)], clusters, (-1.0, 1.0))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's score interval for a share of independent trials (1927)."""
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"need 0 <= successes <= trials and trials > 0, got {successes} of {trials}")
    z2 = _NORMAL_QUANTILE**2
    share = successes / trials
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = _NORMAL_QUANTILE * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t with whole degrees of freedom, by halving the bracket of its distribution."""
    if not 0.5 <= probability < 1 or degrees < 1:
        raise ValueError(f"need 0.5 <= probability < 1 and degrees >= 1, got {probability} and {degrees}")
    low, high = 0.0, 1.0
    while _t_cdf(high, degrees) < probability:
        high *= 2
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if _t_cdf(middle, degrees) < probability else (low, middle)
    return (low + high) / 2


def _t_cdf(t: float, degrees: int) -> float:
    """P(T <= t) for t >= 0; Abramowitz and Stegun 26.7.3 (odd degrees) and 26.7.4 (even)."""
    angle = math.atan(t / math.sqrt(degrees))
    cosine2 = math.cos(angle) ** 2
    is_odd = degrees % 2 == 1
    term = math.cos(angle) if is_odd else 1.0
    total = term if degrees > 1 else 0.0
    for k in range(2 if is_odd else 1, degrees - 2, 2):
        term *= cosine2 * k / (k + 1)
        total += term
    within = 2 / math.pi * (angle + math.sin(angle) * total) if is_odd else math.sin(angle) * total
    return 0.5 + within / 2
