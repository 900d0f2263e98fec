"""Intervals, against tables and numbers worked out on paper."""

import pytest

from evals.statistics.stats import t_quantile, wilson


@pytest.mark.parametrize(
    ("degrees", "table"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (15, 2.131), (30, 2.042), (120, 1.980)],
)
def test_students_t_agrees_with_the_printed_table(degrees: int, table: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(table, abs=5e-4)


def test_wilson_agrees_with_the_worked_example() -> None:
    # 8 of 10: (0.8 + 0.19207) / 1.38415 = 0.71673, plus and minus 1.96 * sqrt(0.016 + 0.0096) / 1.38415 = 0.2266
    low, high = wilson(8, 10)
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))


def test_more_than_all_is_no_share() -> None:
    with pytest.raises(ValueError, match="trials"):
        wilson(3, 2)
