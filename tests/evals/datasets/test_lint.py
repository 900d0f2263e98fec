"""What the lint finds, and that it finds nothing in files that are in order."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from evals.benchmarks.catalogue import BENCHMARKS
from evals.benchmarks.item import Item
from evals.benchmarks.records import RecordPlace
from evals.datasets.lint import lint, read_promised_seconds

FIXTURES = Path(__file__).parents[1] / "fixtures"


@pytest.fixture
def item(tmp_path: Path) -> Item:
    video = tmp_path / "v.mp4"
    video.touch()
    return Item("q1", "choice", video, "v", "Which?", RecordPlace("set.json", 1), ("a", "b"), 0, "a")


def ten_seconds(_: Path) -> float:
    return 10.0


def test_a_set_in_order_has_no_findings(item: Item) -> None:
    other = replace(item, id="q2", text="What?", place=RecordPlace("set.json", 2), evidence_seconds=((9.0, 10.4),))
    assert lint((item, other), ten_seconds) == ()


def test_every_finding_names_file_row_and_key(item: Item) -> None:
    place = RecordPlace("set.json", 7)
    wrong = {
        "video": replace(item, video=item.video.parent / "gone.mp4"),
        "evidence": replace(item, evidence_seconds=((2.0, 10.6),)),
        "segment": replace(item, segment_seconds=(5.0, 4.0)),
        "options": replace(item, options=("a", "b", "a")),
        "answer": replace(item, gold="c"),
        "question": replace(item, text="What happens at 01:15?"),
    }
    for key, row in wrong.items():
        (finding,) = lint((replace(row, place=place),), ten_seconds)
        assert (finding.place, finding.key) == (place, key)
        assert str(finding).startswith(f"set.json, row 7: {key}: ")


def test_the_same_question_twice_is_found_even_if_its_case_differs(item: Item) -> None:
    twice = replace(item, id="q2", text="WHICH?", place=RecordPlace("set.json", 2))
    assert [str(f) for f in lint((item, twice), ten_seconds)] == [
        "set.json, row 2: question: the same as in set.json, row 1"
    ]
    assert [f.key for f in lint((item, replace(twice, id="q1", text="What?")), ten_seconds)] == ["id"]
    assert lint((item, replace(twice, options=("a", "c"))), ten_seconds) == ()
    assert lint((item, replace(twice, segment_seconds=(1.0, 2.0))), ten_seconds) == ()


def test_a_time_within_the_video_is_fine_and_an_unknown_length_finds_nothing(item: Item) -> None:
    timed = replace(item, text="What happens at 0:09?", evidence_seconds=((1.0, 9.0),))
    assert lint((timed,), ten_seconds) == ()
    assert lint((replace(timed, text="What happens at 1:15?"),), lambda _: None) == ()


def test_the_length_of_a_video_is_asked_for_once(item: Item) -> None:
    asked: list[Path] = []

    def count(path: Path) -> float:
        asked.append(path)
        return 10.0

    lint((item, replace(item, id="q2", text="What?")), count)
    assert asked == [item.video]


def write_clip(path: Path, seconds: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(5 * seconds):
            picture = np.full((48, 64, 3), 128, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def test_the_length_is_that_of_the_header_and_unknown_for_other_files(item: Item) -> None:
    assert read_promised_seconds(item.video) is None
    write_clip(item.video, 10)
    assert read_promised_seconds(item.video) == pytest.approx(10, abs=0.3)
    (finding,) = lint((replace(item, evidence_seconds=((1.0, 30.0),)),), read_promised_seconds)
    assert finding.key == "evidence"


@pytest.mark.parametrize("name", ["lvbench", "mlvu", "cg-bench", "longvideobench"])
def test_published_lengths_serve_where_the_videos_are_missing(name: str) -> None:
    folder = FIXTURES / {"cg-bench": "cg_bench"}.get(name, name)
    items = BENCHMARKS[name].load(folder)
    assert {finding.key for finding in lint(items, ten_seconds)} == {"video"}
    late = replace(items[0], evidence_seconds=((0.0, 1e6),))
    assert "evidence" in {finding.key for finding in lint((late,), ten_seconds)}
