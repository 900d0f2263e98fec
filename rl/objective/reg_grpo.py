"""Reg-GRPO: the advantages of a group are predicted from how much likelier its runs have become.

DeepVideo-R1, arXiv 2506.07464, section 3.2. Pure, over arrays in the order of the runs. All runs of a group hang
together, through mean and deviation of their log-ratios; but the derivative by each ratio is a number, and with these
numbers each run can be pushed by itself, whichever rows stand together in a batch.
"""

from dataclasses import dataclass

import numpy as np

from rl.objective.advantages import EPSILON, Array, deviation, normal


@dataclass(frozen=True)
class Shares:
    """Of each row."""

    losses: Array
    """They add up to the loss: the mean over groups."""
    slopes: Array
    """The derivative of the loss by the log-ratio of the row."""


def regression(log_ratios: Array, advantages: Array, groups: Array, counts: Array, epsilon: float = EPSILON) -> Shares:
    """The regression of several groups.

    Args:
        log_ratios: log pi / pi_old of each run, summed over the tokens of the policy.
        advantages: of each run.
        groups: the number of its group.
        counts: bool; a run that does not count is in no mean, and has no loss and no slope.
        epsilon: added to deviations.
    """
    losses, slopes = np.zeros(len(log_ratios)), np.zeros(len(log_ratios))
    numbers = np.unique(groups)
    for number in numbers:
        ours = (groups == number) & counts
        if ours.any():
            missed = advantages[ours] - normal(log_ratios[ours], epsilon)
            losses[ours] = missed**2 / ours.sum() / len(numbers)
            slopes[ours] = regression_slopes(log_ratios[ours], advantages[ours], epsilon) / len(numbers)
    return Shares(losses, slopes)


def regression_loss(log_ratios_G: Array, advantages_G: Array, epsilon: float = EPSILON) -> float:  # noqa: N803
    """Mean of (A - z)^2, z the log-ratios log pi / pi_old of whole runs, normalised over the group as A is.

    Reg-GRPO (DeepVideo-R1, arXiv 2506.07464, section 3.2): the advantage is predicted, not clipped, so no min and no
    clip. The paper divides by the deviation alone, which is 0 before the first update; epsilon is ours.
    """
    return float(np.mean((advantages_G - normal(log_ratios_G, epsilon)) ** 2))


def regression_slopes(log_ratios_G: Array, advantages_G: Array, epsilon: float = EPSILON) -> Array:  # noqa: N803
    """The derivative of `regression_loss` by each log-ratio: with it each run can be pushed by itself.

    Where all ratios are the same, as before the first update, it is 2 (mean A - A) / (G epsilon): the direction of a
    policy gradient, and so steep that the clip of the gradient's norm decides how far it goes.
    """
    count, z = len(log_ratios_G), normal(log_ratios_G, epsilon)
    std = deviation(log_ratios_G)
    missed = advantages_G - z
    through_mean = missed - missed.mean()
    through_std = (missed @ z) * z / ((count - 1) * std) * (std + epsilon) if std > 0 else np.zeros(count)
    slopes: Array = -2 / count * (through_mean - through_std) / (std + epsilon)
    return slopes
