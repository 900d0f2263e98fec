"""pass@k against counting, and never without what guessing would pass."""

import itertools

import pytest

from evals.statistics.pass_at_k import estimate_passes, guessing_floor, pass_at_k
from evals.statistics.row import ResultRow


def rows(question: str, values: list[float], options: int = 4) -> list[ResultRow]:
    return [ResultRow(question, question, value, run, options=options) for run, value in enumerate(values)]


def test_it_agrees_with_the_worked_example() -> None:
    # 1 - C(6, 3) / C(8, 3) = 1 - 20/56
    assert pass_at_k(8, 2, 3) == pytest.approx(36 / 56)


@pytest.mark.parametrize("right", range(6))
@pytest.mark.parametrize("k", range(1, 6))
def test_it_is_the_share_of_all_choices_of_k_runs_with_a_right_one(right: int, k: int) -> None:
    chosen = list(itertools.combinations([True] * right + [False] * (5 - right), k))
    assert pass_at_k(5, right, k) == pytest.approx(sum(any(runs) for runs in chosen) / len(chosen))


def test_guessing_passes_58_of_100_questions_with_four_options_in_three_runs() -> None:
    assert guessing_floor(4, 3) == pytest.approx(1 - 27 / 64)
    assert guessing_floor(0, 3) == 0.0


def test_the_floor_stands_beside_it_over_the_same_questions() -> None:
    played = [*rows("a", [1, 0, 0]), *rows("b", [0, 0, 0]), *rows("c", [1, 1, 1], options=0), *rows("d", [1, 1])]
    first, third = estimate_passes(played, [1, 3, 4])
    assert (first.k, first.estimate.mean, first.left_out) == (1, pytest.approx((1 / 3 + 0 + 1 + 1) / 4), 0)
    assert (third.k, third.estimate.mean, third.left_out) == (3, pytest.approx(2 / 3), 1)
    assert third.floor == pytest.approx(2 * (37 / 64) / 3)
    assert third.above_floor.mean == pytest.approx(2 / 3 - 2 * (37 / 64) / 3)
    assert third.estimate.clusters == 3


def test_where_nothing_is_shown_no_guess_among_the_options_passes() -> None:
    unanswerable = [ResultRow("a", "v", 1.0, run, options=4, is_answerable=False) for run in range(2)]
    assert estimate_passes(unanswerable, [2])[0].floor == 0.0


def test_half_a_score_is_no_pass() -> None:
    assert estimate_passes(rows("a", [0.5, 0.5]), [1])[0].estimate.mean == 0.0


def test_more_runs_than_there_are_can_not_be_taken() -> None:
    with pytest.raises(ValueError, match="1 <= k <= runs, got 1 of 2 and k = 3"):
        pass_at_k(2, 1, 3)
