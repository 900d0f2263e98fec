"""Footage as benchmarks name it comes on the clock that starts with the first frame shown."""

import json
from pathlib import Path

import cv2
import pytest

from evals.datasets.sources import FileSource
from tests.drawn import SUBTITLES, drawn_picture, write_drawn
from tools.speech.subtitles import read_subtitles
from tools.toolbox import make_toolbox


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Red to 2 s, green to 4 s, blue to 6 s; something is said at 1 s and at 4.5 s."""
    (tmp_path / "drawn.srt").write_text(SUBTITLES, encoding="utf-8")
    return write_drawn(tmp_path / "drawn.mp4")


def lines(source: FileSource, scratch: Path) -> list[tuple[float, float, str]]:
    opened = source.open(scratch)
    opened.footage.close()
    if opened.subtitles is None:
        return []
    return [(line.start_seconds, line.stop_seconds, line.text) for line in read_subtitles(opened.subtitles)]


def test_subtitles_on_the_clock_of_the_video_are_taken_as_they_are(video: Path, tmp_path: Path) -> None:
    opened = FileSource(video, subtitles=video.with_suffix(".srt")).open(tmp_path)
    assert opened.subtitles == video.with_suffix(".srt")


def test_subtitles_of_a_longer_video_are_moved(video: Path, tmp_path: Path) -> None:
    source = FileSource(video, subtitles=video.with_suffix(".srt"), subtitle_offset_seconds=1.5)
    (first, second) = lines(source, tmp_path)
    assert first == (0.0, 0.5, "The train to Ghent leaves at noon.")  # what began before begins with the video
    assert second[:2] == (3.0, 4.0)


def test_subtitles_of_a_part_are_on_the_clock_of_the_part(video: Path, tmp_path: Path) -> None:
    source = FileSource(video, segment_seconds=(3.0, 6.0), subtitles=video.with_suffix(".srt"))
    assert lines(source, tmp_path) == [(1.5, 2.5, "Two bags were left on platform nine.")]


def test_no_line_left_is_no_subtitles(video: Path, tmp_path: Path) -> None:
    source = FileSource(video, subtitles=video.with_suffix(".srt"), subtitle_offset_seconds=60.0)
    assert source.open(tmp_path).subtitles is None


def test_longvideobench_subtitles_are_read_and_a_cue_that_ends_before_it_starts_is_dropped(
    video: Path, tmp_path: Path
) -> None:
    cues = [{"timestamp": [31.0, 33.5], "text": "put the kettle down"}, {"timestamp": [35.0, None], "text": "and draw"}]
    (tmp_path / "cues.json").write_text(json.dumps(cues), encoding="utf-8")
    source = FileSource(video, subtitles=tmp_path / "cues.json", subtitle_offset_seconds=30.0)
    assert lines(source, tmp_path) == [(1.0, 3.5, "put the kettle down")]


def test_a_part_of_a_folder_of_frames_plays(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(18):
        cv2.imwrite(str(folder / f"{number + 1:05d}.jpg"), drawn_picture(number / 3)[..., ::-1])
    opened = FileSource(folder, (1.0, 5.0), frames_per_second=3.0).open(tmp_path)
    with make_toolbox(opened.footage, encoder="hashing", cache=tmp_path) as toolbox:
        assert [f.start_seconds for f in toolbox.call("list_shots", {}).findings] == pytest.approx([0.0, 1.0, 3.0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"path": Path("none.mp4")}, "no video at none.mp4"),
        ({"segment_seconds": (7.0, 9.0)}, r"there is no part \[7, 9\) of 6 s"),
        ({"segment_seconds": (2.0, 2.0)}, r"there is no part \[2, 2\)"),
        ({"subtitles": Path("none.srt")}, "no subtitles at none.srt"),
        ({"frames_per_second": 3.0}, "is no folder"),
    ],
)
def test_what_can_not_be_played_is_known_before(video: Path, change: dict[str, object], said: str) -> None:
    import re

    source = FileSource(**{"path": video, **change})  # type: ignore[arg-type]
    assert re.search(said, source.problem() or "")
    assert FileSource(video, (1.0, 9.0)).problem() is None
