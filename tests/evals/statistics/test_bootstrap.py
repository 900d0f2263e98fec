"""The bootstrap against cases whose draws can be counted on paper, and against what it promises to cover."""

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.statistics.bootstrap import BootstrapEstimate, estimate_difference, estimate_mean, estimate_ratio
from evals.statistics.stats import t_quantile, wilson


def half_width(estimate: BootstrapEstimate) -> float:
    assert estimate.low is not None
    assert estimate.high is not None
    return (estimate.high - estimate.low) / 2


def test_the_mean_counts_questions_and_not_videos() -> None:
    estimate = estimate_mean([1, 1, 1, 0, 0], ["a", "a", "a", "b", "c"])
    assert (estimate.mean, estimate.n, estimate.clusters) == (0.6, 5, 3)


def test_two_videos_can_only_say_that_anything_between_them_is_possible() -> None:
    # t(1) is 12.7, and its widened level lies beyond every draw: the ends are (a, a) and (b, b)
    estimate = estimate_mean([0.2, 0.2, 0.8], ["a", "a", "b"])
    assert (estimate.low, estimate.high) == (pytest.approx(0.2), pytest.approx(0.8))


def test_three_videos_agree_with_all_27_draws_on_paper() -> None:
    # sums 0, 1, 2 of 2 questions each; of the 27 draws the lowest is (0, 0, 0) with 1/27, and the widened level of
    # t(2), 4.303 * sqrt(3/2) = 5.27, is far below that
    draws = sorted(sum(three) / 6 for three in itertools.product((0, 1, 2), repeat=3))
    estimate = estimate_mean([0, 0, 1, 0, 1, 1], list("aabbcc"))
    assert (estimate.low, estimate.high) == (draws[0], draws[-1])


def test_of_many_even_values_it_is_the_ordinary_interval_of_a_mean() -> None:
    values = [i / 399 for i in range(400)]
    margin = t_quantile(0.975, 399) * statistics.stdev(values) / math.sqrt(400)
    assert half_width(estimate_mean(values, range(400))) == pytest.approx(margin, rel=0.03)


def test_on_300_videos_of_3_questions_it_agrees_with_the_clustered_standard_error() -> None:
    # 100 videos all right, 100 all wrong, 100 one of three: residual sums 5/3, -4/3 and -1/3 around 4/9
    values = [1, 1, 1] * 100 + [0, 0, 0] * 100 + [1, 0, 0] * 100
    error = math.sqrt(100 * (25 + 16 + 1) / 9) / 900
    estimate = estimate_mean(values, [i // 3 for i in range(900)])
    assert half_width(estimate) == pytest.approx(t_quantile(0.975, 299) * error, rel=0.03)
    assert half_width(estimate_mean(values, range(900))) < 0.75 * half_width(estimate)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.booleans(), min_size=10, max_size=40), st.integers(2, 4))
def test_repeating_each_question_within_its_video_narrows_nothing(right: list[bool], times: int) -> None:
    alone = estimate_mean(right, range(len(right)))
    together = estimate_mean(right * times, list(range(len(right))) * times)
    apart = estimate_mean(right * times, range(len(right) * times))
    assert (together.low, together.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert half_width(together) >= half_width(apart)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 5)), min_size=2, max_size=30))
def test_an_interval_stays_within_the_values_and_holds_their_mean(rows: list[tuple[float, int]]) -> None:
    values = [value for value, _ in rows]
    estimate = estimate_mean(values, [cluster for _, cluster in rows], is_share=False)
    if estimate.low is not None and estimate.high is not None:
        assert min(values) - 1e-9 <= estimate.low <= estimate.mean + 1e-9
        assert estimate.mean - 1e-9 <= estimate.high <= max(values) + 1e-9


