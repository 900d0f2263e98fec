"""A video without a file behaves as the file with the same pictures does."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from tests.drawn import COLOURS, FPS, SECONDS, drawn_picture, write_drawn
from tools.toolbox import make_toolbox
from tools.video.generated import GeneratedVideo
from tools.video.video import Video, VideoError


@pytest.fixture
def made() -> GeneratedVideo:
    name = hashlib.blake2b(b"drawn", digest_size=16).hexdigest()
    return GeneratedVideo(drawn_picture, name="drawn", content_hash=name, seconds=SECONDS, fps=FPS)


def test_it_has_the_times_and_the_shape_of_the_file(made: GeneratedVideo, tmp_path: Path) -> None:
    with Video(write_drawn(tmp_path / "drawn.mp4")) as video:
        assert np.allclose(made.timestamps, video.timestamps)
        for name in ("duration_seconds", "width", "height", "average_fps", "frame_count", "has_audio"):
            assert getattr(made.info, name) == getattr(video.info, name), name


@pytest.mark.parametrize("times", [[0.0], [5.99], [3.14, 0.05, 3.19, 2.0], []])
def test_it_reads_the_same_frames_as_the_file(made: GeneratedVideo, tmp_path: Path, times: list[float]) -> None:
    with Video(write_drawn(tmp_path / "drawn.mp4")) as video:
        ours, theirs = list(made.read(times, max_height=90)), list(video.read(times, max_height=90))
    assert [frame.seconds for frame in ours] == pytest.approx([frame.seconds for frame in theirs])
    for one, other in zip(ours, theirs, strict=True):
        assert one.pixels.shape == other.pixels.shape
        assert np.abs(one.pixels.astype(int) - other.pixels).mean() < 3


@pytest.mark.parametrize(("start", "stop", "fps"), [(1.95, 2.15, None), (0.0, 6.0, 3.0), (5.5, 9.0, 4.0)])
def test_a_window_has_the_same_frames_as_that_of_the_file(
    made: GeneratedVideo, tmp_path: Path, start: float, stop: float, fps: float | None
) -> None:
    with Video(write_drawn(tmp_path / "drawn.mp4")) as video:
        theirs = [frame.seconds for frame in video.window(start, stop, max_fps=fps)]
    assert [frame.seconds for frame in made.window(start, stop, max_fps=fps)] == pytest.approx(theirs)


@pytest.mark.parametrize("seconds", [-0.1, 6.0, float("nan")])
def test_a_time_outside_is_refused(made: GeneratedVideo, seconds: float) -> None:
    with pytest.raises(VideoError, match=r"need 0 <= seconds < 6\.000"):
        made.read([seconds])


def test_the_tools_work_on_it(made: GeneratedVideo, tmp_path: Path) -> None:
    with make_toolbox(made, encoder="hashing", cache=tmp_path) as toolbox:
        toolbox.index.wait_tiled()
        assert "duration: 6.00 s" in toolbox.call("overview", {}).text
        assert "none: there is no sound" in toolbox.call("overview", {}).text
        assert [f.start_seconds for f in toolbox.call("list_shots", {}).findings] == [0.0, 2.0, 4.0]
        assert toolbox.call("find_changes", {}).findings == ()
        assert toolbox.call("search_frames", {"query": "something"}).findings
        assert toolbox.call("read_speech", {}).findings == ()
        (ref,) = toolbox.call("zoom", {"seconds": 3.0, "box": (0.82, 0.76, 0.93, 0.9)}).frames
        jpeg = toolbox.picture(ref)
    assert jpeg is not None
    assert simplejpeg.decode_jpeg(jpeg).mean() > 245


def test_what_is_kept_of_it_is_found_again(made: GeneratedVideo, tmp_path: Path) -> None:
    with make_toolbox(made, encoder="hashing", cache=tmp_path) as toolbox:
        toolbox.index.wait_tiled()
    asked: list[float] = []

    def picture(seconds: float) -> np.ndarray:
        asked.append(seconds)
        return drawn_picture(seconds)

    again = GeneratedVideo(picture, name="drawn", content_hash=made.content_hash, seconds=SECONDS, fps=FPS)
    with make_toolbox(again, encoder="hashing", cache=tmp_path) as toolbox:
        (ref,) = toolbox.call("overview", {"count": 1}).frames
        jpeg = toolbox.picture(ref)
    assert jpeg is not None
    assert np.allclose(simplejpeg.decode_jpeg(jpeg)[10, 10], COLOURS["green"], atol=6)
    assert asked in ([0.0], [0.0, ref.seconds])
