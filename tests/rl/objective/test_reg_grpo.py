"""Reg-GRPO: the loss by hand, and its slopes against differences and against autograd through the whole group."""

import numpy as np
import pytest
import torch

from rl.objective.advantages import as_array, grpo
from rl.objective.reg_grpo import compute_regression, regression_loss, regression_slopes

ADVANTAGES = grpo(as_array((1, 1, 0, 0)))
RATIOS = np.array([0.3, -0.2, 0.05, 0.6])


def test_it_is_at_rest_where_ratios_have_the_shape_of_advantages() -> None:
    assert regression_loss(np.array([0.1, 0.1, 0.0, 0.0]), ADVANTAGES) == pytest.approx(0.0, abs=1e-5)
    assert regression_loss(np.zeros(4), ADVANTAGES) == pytest.approx(np.mean(ADVANTAGES**2))


def by_torch(ratios: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Equation 8 of the paper, written out."""
    predicted = (ratios - ratios.mean()) / (ratios.std() + epsilon)
    return ((torch.tensor(ADVANTAGES) - predicted) ** 2).mean()


@pytest.mark.parametrize("epsilon", [1e-4, 0.1])
def test_slopes_are_those_of_autograd_through_mean_and_deviation(epsilon: float) -> None:
    ratios = torch.tensor(RATIOS, requires_grad=True)
    loss = by_torch(ratios, epsilon)
    loss.backward()  # type: ignore[no-untyped-call]
    assert ratios.grad is not None
    assert regression_loss(RATIOS, ADVANTAGES, epsilon) == pytest.approx(loss.item())
    assert regression_slopes(RATIOS, ADVANTAGES, epsilon) == pytest.approx(ratios.grad.numpy())


def test_before_the_first_update_it_is_a_policy_gradient() -> None:
    # 2 / (G epsilon) = 2 / (4 * 0.5) = 1
    assert regression_slopes(np.zeros(4), ADVANTAGES, 0.5) == pytest.approx(-ADVANTAGES)


def test_groups_are_apart_and_who_does_not_count_is_in_none() -> None:
    ratios = np.array([*RATIOS, 5.0, 0.2, 0.4])
    advantages = np.array([*ADVANTAGES, 0.0, 1.0, -1.0])
    shares = compute_regression(
        ratios, advantages, np.array([0.0] * 4 + [1.0] * 3), np.array([True] * 4 + [False, True, True])
    )
    first, second = regression_loss(RATIOS, ADVANTAGES), regression_loss(ratios[5:], advantages[5:])
    assert shares.losses.sum() == pytest.approx((first + second) / 2)
    assert shares.slopes[:4] == pytest.approx(regression_slopes(RATIOS, ADVANTAGES) / 2)
    assert (shares.losses[4], shares.slopes[4]) == (0.0, 0.0)
