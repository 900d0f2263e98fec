"""A part of a video shows what the whole shows at the same moments, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from tests.drawn import COLOURS, SUBTITLES, write_drawn
from tools.toolbox import make_toolbox
from tools.video.clip import VideoClip
from tools.video.video import Video, VideoError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Red to 2 s, green to 4 s, blue to 6 s, ten frames a second."""
    return write_drawn(tmp_path / "drawn.mp4")


def colour_at(excerpt: VideoClip, seconds: float) -> str:
    (frame,) = excerpt.read([seconds])
    mean = frame.pixels[:200].mean(axis=(0, 1))
    return min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum()))


def test_its_seconds_count_from_its_beginning(file: Path) -> None:
    excerpt = VideoClip(Video(file), 1.0, 4.5)
    assert excerpt.info.duration_seconds == 3.5
    assert [colour_at(excerpt, t) for t in (0.0, 0.95, 1.0, 2.95, 3.45)] == ["red", "red", "green", "green", "blue"]
    assert excerpt.timestamps[:3] == pytest.approx([0.0, 0.1, 0.2])
    assert excerpt.info.frame_count == len(excerpt.timestamps) == 35


def test_a_beginning_between_two_frames_shows_the_one_on_screen(file: Path) -> None:
    excerpt = VideoClip(Video(file), 1.97, 3.0)
    assert excerpt.timestamps[:3] == pytest.approx([0.0, 0.03, 0.13])
    assert [frame.seconds for frame in excerpt.read([0.0, 0.02, 0.05])] == pytest.approx([0.0, 0.03])
    assert [colour_at(excerpt, t) for t in (0.0, 0.05)] == ["red", "green"]


def test_it_ends_where_the_whole_ends(file: Path) -> None:
    assert VideoClip(Video(file), 4.0, 99.0).info.duration_seconds == 2.0


def test_nothing_from_outside_can_be_asked_for(file: Path) -> None:
    excerpt = VideoClip(Video(file), 1.0, 2.0)
    with pytest.raises(VideoError, match=r"need 0 <= seconds < 1\.000"):
        excerpt.read([1.0])


@pytest.mark.parametrize(("start", "stop"), [(6.0, 7.0), (3.0, 3.0), (-1.0, 2.0)])
def test_an_empty_part_is_refused(file: Path, start: float, stop: float) -> None:
    with pytest.raises(VideoError, match="need 0 <= start < stop and start < 6"):
        VideoClip(Video(file), start, stop)


def test_what_is_kept_of_the_whole_is_not_found_under_it(file: Path) -> None:
    whole = Video(file)
    names = {whole.content_hash, *(VideoClip(whole, *span).content_hash for span in ((0, 6), (1, 3), (1, 4)))}
    assert len(names) == 4


def test_the_tools_see_the_part_only(file: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.srt").write_text(SUBTITLES, encoding="utf-8")
    excerpt = VideoClip(Video(file), 1.5, 5.0)
    with make_toolbox(excerpt, encoder="hashing", cache=tmp_path, subtitles=tmp_path / "lines.srt") as toolbox:
        assert "duration: 3.50 s" in toolbox.call("overview", {}).text
        assert [f.start_seconds for f in toolbox.call("list_shots", {}).findings] == pytest.approx([0.0, 0.5, 2.5])
        assert "platform nine" not in toolbox.call("read_speech", {}).text
