"""Group-relative advantages from the rewards of a group: pure functions over arrays, in the order of the runs.

`rewards_G` are the totals of the G runs of one question, NaN where a run does not count: such a run gets an advantage
of 0, which has no gradient, and is left out of mean and deviation. Deviations are those of a sample (n - 1), as torch
and TRL compute them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agent.trajectory import Turn

Array = NDArray[np.float64]

EPSILON = 1e-4
"""Term added to the deviation by TRL and by all that build on it."""


def as_array(rewards_G: Sequence[float | None]) -> Array:  # noqa: N803 (nested by run)
    """Rewards as an array, (G,) float64, NaN for None."""
    return np.array([np.nan if reward is None else reward for reward in rewards_G], dtype=np.float64)


def grpo(rewards_G: Array, epsilon: float = EPSILON) -> Array:  # noqa: N803
    """GRPO's advantages (arXiv 2402.03300, section 4.1.2), (r - mean) / (std + epsilon): (G,) float64."""
    return _zero_uncounted(normalise(rewards_G, epsilon))


def dr_grpo(rewards_G: Array) -> Array:  # noqa: N803
    """Dr. GRPO's advantages (arXiv 2503.20783, section 3), r - mean: (G,) float64.

    Dr. GRPO's loss also drops the division by length; TimeSearch-R takes this advantage and keeps the division.
    """
    return _zero_uncounted(_centre(rewards_G))


def dgrpo(rewards_G: Array, epsilon: float = EPSILON) -> Array:  # noqa: N803
    """VITAL's difficulty-aware advantages, (G,) float64: GRPO's times (clip(2 - mean, 0, 1) + 1) / 2.

    Easy groups weigh half. For rewards that sum format and answer, so that a mean of 2 is a group without errors.
    """
    counted = rewards_G[~np.isnan(rewards_G)]
    if counted.size == 0:
        return np.zeros_like(rewards_G)
    weight = (np.clip(2 - counted.mean(), 0, 1) + 1) / 2
    return grpo(rewards_G, epsilon) * float(weight)


def add_noise(advantages_G: Array, std: float, generator: np.random.Generator) -> Array:  # noqa: N803
    """Advantages plus N(0, std^2), (G,) float64, so that runs of equal reward still differ.

    TinyLLaVA-Video-R1, section 3.2, with std 0.02. The gradient of such a group is noise of mean 0.

    Args:
        advantages_G: the advantages, (G,).
        std: standard deviation of the noise.
        generator: source of randomness.
    """
    return advantages_G + generator.normal(0.0, std, advantages_G.shape)


def taura(advantages_G: Array, surprise_G_T: Sequence[Sequence[float]]) -> tuple[Array, ...]:  # noqa: N803
    """OmniAgent's TAURA, A h / mean(h): for each run an array (T,) float64 of its turns; h is a turn's mean token
    entropy.

    Turns that the policy was unsure of weigh more. The mean is over all turns of the group; where nothing is unsure,
    all weigh the same.

    Args:
        advantages_G: the advantage of each run.
        surprise_G_T: h for each turn of each run, in nats, at least 0.
    """
    every = [h for surprise_T in surprise_G_T for h in surprise_T]
    mean = float(np.mean(every)) if every else 0.0
    return tuple(
        a * (np.asarray(surprise_T, dtype=np.float64) / mean if mean > 0 else np.ones(len(surprise_T)))
        for a, surprise_T in zip(advantages_G, surprise_G_T, strict=True)
    )


def surprise(turn: Turn) -> float | None:
    """Mean of -log p over the sampled tokens of a turn, in nats; None where the engine gives no probabilities.

    An unbiased estimate of the mean token entropy that TAURA takes: of a distribution only one draw is on record.
    """
    logprobs = turn.reply.logprobs if turn.reply else None
    return -sum(logprobs) / len(logprobs) if logprobs else None


def compute_step_credit(
    rewards_G_T: Sequence[Sequence[float] | None],  # noqa: N803 (nested by run, then by turn)
    epsilon: float = EPSILON,
    *,
    is_scaled: bool = True,
) -> tuple[tuple[float, ...] | None, ...]:
    """Advantages of turns from step rewards: the sum of normalised rewards from each turn on, by run and turn.

    GRPO with process supervision (arXiv 2402.03300, section 4.1.3): r' = (r - mean) / (std + epsilon), and the tokens
    of a turn get the sum of r' from this turn on. Since it is a sum, a run of many turns that earn less than the mean
    turn loses with each of them.

    Args:
        rewards_G_T: step rewards of each run; None where the run does not count.
        epsilon: term added to the deviation.
        is_scaled: False leaves the deviation out, as Dr. GRPO does.
    """
    every = as_array([r for rewards_T in rewards_G_T if rewards_T is not None for r in rewards_T])
    if not has_signal(every):
        return tuple(None if rewards_T is None else (0.0,) * len(rewards_T) for rewards_T in rewards_G_T)
    mean, scale = every.mean(), (deviation(every) + epsilon if is_scaled else 1.0)
    return tuple(
        None if rewards_T is None else tuple(np.cumsum((np.array(rewards_T) - mean)[::-1] / scale)[::-1].tolist())
        for rewards_T in rewards_G_T
    )


def weigh_group(answers_G: Array, easy_weight: float) -> float:  # noqa: N803
    """Weight of a group by the mean m of its answer rewards in 0..1: 1 - (1 - easy_weight) m.

    A group that is wrong throughout weighs 1, one that is correct throughout `easy_weight`; with 0.5 this is the line
    of VITAL's DGRPO, for any reward.
    """
    counted = answers_G[~np.isnan(answers_G)]
    return 1.0 - (1.0 - easy_weight) * float(counted.mean()) if counted.size else 1.0


def has_signal(rewards_G: Array) -> bool:  # noqa: N803
    """Whether at least two runs count and differ in reward; otherwise the group has no gradient."""
    counted = rewards_G[~np.isnan(rewards_G)]
    return counted.size > 1 and bool(np.ptp(counted) > 0)


def normalise(values_G: Array, epsilon: float = EPSILON) -> Array:  # noqa: N803
    """Values less their mean, over their deviation + epsilon, (G,) float64; NaN stays."""
    return _centre(values_G) / (deviation(values_G) + epsilon)


def _centre(rewards_G: Array) -> Array:  # noqa: N803
    """Rewards less their mean; exactly 0 where all are the same, which subtracting a mean of floats does not give."""
    if not has_signal(rewards_G):
        return np.where(np.isnan(rewards_G), np.nan, 0.0)
    return rewards_G - np.nanmean(rewards_G)


def deviation(rewards_G: Array) -> float:  # noqa: N803
    """Sample standard deviation (n - 1) of the rewards that count; 0 where fewer than two do."""
    counted = rewards_G[~np.isnan(rewards_G)]
    return float(counted.std(ddof=1)) if counted.size > 1 else 0.0


def _zero_uncounted(advantages_G: Array) -> Array:  # noqa: N803
    return np.nan_to_num(advantages_G, nan=0.0)
