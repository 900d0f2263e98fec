"""Reg-GRPO: a regression of a group's advantages on the log-ratios of its runs.

DeepVideo-R1, arXiv 2506.07464, section 3.2. Pure, over arrays in the order of the runs. All runs of a group are coupled
through mean and deviation of their log-ratios; but the derivative by each log-ratio is a number, and with these
numbers each run has its gradient by itself, whichever rows are in a batch with it.
"""

from dataclasses import dataclass

import numpy as np

from rl.objective.advantages import EPSILON, Array, deviation, normalise


@dataclass(frozen=True)
class Shares:
    """Loss and slope of each row, both (rows,) float64."""

    losses: Array
    """Shares of the loss; their sum is the mean over groups."""
    slopes: Array
    """Derivative of the loss by the log-ratio of each row."""


def compute_regression(
    log_ratios: Array, advantages: Array, groups: Array, counts: Array, epsilon: float = EPSILON
) -> Shares:
    """Loss and slope of each run of several groups.

    Args:
        log_ratios: log pi / pi_old of each run, summed over the tokens of the policy, (rows,).
        advantages: advantage of each run, (rows,).
        groups: number of the group of each run, (rows,).
        counts: whether each run counts, (rows,) bool; one that does not is in no mean, and has loss and slope 0.
        epsilon: term added to deviations.
    """
    losses, slopes = np.zeros(len(log_ratios)), np.zeros(len(log_ratios))
    numbers = np.unique(groups)
    for number in numbers:
        ours = (groups == number) & counts
        if ours.any():
            missed = advantages[ours] - normalise(log_ratios[ours], epsilon)
            losses[ours] = missed**2 / ours.sum() / len(numbers)
            slopes[ours] = regression_slopes(log_ratios[ours], advantages[ours], epsilon) / len(numbers)
    return Shares(losses, slopes)


def regression_loss(log_ratios_G: Array, advantages_G: Array, epsilon: float = EPSILON) -> float:  # noqa: N803
    """The regression loss of one group: mean of (A - z)^2, z the normalised log-ratios log pi / pi_old of whole runs.

    Reg-GRPO (DeepVideo-R1, arXiv 2506.07464, section 3.2): the advantage is predicted, not clipped, so no min and no
    clip. The paper divides by the deviation alone, which is 0 before the first update; epsilon is ours.

    Args:
        log_ratios_G: log pi / pi_old of each run, (G,).
        advantages_G: advantage of each run, (G,).
        epsilon: term added to the deviation.
    """
    return float(np.mean((advantages_G - normalise(log_ratios_G, epsilon)) ** 2))


def regression_slopes(log_ratios_G: Array, advantages_G: Array, epsilon: float = EPSILON) -> Array:  # noqa: N803
    """The derivative of `regression_loss` by each log-ratio, (G,) float64.

    Where all ratios are the same, as before the first update, it is 2 (mean A - A) / (G epsilon): the direction of a
    policy gradient, and so steep that the clip of the gradient's norm decides how far it goes.

    Args:
        log_ratios_G: log pi / pi_old of each run, (G,).
        advantages_G: advantage of each run, (G,).
        epsilon: term added to the deviation.
    """
    count, z = len(log_ratios_G), normalise(log_ratios_G, epsilon)
    std = deviation(log_ratios_G)
    missed = advantages_G - z
    through_mean = missed - missed.mean()
    through_std = (missed @ z) * z / ((count - 1) * std) * (std + epsilon) if std > 0 else np.zeros(count)
    slopes: Array = -2 / count * (through_mean - through_std) / (std + epsilon)
    return slopes
