"""A line says how many, how sure, and at what cost; and nothing where nothing was measured."""

import pytest

from evals.statistics.breakdown import break_down, estimate_per_1000_tokens, keys, summarise_costs, summarise_rows
from evals.statistics.row import DURATIONS, ResultRow


def row(
    number: int, value: float | None, *groups: tuple[str, str], options: int = 4, tokens: int | None = 500, run: int = 0
) -> ResultRow:
    return ResultRow(f"q{number}", f"v{number}", value, run, options=options, groups=groups, tokens=tokens)


def test_a_question_with_several_labels_is_in_several_lines() -> None:
    rows = [row(1, 1.0, ("needs", "zoom"), ("needs", "speech")), row(2, 0.0, ("needs", "zoom")), row(3, 0.0)]
    found = {x.label: x for x in break_down(rows, "needs")}
    assert list(found) == ["speech", "zoom"]
    assert found["zoom"].estimate is not None
    assert (found["zoom"].estimate.mean, found["zoom"].estimate.n) == (0.5, 2)
    assert keys(rows) == ("needs",)


def test_durations_stand_in_order_of_length_and_others_of_name() -> None:
    rows = [row(i, 1.0, ("duration", label)) for i, label in enumerate(("unknown", *reversed(DURATIONS)))]
    assert [x.label for x in break_down(rows, "duration", DURATIONS)] == [*DURATIONS, "unknown"]


def test_fewer_than_twenty_questions_are_noted_and_runs_are_no_questions() -> None:
    nineteen = [row(i, 1.0, run=run) for i in range(19) for run in (0, 1)]
    assert summarise_rows("all", nineteen).note == "n < 20"
    assert summarise_rows("all", [*nineteen, row(19, 0.0)]).note == ""


def test_what_was_broken_off_is_counted_and_not_wrong() -> None:
    found = summarise_rows("all", [row(1, 1.0), row(2, None)])
    assert found.estimate is not None
    assert (found.estimate.mean, found.unscored) == (1.0, 1)
    nothing = summarise_rows("all", [row(2, None)])
    assert (nothing.estimate, nothing.note) == (None, "not scored")


def test_chance_is_of_the_options_and_an_open_question_has_none() -> None:
    rows = [row(1, 1.0), row(2, 1.0, options=2), row(3, 1.0, options=0)]
    unanswerable = ResultRow("q4", "v", 1.0, options=4, is_answerable=False)
    assert summarise_rows("all", [*rows, unanswerable]).chance == pytest.approx((0.25 + 0.5) / 4)


def test_right_answers_per_1000_tokens_are_a_ratio_of_sums() -> None:
    # 2 right in 400 + 600 + 3,000 tokens
    found = estimate_per_1000_tokens([row(1, 1.0, tokens=400), row(2, 1.0, tokens=600), row(3, 0.0, tokens=3000)])
    assert found is not None
    assert found.mean == pytest.approx(0.5)
    assert found.low is not None


def test_tokens_not_measured_give_no_rate() -> None:
    assert estimate_per_1000_tokens([row(1, 1.0), row(2, 1.0, tokens=None)]) is None
    assert estimate_per_1000_tokens([row(1, 1.0, tokens=0)]) is None
    # one that was broken off before its tokens were counted takes no part
    assert estimate_per_1000_tokens([row(1, 1.0), row(2, None, tokens=None)]) is not None


def test_the_p95_is_a_cost_that_occurred() -> None:
    (tokens,) = summarise_costs([row(i, 1.0, tokens=i) for i in range(20, 0, -1)])
    assert (tokens.name, tokens.measured, tokens.mean, tokens.median) == ("tokens", 20, 10.5, 10.5)
    assert (tokens.p95, tokens.most) == (19, 20)


def test_a_currency_that_was_never_measured_is_left_out() -> None:
    assert summarise_costs([row(1, 1.0, tokens=None)]) == ()
    (tokens,) = summarise_costs([row(1, 1.0), row(2, 1.0, tokens=None)])
    assert tokens.measured == 1


def test_no_rows_are_no_line() -> None:
    with pytest.raises(ValueError, match="at least one row for 'all'"):
        summarise_rows("all", [])


def test_a_label_that_a_row_has_twice_counts_once() -> None:
    (found,) = break_down([row(1, 1.0, ("needs", "zoom"), ("needs", "zoom"))], "needs")
    assert found.estimate is not None
    assert found.estimate.n == 1
