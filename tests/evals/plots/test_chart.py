"""Charts: where things are drawn, and that words in them are words."""

import xml.etree.ElementTree as ElementTree

import pytest

from evals.plots.chart import Axis, ChartLine, Dot, axis_over, colour, draw_chart, format_short, svg_file
from evals.report.section import DrawnInterval, Intervals, escape_markdown

SHARE = Axis("right", 0.0, 1.0, is_percent=True)


def test_ticks_are_round_numbers_within_the_axis() -> None:
    assert SHARE.ticks == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert Axis("frames", 0.0, 13.0).ticks == (0.0, 2.5, 5.0, 7.5, 10.0, 12.5)
    assert [SHARE.said(tick) for tick in SHARE.ticks] == ["0 %", "25 %", "50 %", "75 %", "100 %"]


def test_costs_that_span_much_are_drawn_by_powers_of_ten() -> None:
    axis = axis_over("tokens", [300.0, 90_000.0])
    assert axis.is_log
    assert axis.ticks == (100.0, 1000.0, 10_000.0, 100_000.0)
    assert axis.place(1000.0) == pytest.approx(1 / 3)
    assert not axis_over("frames", [4.0, 12.0]).is_log
    assert axis_over("frames", [0.0, 12.0]).low == 0.0


def test_what_costs_nothing_has_an_axis_too() -> None:
    assert axis_over("US dollars", [0.0]).high == 1.0


def test_what_is_beyond_an_axis_sticks_to_its_end() -> None:
    assert (SHARE.place(-1.0), SHARE.place(0.5), SHARE.place(2.0)) == (0.0, 0.5, 1.0)
    intervals = Intervals("", -0.2, 0.2, (DrawnInterval("a", 0.0, None, None),), is_signed=True)
    assert [intervals.place(x) for x in (-1.0, 0.0, 0.1, 1.0)] == [0.0, 50.0, 75.0, 100.0]


def test_words_in_a_drawing_are_words() -> None:
    hostile = "<script>&\"'"
    drawn = draw_chart(
        hostile,
        Axis(hostile, 0.0, 1.0),
        SHARE,
        [Dot(0.5, 0.5, 0.4, 0.6, 1, hostile, hostile), ChartLine(((0, 0), (1, 1)), 2, hostile)],
    )
    root = ElementTree.fromstring(drawn)
    assert [element.text for element in root.iter("title")] == [hostile] * 3
    assert "script" not in {element.tag for element in root.iter()}


def test_a_dot_stands_where_its_figures_say() -> None:
    root = ElementTree.fromstring(draw_chart("t", Axis("x", 0.0, 1.0), SHARE, [Dot(0.0, 1.0, None, None, 1)]))
    circle = next(root.iter("circle"))
    rules = [path.get("d") or "" for path in root.iter("path")]
    left = f"{float(circle.get('cx') or 0):g}"
    # the rule of 100 % begins there
    assert any(rule.startswith(f"M{left} {circle.get('cy')}h") for rule in rules)


def test_steps_are_counted_in_whole_numbers() -> None:
    assert Axis("step", 1, 3, is_whole=True).ticks == (1.0, 2.0, 3.0)
    assert Axis("step", 1, 3).ticks == (1.0, 1.5, 2.0, 2.5, 3.0)
    assert Axis("step", 0, 4000, is_whole=True).said(1000) == "1,000"


def test_a_file_of_plots_needs_no_page() -> None:
    drawn = draw_chart("t", Axis("x", 0.0, 1.0), SHARE, [Dot(0.5, 0.5, None, None, 1)])
    root = ElementTree.fromstring(svg_file([("a", drawn), ("b", drawn), ("c", drawn)]))
    plots = [one for one in root.iter("{http://www.w3.org/2000/svg}svg") if one.get("class") == "chart"]
    assert len(plots) == 3
    assert float(root.get("width", "")) > 2 * float(plots[0].get("width", ""))
    assert float(root.get("height", "")) > 2 * float(plots[0].get("height", ""))
    assert [one.text for one in root.iter("{http://www.w3.org/2000/svg}text") if one.get("class") == "head"] == [*"abc"]


def test_colours_begin_again() -> None:
    assert [colour(number) for number in (1, 6, 7)] == [1, 6, 1]


def test_numbers_are_short() -> None:
    assert [format_short(x) for x in (0, 0.0134, 12.5, 1500, 2_500_000, 3e9)] == [
        "0",
        "0.0134",
        "12.5",
        "1.5k",
        "2.5M",
        "3G",
    ]


def test_words_in_markdown_are_on_one_line_and_hold_no_tag() -> None:
    assert escape_markdown("a\n\n<b> &lt;") == "a &lt;b> &amp;lt;"
