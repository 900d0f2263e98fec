"""Intervals, against tables and numbers worked out on paper."""

import math

import pytest

from evals.stats import clustered_mean, paired_difference, t_quantile, wilson


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


def test_a_clustered_interval_agrees_with_the_sum_on_paper() -> None:
    # mean 0.6; residual sums 0.8, -0.2, -0.6; squares 1.04; 3/2 * 1.04 / 100 = 0.0156; sqrt 0.1249; t(2) 4.3027
    values = [1, 1, 1, 0, 1, 1, 0, 0, 1, 0]
    clusters = ["a", "a", "b", "b", "b", "b", "b", "b", "c", "c"]
    # a: 2 * 0.4 = 0.8; b: 3 * 0.4 - 3 * 0.6 = -0.6; c: 0.4 - 0.6 = -0.2
    estimate = clustered_mean(values, clusters, (-9.0, 9.0))
    margin = 4.302653 * math.sqrt(1.5 * (0.64 + 0.36 + 0.04) / 100)
    assert estimate.mean == pytest.approx(0.6)
    assert (estimate.low, estimate.high) == (pytest.approx(0.6 - margin), pytest.approx(0.6 + margin))
    assert (estimate.n, estimate.clusters) == (10, 3)


def test_with_every_item_its_own_cluster_it_is_the_ordinary_interval_of_a_mean() -> None:
    # 1, 2, 3, 4: mean 2.5, standard error sqrt(5/3 / 4) = 0.6455, t(3) = 3.1824
    estimate = clustered_mean([1, 2, 3, 4], range(4), (-99.0, 99.0))
    assert estimate.high == pytest.approx(2.5 + 3.182446 * 0.645497)


def test_questions_that_fall_together_widen_the_interval() -> None:
    values = [1, 1, 1, 1, 0, 0, 0, 0, 1, 0]
    together = clustered_mean(values, list("aaaabbbbcd"), (-9.0, 9.0))
    apart = clustered_mean(values, range(10), (-9.0, 9.0))
    assert together.high is not None
    assert apart.high is not None
    assert together.high > apart.high


def test_one_video_gives_no_interval() -> None:
    assert clustered_mean([1, 0], ["a", "a"]).low is None


def test_all_right_is_not_certainty() -> None:
    estimate = clustered_mean([1, 1, 1, 1], list("aabc"))
    assert (estimate.low, estimate.high) == (pytest.approx(wilson(3, 3)[0]), 1.0)


def test_a_share_stays_within_its_bounds() -> None:
    estimate = clustered_mean([1, 0, 1], list("abc"))
    assert (estimate.low, estimate.high) == (0.0, 1.0)


def test_a_paired_difference_takes_each_item_against_itself() -> None:
    # differences 1, 0, -1, 1: mean 0.25
    estimate = paired_difference([1, 1, 0, 1], [0, 1, 1, 0], list("abcd"))
    assert estimate.mean == 0.25
    assert estimate.low is not None
    assert estimate.low >= -1.0


def test_unequal_lengths_and_nothing_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="as many values as clusters"):
        clustered_mean([], [])
    with pytest.raises(ValueError, match="one length"):
        paired_difference([1], [1, 0], ["a", "b"])
    with pytest.raises(ValueError, match="trials"):
        wilson(3, 2)
