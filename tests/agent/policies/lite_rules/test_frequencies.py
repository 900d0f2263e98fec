import pytest

from agent.policies.lite_rules.frequencies import Frequency, count_states, count_states_after_last, split_windows


def test_the_rule_of_succession_is_never_sure_and_even_where_nothing_was_seen() -> None:
    assert Frequency(0, 0).probability == 0.5
    assert Frequency(6, 6).probability == 7 / 8
    assert Frequency(0, 8).probability == 1 / 10
    assert Frequency(0, 8).complement.probability == 9 / 10


def test_an_estimate_shows_its_sum() -> None:
    assert Frequency(4, 6).sum == "(4 + 1) / (6 + 2) = 0.62"


def test_windows_are_whole_and_end_at_the_end() -> None:
    spans = split_windows(0.0, 10.0, 3.0)
    assert [(s.start_seconds, s.stop_seconds) for s in spans] == [(1.0, 4.0), (4.0, 7.0), (7.0, 10.0)]


@pytest.mark.parametrize("length", [0.1, 1 / 6, 0.7])
def test_windows_that_fit_exactly_are_not_lost_to_rounding(length: float) -> None:
    assert len(split_windows(0.0, 6 * length, length)) == 6
    assert split_windows(0.0, 6 * length, length)[0].start_seconds == pytest.approx(0.0, abs=1e-9)


def test_all_windows_count_for_what_has_no_state() -> None:
    assert count_states([True, False, False, True]) == Frequency(2, 4)


def test_only_windows_after_one_like_the_last_count_for_what_lasts() -> None:
    # after a window without (the last one is without): 1st -> with, 4th -> without
    assert count_states_after_last([False, True, True, False, False]) == Frequency(1, 2)
    # after a window with: 2nd -> with, 3rd -> without
    assert count_states_after_last([False, True, True, False, True]) == Frequency(1, 2)


def test_the_last_window_is_followed_by_nothing_yet() -> None:
    assert count_states_after_last([True]) == Frequency(0, 0)
