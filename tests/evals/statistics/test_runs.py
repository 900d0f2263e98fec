"""Several runs: the mean of means, and the spread kept apart from the interval."""

import math

import pytest

from evals.statistics.row import ResultRow
from evals.statistics.runs import group_by_question, summarise_runs


def row(question: str, run: int, value: float | None, said: str = "", cluster: str = "v") -> ResultRow:
    return ResultRow(question, cluster, value, run, said, options=4)


TWO_RUNS = (
    row("q1", 0, 1.0, "A"),
    row("q1", 1, 0.0, "B"),
    row("q2", 0, 1.0, "C", "w"),
    row("q2", 1, 1.0, "c", "w"),
)


def test_runs_are_averaged_first_and_their_spread_is_told_apart() -> None:
    found = summarise_runs(TWO_RUNS)
    assert (found.estimate.mean, found.estimate.n, found.estimate.clusters) == (0.75, 2, 2)
    assert found.by_run == {0: 1.0, 1: 0.5}
    assert found.spread == pytest.approx(math.sqrt(0.125))  # 1 and 0.5 around 0.75: 2 * 0.0625 over 1
    assert (found.always_right, found.changing) == (0.5, 0.5)


def test_the_same_runs_again_do_not_make_the_interval_narrower() -> None:
    once = summarise_runs([row(f"q{i}", 0, float(i % 3 == 0), cluster=f"v{i // 2}") for i in range(40)])
    again = summarise_runs(
        [row(f"q{i}", r, float(i % 3 == 0), cluster=f"v{i // 2}") for i in range(40) for r in (0, 1)]
    )
    assert again.estimate == once.estimate
    assert again.spread == 0.0


def test_the_vote_is_of_answers_and_a_tie_is_worth_its_mean() -> None:
    # q1: A and B tie, 1/2; q2: right; q3: two runs agree on the wrong one
    third = [row("q3", 0, 0.0, "B", "w"), row("q3", 1, 0.0, "B", "w"), row("q3", 2, 1.0, "A", "w")]
    assert summarise_runs([*TWO_RUNS, *third]).voted == pytest.approx((0.5 + 1 + 0) / 3)


def test_a_question_with_more_runs_counts_once() -> None:
    found = summarise_runs([*TWO_RUNS, row("q3", 0, 0.0), row("q4", 0, None)])
    assert found.estimate.mean == pytest.approx((0.5 + 1 + 0) / 3)


def test_one_run_has_no_spread() -> None:
    assert summarise_runs([row("q1", 0, 1.0)]).spread is None


def test_a_run_that_has_a_question_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="q1 is there twice in one run"):
        group_by_question([row("q1", 0, 1.0), row("q1", 0, 0.0)])
    with pytest.raises(ValueError, match="several videos"):
        group_by_question([row("q1", 0, 1.0), row("q1", 1, 0.0, cluster="w")])
    with pytest.raises(ValueError, match="at least one scored"):
        summarise_runs([row("q1", 0, None)])
