"""Paired tests against binomials worked out on paper."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.statistics.paired import Agreement, adjust_holm, compare, count_agreement
from evals.statistics.row import ResultRow


def rows(values: list[float | None], run: int = 0) -> list[ResultRow]:
    return [ResultRow(f"q{i}", f"v{i // 2}", value, run) for i, value in enumerate(values)]


def test_mcnemar_agrees_with_the_worked_examples() -> None:
    # 1 and 7: 2 * (1 + 8) / 256; less 8 / 256 for the mid-p
    assert Agreement(1, 1, 7, 12).exact_p == pytest.approx(18 / 256)
    assert Agreement(1, 1, 7, 12).mid_p == pytest.approx(10 / 256)
    assert Agreement(100, 40, 62, 100).exact_p == pytest.approx(0.037, abs=5e-4)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_exact_p_is_the_fraction_of_whole_numbers(b: int, c: int) -> None:
    tail = sum(math.comb(b + c, i) for i in range(min(b, c) + 1))
    assert Agreement(0, b, c, 0).exact_p == pytest.approx(float(min(Fraction(1), Fraction(2 * tail, 2 ** (b + c)))))
    assert 0 <= Agreement(0, b, c, 0).mid_p <= Agreement(0, b, c, 0).exact_p


def test_equal_discord_and_none_at_all_show_nothing() -> None:
    assert (Agreement(5, 0, 0, 5).exact_p, Agreement(5, 0, 0, 5).mid_p) == (1.0, 1.0)
    # 3 and 3: C(6, 3) / 64 = 20/64, half of it off 1
    assert (Agreement(0, 3, 3, 0).exact_p, Agreement(0, 3, 3, 0).mid_p) == (1.0, pytest.approx(1 - 10 / 64))


def test_a_hundred_thousand_discordant_questions_are_no_overflow() -> None:
    # 50,500 against 49,500: (1,000 - 1) / sqrt(100,000) = 3.16 standard deviations
    p = Agreement(0, 50_500, 49_500, 0).exact_p
    assert p == pytest.approx(math.erfc(999 / math.sqrt(100_000) / math.sqrt(2)), rel=1e-3)


def test_the_table_counts_each_pair_once() -> None:
    assert count_agreement([True, True, False, False, True], [True, False, True, False, True]) == Agreement(2, 1, 1, 1)
    with pytest.raises(ValueError, match="one length"):
        count_agreement([True], [])


def test_policies_are_compared_on_the_questions_that_both_were_scored_on() -> None:
    found = compare(rows([1, 1, 0, None]), rows([0, 1, 0, 1, 1]))
    assert found is not None
    assert (found.difference.mean, found.difference.n) == (pytest.approx(1 / 3), 3)
    assert found.agreement == Agreement(1, 1, 0, 1)
    assert found.unmatched == 2  # the fourth, broken off by the first, and the fifth
    assert compare(rows([1]), []) is None


def test_several_runs_are_averaged_and_leave_mcnemar_without_a_question() -> None:
    found = compare([*rows([1, 0]), *rows([0, 0], run=1)], rows([0, 0]))
    assert found is not None
    assert found.difference.mean == 0.25
    assert found.agreement is None
    halves = compare(rows([0.5]), rows([1]))
    assert halves is not None
    assert halves.agreement is None


def test_holm_agrees_with_the_sum_on_paper() -> None:
    # 3 * 0.01; 2 * 0.03; 1 * 0.04, raised to the one before it
    assert adjust_holm([0.01, 0.04, 0.03]) == (pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06))
    assert adjust_holm([0.9, 0.8]) == (1.0, 1.0)
    assert adjust_holm([]) == ()
    with pytest.raises(ValueError, match="need p-values"):
        adjust_holm([1.2])
