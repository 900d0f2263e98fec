"""Order is taken away, and nothing else: the same pictures, the same clock."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.controls.catalogue import CONTROLS
from evals.controls.control import open_view
from evals.controls.shuffled_frames import ShuffledFrames, order_of_segments
from evals.controls.stills import hold_frames
from tests.drawn import SUBTITLES, write_drawn
from tests.evals.controls.doubles import counted, drawn, subject, toolbox_of
from tools.video.source import VideoSource
from tools.video.video import Video


def greys(video: VideoSource, times: list[float]) -> list[int]:
    """The greys of the frames on screen at `times`."""
    return [int(frame.pixels[0, 0, 0]) for frame in video.read(times)]


def test_the_pictures_are_the_same_in_another_order_and_the_clock_runs_forward() -> None:
    shuffled = ShuffledFrames(counted())
    frames = list(shuffled.window(0.0, 24.0))
    shown = [int(frame.pixels[0, 0, 0]) for frame in frames]
    assert sorted(shown) == list(range(240))
    assert shown != list(range(240))
    assert [frame.seconds for frame in frames] == list(counted().timestamps)
    # 12 segments of 2 s: within a segment the pictures follow one another
    assert sum(b != a + 1 for a, b in pairwise(shown)) == 11


def test_a_few_times_show_what_the_whole_shows_there() -> None:
    shuffled = ShuffledFrames(counted())
    times = [0.05, 3.3, 3.3, 7.0, 11.95, 23.99]
    whole = greys(shuffled, list(shuffled.timestamps))
    assert greys(shuffled, times) == [whole[n] for n in (0, 33, 70, 119, 239)]
    assert greys(shuffled, []) == []


def test_every_question_of_a_video_sees_the_same_order() -> None:
    assert list(ShuffledFrames(counted()).from_ranks) == list(ShuffledFrames(counted()).from_ranks)


def test_keyframes_are_frames_of_the_video_in_order() -> None:
    shuffled = ShuffledFrames(counted())
    assert set(shuffled.keyframe_seconds) <= set(shuffled.timestamps)
    assert (np.diff(shuffled.keyframe_seconds) > 0).all()
    assert {grey % 40 for grey in greys(shuffled, list(shuffled.keyframe_seconds))} == {0}


@given(st.integers(2, 64), st.text(max_size=5))
def test_segments_always_change_places(count: int, seed: str) -> None:
    order = order_of_segments(count, seed)
    assert sorted(order) == list(range(count)) != order


def test_twelve_segments_have_no_neighbours_left() -> None:
    orders = [order_of_segments(12, str(seed)) for seed in range(50)]
    assert sum(b == a + 1 for order in orders for a, b in pairwise(order)) == 0


def test_a_single_frame_has_no_order() -> None:
    with pytest.raises(ValueError, match="one frame"):
        ShuffledFrames(hold_frames(counted(), [0.0]))


def test_a_file_is_shuffled_as_a_made_video_is(tmp_path: Path) -> None:
    with Video(write_drawn(tmp_path / "clip.mp4")) as video:
        shuffled = ShuffledFrames(video)
        colours = [frame.pixels[10, 10].argmax() for frame in shuffled.window(0.0, 6.0)]
    assert [colours.count(part) for part in range(3)] == [20, 20, 20]
    assert colours != sorted(colours)


@pytest.mark.parametrize("is_model", [True, False])
def test_speech_stays_where_it_is(tmp_path: Path, is_model: bool) -> None:
    (tmp_path / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    with (
        toolbox_of(drawn(), tmp_path / "said.srt") as toolbox,
        open_view(CONTROLS["shuffled-frames"], subject(), toolbox, toolbox_of, is_model=is_model) as given,
    ):
        assert given.opening is None
        assert [spec.name for spec in given.tools.specs] == [spec.name for spec in toolbox.specs]
        assert given.tools.has_subtitles
        assert given.tools.call("read_speech", {}) == toolbox.call("read_speech", {})
        shown = given.tools.call("select_frames", {"start": 0.0, "stop": 6.0, "count": 6}).frames
        assert [ref.seconds for ref in shown] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
        assert [given.tools.picture(ref) for ref in shown] != [toolbox.picture(ref) for ref in shown]