def test_the_order_of_the_file_and_the_names_of_videos_change_nothing() -> None:
    draw = random.Random(1)
    rows = [(draw.random(), f"v{i // 3}") for i in range(600)]
    shuffled = draw.sample(rows, len(rows))
    first = estimate_mean([v for v, _ in rows], [c for _, c in rows])
    second = estimate_mean([v for v, _ in shuffled], [(c, "renamed") for _, c in shuffled])
    assert (first.low, first.high) == (pytest.approx(second.low, abs=1e-12), pytest.approx(second.high, abs=1e-12))


def test_a_seed_gives_the_same_interval_and_another_seed_nearly_the_same() -> None:
    values, clusters = [float(i % 3 == 0) for i in range(300)], [i // 2 for i in range(300)]
    first = estimate_mean(values, clusters)
    assert first == estimate_mean(values, clusters)
    assert half_width(first) == pytest.approx(half_width(estimate_mean(values, clusters, seed=1)), rel=0.06)


def test_drawing_kinds_of_videos_is_drawing_videos() -> None:
    # 500 videos of two kinds are drawn by their kinds; a hair's breadth makes 500 kinds of them, drawn one by one
    values = [float(i % 4 == 0) for i in range(500)]
    by_kind = estimate_mean(values, range(500))
    one_by_one = estimate_mean([value + 1e-9 * i for i, value in enumerate(values)], range(500), is_share=False)
    assert half_width(one_by_one) == pytest.approx(half_width(by_kind), rel=0.06)


def test_nineteen_of_twenty_intervals_hold_the_true_share() -> None:
    # 10 videos of 3 questions, three quarters right on average: a percentile interval would hold it in 89 of 100
    draw = random.Random(3)
    held = 0
    for _ in range(300):
        shares = [draw.betavariate(1.75, 1.75 / 3) for _ in range(10)]
        values = [float(draw.random() < share) for share in shares for _ in range(3)]
        estimate = estimate_mean(values, [i // 3 for i in range(30)])
        held += estimate.low is not None and estimate.high is not None and estimate.low <= 0.75 <= estimate.high
    assert held >= 276  # 95 % of 300 is 285; three standard errors are 11


def test_one_video_gives_no_interval() -> None:
    assert estimate_mean([1, 0], ["a", "a"]).low is None


def test_all_right_is_not_certainty() -> None:
    estimate = estimate_mean([1, 1, 1, 1], list("aabc"))
    assert (estimate.low, estimate.high) == (pytest.approx(wilson(3, 3)[0]), 1.0)


def test_videos_that_are_all_alike_give_no_interval_rather_than_one_of_no_width() -> None:
    assert estimate_mean([1, 0, 0, 1], list("aabb")).low is None


def test_a_paired_difference_takes_each_item_against_itself() -> None:
    # differences 1, 0, -1, 1: mean 0.25
    estimate = estimate_difference([1, 1, 0, 1], [0, 1, 1, 0], list("abcd"))
    assert estimate.mean == 0.25
    assert (estimate.low, estimate.high) == (-1.0, 1.0)


def test_a_pair_that_always_differs_alike_has_no_interval() -> None:
    # not Wilson's: a difference is no share
    assert estimate_difference([1, 1], [0, 0], ["a", "b"]).low is None


def test_pairing_takes_away_what_both_share() -> None:
    first = [float(i % 2) for i in range(200)]
    second = [value if i % 20 else 0.0 for i, value in enumerate(first)]
    first[0] = 1.0
    paired = estimate_difference(first, second, range(200))
    assert half_width(paired) < 0.5 * half_width(estimate_mean(first, range(200)))


def test_a_ratio_is_of_sums_and_not_a_mean_of_ratios() -> None:
    # 1 + 1 right of 100 + 300 tokens; the mean of 1/100 and 1/300 would be 1/150
    assert estimate_ratio([1, 1], [100, 300], ["a", "b"]).mean == 0.005


def test_unequal_lengths_and_nothing_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="as many values as clusters"):
        estimate_mean([], [])
    with pytest.raises(ValueError, match="one length"):
        estimate_difference([1], [1, 0], ["a", "b"])
    with pytest.raises(ValueError, match="bottoms >= 0"):
        estimate_ratio([1, 1], [0, 0], ["a", "b"])
