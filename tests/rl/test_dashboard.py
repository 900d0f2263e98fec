"""A training as a page and as a picture: whatever its log has, old ones and short ones too."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from rl.dashboard import main
from rl.monitor.alarms import Alarm, keep_alarm
from rl.monitor.curves import CANVAS, Bars, Curve, Lines, draw_panel, picture, smooth, window_of
from rl.monitor.page import PAGE, render_page, write_page
from rl.monitor.panels import make_subjects
from tests.rl.logged import HOSTILE, log_of, write_log

OLD = {"step", "score", "score/answer", "groups/teaching", "runs/with_calls", "runs/calls", "runs/readable_turns"} | {
    "loss",
    "seconds/generate",
    "seconds/tools",
    "seconds/log-probabilities",
    "seconds/update",
}
"""What the first logs had."""


def titles(rows: list[dict[str, Any]]) -> list[str]:
    return [panel.title for subject in make_subjects(rows) for panel in subject.panels]


def test_a_smoothed_point_is_the_mean_of_those_around_it() -> None:
    points = [(step, float(step % 3)) for step in range(1, 31)]  # 1, 2, 0, 1, 2, 0 ...
    assert window_of(30) == 3
    found = smooth(points)
    assert [step for step, _ in found] == list(range(1, 31))
    assert found[0][1] == (1 + 2) / 2  # at the end of those that there are
    assert all(value == pytest.approx(1.0) for _, value in found[1:-1])
    assert smooth(points[:5]) == points[:5]  # too few


def test_a_curve_is_where_its_values_are() -> None:
    """A share of 1/2 at the middle step is in the middle of the drawing."""
    svg = draw_panel(Lines("t", (Curve("t", [(1, 0.0), (2, 0.5), (3, 1.0)], 1),), is_share=True), 1, 3)
    path = re.search(r'<path class="line" d="M([^"]+)"', svg)
    assert path is not None
    left, middle, right = (tuple(map(float, point.split())) for point in path[1].split("L"))
    assert middle == ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
    assert left[0] < middle[0] < right[0] <= CANVAS.width
    assert CANVAS.height >= left[1] > middle[1] > right[1]


def test_bars_stand_on_each_other_and_are_as_high_as_their_seconds() -> None:
    curves = (Curve("generate", [(1, 30.0), (2, 30.0)], 1), Curve("update", [(1, 10.0), (2, 20.0)], 2))
    root = ElementTree.fromstring(draw_panel(Bars("t", curves), 1, 2))
    bars = [rect.attrib for rect in root.iter("rect") if "bar" in rect.attrib["class"]]
    heights = [float(bar["height"]) for bar in bars]
    assert [bar["class"] for bar in bars] == ["bar c1", "bar c2"] * 2
    assert heights[0] / heights[1] == pytest.approx(3, rel=0.02)
    assert heights[2] / heights[3] == pytest.approx(1.5, rel=0.02)
    assert float(bars[1]["y"]) + heights[1] == pytest.approx(float(bars[0]["y"]))


def test_words_in_a_drawing_are_words() -> None:
    root = ElementTree.fromstring(draw_panel(Lines(HOSTILE, (Curve(HOSTILE, [(1, 0.0), (2, 1.0)], 1),)), 1, 2))
    assert "script" not in {element.tag for element in root.iter()}


def test_every_measure_has_its_curve() -> None:
    assert titles(log_of(30)) == [
        *("Score", "Its components", "Evidence hit"),
        *("Tool rate", "Calls a question", "What tools are worth", "Pictures a question"),
        *("Parse rate by turn", "Endings", "Turns a question", "Tokens"),
        *("Groups without variance", "Runs that count, tokens that do", "Loss", "Gradient", "Entropy", "Divergence"),
        *("Learning rate", "Seconds of a step", "Shares of a step"),
    ]


def test_an_old_log_has_the_curves_that_it_measured() -> None:
    rows = [{name: value for name, value in row.items() if name in OLD} for row in log_of(12)]
    assert titles(rows) == [
        *("Score", "Its components", "Tool rate", "Calls a question", "Parse rate"),
        *("Groups without variance", "Loss", "Seconds of a step", "Shares of a step"),
    ]
    assert "Parse rate" in render_page("old", rows, (), ())


def test_a_log_of_imitation_is_shown_too() -> None:
    rows = [{"step": n, "loss": 1.0 / n, "norm": 1.0, "learning_rate": 1e-3, "seconds": 30.0} for n in (1, 2, 3)]
    assert titles(rows) == ["Loss", "Gradient", "Learning rate", "Seconds of a step"]


@pytest.mark.parametrize("count", [1, 2, 19, 20, 1000])
def test_any_number_of_steps_can_be_drawn(count: int) -> None:
    rows = log_of(count)
    page = render_page("run", rows, (), ())
    assert page.count('<svg class="chart"') == len(titles(rows))
    assert page.count("<style") == 1
    ElementTree.fromstring(picture(rows))


def test_steps_without_a_measure_are_no_zeros() -> None:
    """Every second step plays nothing: the curve of the score goes from one known value to the next."""
    rows = [{"step": n, "loss": 0.0} | ({"score": 0.5} if n % 2 else {"score": None}) for n in range(1, 9)]
    [score] = [panel for subject in make_subjects(rows) for panel in subject.panels if panel.title == "Score"]
    assert score.curves[0].points == ((1, 0.5), (3, 0.5), (5, 0.5), (7, 0.5))


def test_a_page_says_that_an_alarm_stopped_it_and_what_helps(tmp_path: Path) -> None:
    rows = write_log(tmp_path, 8)
    keep_alarm(tmp_path, Alarm("tool_collapse", 8, "tools are hardly called", "a cold start (`python -m rl.sft`)"))
    write_page(tmp_path, rows)
    written = (tmp_path / PAGE).read_text()
    assert "An alarm stopped it after step 8" in written
    assert "Tools are hardly called." in written
    assert "a cold start (<code>python -m rl.sft</code>)" in written
    assert "<code>tool_collapse = 0</code> under [alarms]" in written


def test_a_page_fetches_nothing_runs_nothing_and_escapes(tmp_path: Path) -> None:
    rows = [{**row, f"score/{HOSTILE}": 1.0, HOSTILE: 2.0} for row in log_of(3)]
    written = render_page(HOSTILE, rows, [Alarm("unreadable", 3, HOSTILE, HOSTILE)], [(HOSTILE, HOSTILE)])
    assert "<script" not in written
    assert not re.search(r"(src|href)=[\"']?https?:", written)
    assert "default-src 'none'" in written


def test_the_command_writes_the_page_or_the_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no steps to show"):
        main(tmp_path)
    write_log(tmp_path, 4)
    assert main(tmp_path) == str(tmp_path / PAGE)
    assert main(tmp_path, tmp_path / "curves.svg") == str(tmp_path / "curves.svg")
    root = ElementTree.parse(tmp_path / "curves.svg").getroot()
    heads = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text") if text.get("class") == "head"]
    assert heads == ["Score", "Tool calls a question", "Turns that can be read", "Tokens written a question"]


def test_a_picture_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="has none of score, runs/calls"):
        picture([{"step": 1, "loss": 0.5}])
