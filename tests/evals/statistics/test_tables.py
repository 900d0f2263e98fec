"""Figures as a reader sees them."""

from evals.statistics.bootstrap import BootstrapEstimate
from evals.statistics.tables import format_interval, render_table


def test_an_interval_that_cannot_be_had_says_so() -> None:
    assert format_interval(BootstrapEstimate(0.5, None, None, 3, 1)) == "none: one video"
    assert format_interval(BootstrapEstimate(0.5, 0.25, 0.75, 3, 2)) == "[25.0, 75.0]"


def test_a_bar_in_a_cell_does_not_break_the_table() -> None:
    assert "a\\|b" in render_table(["h"], [["a|b"]])
