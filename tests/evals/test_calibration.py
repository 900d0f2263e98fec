"""Calibration against numbers worked out on paper."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from agent.trajectory import (
    Answer,
    Question,
    Step,
    Stop,
    Trajectory,
    Turn,
    Verification,
    VideoFacts,
    to_json,
)
from evals.calibration import kind_table, main
from evals.example import Example
from evals.statistics.calibration import (
    JudgedConfidence,
    bin_equal_mass,
    bin_equal_width,
    calibrate,
    judge_confidences,
    read_reported_confidence,
    read_stated_confidence,
)
from evals.statistics.tables import score_outcomes

RIGHT, WRONG = "red", "blue"


def _played(name: str, text: str, confidence: float | None, agrees: bool | None = None) -> Trajectory:
    return Trajectory(
        Question("v.mp4", "What colour?", id=name),
        VideoFacts("h", 1.0, 1, 1),
        steps=(Step(Turn("", Answer(text, confidence=confidence))),),
        stop=Stop.ANSWERED,
        verification=None if agrees is None else Verification(agrees, text),
    )


def _items(*pairs: tuple[float, int]) -> list[JudgedConfidence]:
    return [JudgedConfidence(confidence, bool(right)) for confidence, right in pairs]


def test_the_error_is_the_gap_of_each_bin_weighed_by_its_answers() -> None:
    # (0.9, 1.0]: 0.95 0.95 1.0, two of three right: |2 - 2.9| = 0.9; (0.5, 0.6]: 0.6, right: |1 - 0.6| = 0.4
    # (0.1, 0.2]: 0.2, wrong: 0.2; together 1.5 of 5 answers
    found = calibrate(_items((0.95, 1), (0.95, 1), (1.0, 0), (0.6, 1), (0.2, 0)))
    assert found.ece == pytest.approx(1.5 / 5)
    assert [(b.count, round(b.confidence, 4), round(b.accuracy, 4)) for b in found.bins] == [
        (1, 0.2, 0.0),
        (1, 0.6, 1.0),
        (3, 0.9667, 0.6667),
    ]
    # 0.05^2 + 0.05^2 + 1 + 0.4^2 + 0.2^2 = 1.205
    assert found.brier == pytest.approx(1.205 / 5)


def test_bins_of_equal_mass_split_what_equal_width_lumps_together() -> None:
    # one bin of width: 2 right of 4, expected 0.91 + 0.93 + 0.95 + 0.97 = 3.76: 1.76 of 4
    # two of mass: (0 right, 1.84) and (2 right, 1.92): 1.84 + 0.08 = 1.92 of 4
    found = calibrate(_items((0.91, 0), (0.93, 0), (0.95, 1), (0.97, 1)), bins=2)
    assert found.ece == pytest.approx(1.76 / 4)
    assert found.ece_equal_mass == pytest.approx(1.92 / 4)


def test_equal_confidences_stay_in_one_bin_whatever_their_order() -> None:
    items = _items((0.5, 1), (0.5, 0), (0.5, 1), (0.9, 1))
    assert [len(group) for group in bin_equal_mass(items, 4)] == [3, 1]
    assert [len(group) for group in bin_equal_mass(items[::-1], 4)] == [3, 1]


@pytest.mark.parametrize("edge", [0.1, 0.2, 0.3, 0.6, 0.7, 1.0])
def test_an_edge_belongs_to_the_bin_below_it(edge: float) -> None:
    groups = bin_equal_width(_items((edge, 1), (edge - 0.01, 1)), 10)
    assert [len(group) for group in groups] == [2]


def test_a_confidence_of_0_is_in_the_first_bin() -> None:
    assert [len(group) for group in bin_equal_width(_items((0.0, 0), (0.05, 0)), 10)] == [2]


def test_saying_half_and_being_right_half_the_time_is_calibrated_and_not_sharp() -> None:
    found = calibrate(_items((0.5, 1), (0.5, 0)))
    assert (found.ece, found.ece_equal_mass, found.brier) == (0.0, 0.0, 0.25)
    # right is 0, 1 or 2 of 2 with 1/4, 1/2, 1/4: a gap of 1/2 half of the time
    assert found.ece_of_chance == pytest.approx(0.25, abs=0.02)


def test_certainty_leaves_nothing_to_chance() -> None:
    assert calibrate(_items((1.0, 1), (0.0, 0))).ece_of_chance == 0.0


def test_the_interval_of_a_bin_is_wilsons() -> None:
    # 1 of 1 at z = 1.96: low is 1 / (1 + 3.8415)
    (only,) = calibrate(_items((0.8, 1))).bins
    assert only.low == pytest.approx(1 / 4.8415, abs=1e-4)
    assert only.high == 1.0


def test_nothing_to_judge_is_an_error_and_not_a_perfect_score() -> None:
    with pytest.raises(ValueError, match="at least one answer with a confidence"):
        calibrate([])


def test_a_confidence_outside_0_to_1_is_refused() -> None:
    with pytest.raises(ValueError, match="need 0 <= confidence <= 1, got 80"):
        JudgedConfidence(80, True)


def test_no_confidence_is_not_0_and_is_counted_apart() -> None:
    trajectories = [_played("a", RIGHT, 0.8), _played("b", WRONG, None), _played("c", RIGHT, 0.8).ended(Stop.CRASHED)]
    unanswered = Trajectory(Question("v.mp4", "?", id="d"), VideoFacts("h", 1.0, 1, 1), stop=Stop.TURN_LIMIT)
    played = score_outcomes(_examples("a", "b", "c", "d"), {t.question.id: t for t in [*trajectories[:2], unanswered]})
    found = judge_confidences(played, read_stated_confidence)
    assert found.judged == (JudgedConfidence(0.8, True),)
    assert (found.unstated, found.left_out) == (1, 1)


def test_a_second_look_that_disagrees_is_in_the_reported_confidence_alone() -> None:
    played = score_outcomes(_examples("a"), {"a": _played("a", WRONG, 0.8, agrees=False)})
    assert judge_confidences(played, read_stated_confidence).judged == (JudgedConfidence(0.8, False),)
    assert judge_confidences(played, read_reported_confidence).judged[0].confidence < 0.8


def _examples(*names: str) -> list[Example]:
    return [Example(Question("v.mp4", "What colour?", id=name), RIGHT) for name in names]


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    rows = [{"video": "v.mp4", "question": f"What colour {n}?", "answer": RIGHT} for n in range(3)]
    (tmp_path / "q.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    runs = [_played("v.mp4#1", RIGHT, 0.9), _played("v.mp4#2", WRONG, 0.9), _played("v.mp4#3", RIGHT, None)]
    (tmp_path / "run.jsonl").write_text("".join(to_json(run) + "\n" for run in runs), encoding="utf-8")
    return [str(tmp_path / "q.jsonl"), str(tmp_path / "run.jsonl"), "--videos", str(tmp_path)]


def test_the_command_prints_counts_errors_and_bins(files: list[str]) -> None:
    lines = main(files).splitlines()
    # |1 - 1.8| of 2 answers, and (0.01 + 0.81) / 2
    cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
    assert cells[:5] == ["stated", "2", "1", "0", "0.400"]
    assert cells[-1] == "0.410"
    assert any(line.startswith("| 2   | 0.90") for line in lines)


def test_each_kind_of_question_has_its_mean_confidence_beside_its_accuracy() -> None:
    right, wrong = (
        Example(Question("v.mp4", "What colour?", id="a"), answer=RIGHT, needs=("zoom",)),
        Example(Question("v.mp4", "What colour?", id="b"), answer=RIGHT, needs=("zoom", "speech")),
    )
    runs = {"a": _played("a", RIGHT, 0.5), "b": _played("b", WRONG, 0.7)}
    table = kind_table(score_outcomes([right, wrong], runs), read_stated_confidence)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]
    assert rows == [
        ["open", "2", "0.60", "50.0 %", "+10.0"],
        ["speech", "1", "0.70", "0.0 %", "+70.0"],
        ["zoom", "2", "0.60", "50.0 %", "+10.0"],
    ]


def test_the_plot_is_svg_with_a_dot_for_each_bin(files: list[str], tmp_path: Path) -> None:
    main([*files, "--plot", str(tmp_path / "plot.svg")])
    root = ElementTree.fromstring((tmp_path / "plot.svg").read_text(encoding="utf-8"))
    (dot,) = root.iter("{http://www.w3.org/2000/svg}circle")
    # 46 + 254 * 0.9 and 18 + 264 * (1 - 0.5)
    assert (float(dot.get("cx", "")), float(dot.get("cy", ""))) == (274.6, 150.0)


def test_a_missing_run_is_said_with_what_makes_one(files: list[str], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no run at .* python -m evals\.run --out"):
        main([files[0], str(tmp_path / "none.jsonl"), *files[2:]])
