"""Things found, followed and counted: by a tiny network in the detector's own form, in pictures that are drawn."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.drawn_clips import draw_clip
from tests.tiny_detector import GREEN, RED, draw_squares, write_tiny_detector
from tools.deadline import set_deadline
from tools.encoders.registry import open_encoder
from tools.observation import MissingPartError, ToolError
from tools.resources import ToolResources
from tools.toolbox import PULLED_TOOLS, Toolbox
from tools.video.video import Video
from tools.vision.detector import Detection, Detector, open_detector, suppress_overlaps
from tools.vision.graph_model import GraphModel
from tools.vision.thing_classes import CLASSES, find_class
from tools.vision.tracks import follow


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return Detector(GraphModel(*write_tiny_detector(tmp_path_factory.mktemp("tiny"))))


def draw_walk(number: int) -> np.ndarray:
    """Picture of a walk at four a second: one walks a cell a second, one stands for two seconds, one comes at the end.

    The dog is in one picture only.
    """
    squares = {(number // 8, 2): RED, (10, 10): RED} if number < 8 else {(number // 8, 2): RED}
    if number >= 12:
        squares[5, 5] = RED
    if number == 6:
        squares[12, 0] = GREEN
    return draw_squares(squares)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("walk")
    return draw_clip(folder / "a.mkv", lambda seconds: draw_walk(round(seconds * 4)), 4.0, 4)


@pytest.fixture
def toolbox(clip: Path, tmp_path: Path, detector: Detector) -> Iterator[Toolbox]:
    resources = ToolResources(Video(clip), open_encoder("hashing"), cache=tmp_path, detector=detector)
    with Toolbox(resources) as one:
        yield one


def test_boxes_classes_and_order_of_colours_are_the_network_s(detector: Detector) -> None:
    found = detector.detect(draw_squares({(1, 2): RED, (12, 12): GREEN}))
    assert sorted(one.name for one in found) == ["dog", "person"]
    (person,) = [one for one in found if one.name == "person"]
    assert person.box == pytest.approx((32 / 416, 64 / 416, 64 / 416, 96 / 416), abs=0.01)
    assert person.score > 0.9
    assert detector.detect(draw_squares({})) == []


def test_a_picture_of_another_shape_has_boxes_in_fractions_of_it(detector: Detector) -> None:
    wide = np.repeat(draw_squares({(1, 2): RED}), 2, axis=1)
    (person,) = detector.detect(wide)
    assert person.box == pytest.approx((32 / 416, 64 / 416, 64 / 416, 96 / 416), abs=0.01)


def test_of_boxes_that_overlap_the_surest_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10]], np.float32)
    assert suppress_overlaps(boxes, np.array([0.5, 0.9, 0.6], np.float32)) == [1, 2]


def test_a_fainter_box_around_neighbours_or_around_part_of_one_is_no_other() -> None:
    first, second, child, apart = [0, 0, 10, 30], [9, 0, 19, 30], [1, 20, 5, 30], [17, 0, 27, 30]
    around, half = [1, 0, 18, 30], [0, 0, 10, 14]
    boxes = np.array([first, second, around, half, child, apart], np.float32)
    assert suppress_overlaps(boxes, np.array([0.9, 0.8, 0.6, 0.5, 0.7, 0.55], np.float32)) == [0, 1, 4, 5]


def test_one_thing_that_moves_is_one_track_and_two_that_cross_no_frame_are_two() -> None:
    def at(left: float) -> Detection:
        return Detection("person", 0.9, (left, 0.1, left + 0.2, 0.5))

    walk = [(number / 4, [at(0.05 * number)]) for number in range(8)]
    assert [len(track.seconds) for track in follow(walk)] == [8]
    back = [*walk, (4.0, [at(0.35)])]  # two seconds later: it may be another
    assert len(follow(back)) == 2
    faint = Detection("person", 0.3, (0.1, 0.1, 0.3, 0.5))
    assert [len(track.seconds) for track in follow([*walk[:2], (0.5, [faint]), *walk[3:]])] == [8]
    assert follow([(0.0, [faint]), (0.25, [faint])]) == []
    apart = [(0.0, [at(0.0), at(0.6)]), (0.25, [at(0.61), at(0.01)])]
    assert [track.detections[-1].box[0] for track in follow(apart)] == [0.01, 0.61]


def test_people_are_counted_and_not_boxes(toolbox: Toolbox) -> None:
    seen = toolbox.call("detect", {"query_class": "people"})
    # the walker jumps a cell each two seconds, so it is followed as two; the one who stands, and the one who comes
    facts = [finding.text for finding in seen.findings if finding.kind == "fact"]
    assert facts == ["at once: 2 person", "in all: 4 person"]
    assert "at most 2 at once" in seen.text
    assert seen.frames
    assert seen.covered is None
    dogs = toolbox.call("detect", {"query_class": "dog"})
    assert [finding.text for finding in dogs.findings] == ["at once: 0 dog", "in all: 0 dog"]  # in one picture of 16
    only = toolbox.call("detect", {"query_class": "dog", "start": 1.5, "stop": 1.7})
    assert only.findings[0].start_seconds == 1.5


def test_a_picture_is_looked_at_once_for_all_classes_and_kept(clip: Path, tmp_path: Path, detector: Detector) -> None:
    looked: list[int] = []

    def count(pixels: np.ndarray) -> list[Detection]:
        looked.append(1)
        return detector.detect(pixels)

    counting = Detector(lambda _: [])
    counting.detect = count  # type: ignore[method-assign, assignment]
    for name in ("person", "dog"):
        resources = ToolResources(Video(clip), open_encoder("hashing"), cache=tmp_path, detector=counting)
        with Toolbox(resources) as toolbox:
            toolbox.call("detect", {"query_class": name})
    assert len(looked) == 16


def test_what_there_was_no_time_for_is_told(toolbox: Toolbox) -> None:
    with set_deadline(0.0):
        seen = toolbox.call("detect", {"query_class": "person"})
    assert seen.covered == ()
    assert seen.gaps == ("No picture of 0.0-4.0 s was looked at: the time was up.",)


def test_a_class_it_does_not_know_is_a_mistake_and_not_none(toolbox: Toolbox) -> None:
    for unknown in ("unicorn", "woman", ""):
        with pytest.raises(ToolError, match="whether it is there is not known; the classes are person, bicycle"):
            toolbox.call("detect", {"query_class": unknown})


@pytest.mark.parametrize(
    ("query", "name"),
    [("People", "person"), ("the dogs", "dog"), ("buses", "bus"), ("wine glasses", "wine glass"), ("TVs", "tv")],
)
def test_words_for_a_class(query: str, name: str) -> None:
    assert find_class(query) == name
    assert len(CLASSES) == 80


def test_without_a_detector_no_model_is_told_of_it_and_a_call_says_how_to_get_it(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path))
    with Toolbox(ToolResources(Video(clip), open_encoder("hashing"), cache=tmp_path)) as toolbox:
        assert not {spec.name for spec in toolbox.specs} & {*PULLED_TOOLS}
        with pytest.raises(MissingPartError, match="agent pull detector"):
            toolbox.call("detect", {"query_class": "person"})


def test_files_that_are_not_those_pulled_are_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path))
    write_tiny_detector(tmp_path / "models" / "nanodet-g")
    with pytest.raises(MissingPartError, match="is not the file that was pulled"):
        open_detector()


def test_with_a_detector_a_model_is_told_of_it(toolbox: Toolbox) -> None:
    assert toolbox.specs[-1].name == "detect"
