"""Wilson's interval for independent trials, and the quantiles of Student's t. 95 % throughout."""

import math
from functools import lru_cache

CONFIDENCE = 0.95
"""Confidence level of all intervals: the usual one."""
_NORMAL_QUANTILE = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution."""


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % score interval (1927) for a share of independent trials, (low, high) in 0..1.

    Raises:
        ValueError: there are no trials, or more successes than trials.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise ValueError(f"need 0 <= successes <= trials and trials > 0, got {successes} of {trials}")
    z2 = _NORMAL_QUANTILE**2
    share = successes / trials
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = _NORMAL_QUANTILE * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, centre - spread), min(1.0, centre + spread)


@lru_cache(maxsize=4096)
def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t with whole degrees of freedom, by bisection.

    Raises:
        ValueError: the probability is outside [0.5, 1), or there are no degrees of freedom.
    """
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
    """Student's t distribution P(T <= t) for t >= 0; Abramowitz and Stegun 26.7.3 (odd degrees) and 26.7.4 (even)."""
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
