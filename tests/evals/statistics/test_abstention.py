"""Abstention and the risk at each coverage, against counts and sums on paper."""

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.statistics.abstention import Abstentions, compute_risk_coverage, count_abstentions
from evals.statistics.calibration import JudgedConfidence
from evals.statistics.row import End, ResultRow


def row(end: End, *, answerable: bool, value: float | None = 0.0) -> ResultRow:
    return ResultRow("q", "v", value, end=end, is_answerable=answerable)


def items(*pairs: tuple[float, int]) -> list[JudgedConfidence]:
    return [JudgedConfidence(confidence, bool(right)) for confidence, right in pairs]


def test_each_end_is_counted_where_it_belongs() -> None:
    rows = [
        *[row("answered", answerable=True, value=1.0)] * 5,
        *[row("answered", answerable=True)] * 4,
        *[row("answered", answerable=False)] * 2,
        *[row("abstained", answerable=False, value=1.0)] * 3,
        row("abstained", answerable=True),
        row("nothing", answerable=True),
        row("nothing", answerable=False),
        row("nothing", answerable=True, value=None),
    ]
    found = count_abstentions(rows)
    assert found == Abstentions(5, 4, 2, 3, 1, 1, 1, 1)
    # 3 of 4 abstentions are right, 3 of 6 unanswerable questions found: 6 / (6 + 1 + 3)
    assert (found.precision, found.recall, found.f1) == (0.75, 0.5, 0.6)


def test_claiming_nothing_is_no_abstention_and_no_false_claim() -> None:
    rows = [
        row("cannot tell", answerable=True),
        row("cannot tell", answerable=False),
        row("abstained", answerable=True),
    ]
    found = count_abstentions(rows)
    assert (found.cannot_tell, found.cannot_tell_nothing_shown, found.abstained_wrongly) == (1, 1, 1)
    assert (found.answered_wrong, found.answered_nothing_shown, found.no_answer) == (0, 0, 0)
    # what can't be answered was not seen to be so
    assert found.recall == 0.0


def test_without_anything_unanswerable_there_is_no_recall_and_no_f1() -> None:
    found = count_abstentions([row("answered", answerable=True, value=1.0)])
    assert (found.precision, found.recall, found.f1) == (None, None, None)


def test_never_abstaining_where_it_should_is_an_f1_of_0_and_not_none() -> None:
    assert count_abstentions([row("answered", answerable=False)]).f1 == 0.0


def test_the_curve_and_its_area_agree_with_the_sum_on_paper() -> None:
    # right, wrong, right, wrong: risks 0, 1/2, 1/3, 1/2; best: 0, 0, 1/3, 2/4
    found = compute_risk_coverage(items((0.9, 1), (0.8, 0), (0.7, 1), (0.6, 0)))
    assert [(p.coverage, p.risk, p.confidence) for p in found.points] == [
        (0.25, 0.0, 0.9),
        (0.5, 0.5, 0.8),
        (0.75, pytest.approx(1 / 3), 0.7),
        (1.0, 0.5, 0.6),
    ]
    assert found.aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert found.best == pytest.approx((1 / 3 + 2 / 4) / 4)
    assert (found.at_random, found.count) == (0.5, 4)


def test_right_answers_surer_than_wrong_ones_have_no_excess() -> None:
    found = compute_risk_coverage(items((0.9, 1), (0.8, 1), (0.3, 0), (0.1, 0)))
    assert found.aurc == pytest.approx(found.best)


def test_one_confidence_for_everything_says_nothing() -> None:
    found = compute_risk_coverage(items((0.5, 1), (0.5, 0), (0.5, 0), (0.5, 1)))
    assert found.aurc == found.at_random == 0.5
    assert len(found.points) == 1


@given(st.lists(st.booleans(), min_size=1, max_size=5))
def test_equal_confidences_are_worth_the_mean_over_all_their_orders(right: list[bool]) -> None:
    areas = [
        statistics.fmean(sum(not r for r in order[:k]) / k for k in range(1, len(order) + 1))
        for order in itertools.permutations(right)
    ]
    found = compute_risk_coverage([JudgedConfidence(0.5, r) for r in right])
    assert found.aurc == pytest.approx(statistics.fmean(areas))
    assert found.best == pytest.approx(min(areas))


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.4, 0.4001, 0.9]), st.booleans()), min_size=1))
def test_only_the_ranking_counts_and_not_the_order_of_the_file(pairs: list[tuple[float, bool]]) -> None:
    given_items = [JudgedConfidence(*pair) for pair in pairs]
    squared = [JudgedConfidence(item.confidence**2, item.is_right) for item in reversed(given_items)]
    found, other = compute_risk_coverage(given_items), compute_risk_coverage(squared)
    assert found.aurc == pytest.approx(other.aurc)
    assert found.best - 1e-12 <= found.aurc <= 1


def test_nothing_to_judge_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one answer with a confidence"):
        compute_risk_coverage([])
