"""Stills as a video: what is on screen when, and nothing else of the video that they are from."""

from dataclasses import replace

import numpy as np
import pytest

from evals.controls.stills import Still, StillsVideo, hold_frames
from tests.evals.controls.doubles import SQUARE, counted, drawn, toolbox_of
from tools.video.source import VideoSource


def greys(video: VideoSource, times: list[float]) -> list[tuple[float, int]]:
    """Time and grey of the frames on screen at `times`."""
    return [(frame.seconds, int(frame.pixels[0, 0, 0])) for frame in video.read(times)]


def test_each_still_is_on_screen_until_the_next() -> None:
    stills = StillsVideo(counted(), [Still(0.0), Still(2.0, 7.3), Still(5.0)])
    assert greys(stills, [0.0, 1.999, 2.0, 4.9, 23.9]) == [(0.0, 128), (2.0, 73), (5.0, 128)]


def test_held_frames_are_shown_for_as_long_as_no_other_is_nearer() -> None:
    kept = hold_frames(counted(), [4.0, 12.0, 20.0])
    assert list(kept.timestamps) == [0.0, 8.0, 16.0]
    assert greys(kept, [7.9, 8.0, 23.0]) == [(0.0, 40), (8.0, 120), (16.0, 200)]


def test_a_part_fills_the_picture_or_stays_in_its_place() -> None:
    enlarged, staying = (StillsVideo(drawn(), [Still(0.0, 3.0, SQUARE, stays)]) for stays in (False, True))
    (large,), (small,) = enlarged.read([0.0]), staying.read([0.0])
    # 80x60 in 640x360: 480x360 in the middle, white; grey at the sides
    assert (large.pixels[:, 85:555] > 250).all()
    assert (large.pixels[:, :75] == 128).all()
    assert (small.pixels[270:330, 520:600] == 255).all()
    assert (small.pixels[:260] == 128).all()
    assert small.pixels.shape == large.pixels.shape == (360, 640, 3)


def test_it_is_as_long_as_the_video_and_has_no_sound() -> None:
    source = counted()
    source.info = replace(source.info, has_audio=True, subtitle_streams=1)
    info = hold_frames(source, [3.0]).info
    assert (info.duration_seconds, info.frame_count) == (24.0, 1)
    assert (info.has_audio, info.subtitle_streams) == (False, 0)


def test_other_stills_are_another_content() -> None:
    one, same, other = hold_frames(counted(), [3.0]), hold_frames(counted(), [3.0]), hold_frames(counted(), [3.1])
    assert one.content_hash == same.content_hash != other.content_hash


@pytest.mark.parametrize("starts", [[], [1.0], [0.0, 3.0, 3.0], [0.0, 24.0]])
def test_stills_that_leave_a_gap_or_never_show_are_refused(starts: list[float]) -> None:
    with pytest.raises(ValueError, match="need stills from 0 on, ascending and below 24 s"):
        StillsVideo(counted(), [Still(start) for start in starts])


def test_the_tools_see_the_stills_and_nothing_else() -> None:
    with toolbox_of(hold_frames(drawn(), [0.5])) as toolbox:
        toolbox.index.wait_tiled()
        refs = [*toolbox.call("overview", {}).frames, *toolbox.call("search_frames", {"query": "blue"}).frames]
        assert {ref.seconds for ref in refs} == {0.0}
        assert len(toolbox.index.seconds) == 1
        assert [f.stop_seconds for f in toolbox.call("list_shots", {}).findings] == [6.0]
        assert toolbox.call("find_changes", {}).findings == ()
        assert toolbox.call("search_text", {}).findings == ()


def test_frames_come_smaller_when_asked() -> None:
    (frame,) = hold_frames(drawn(), [0.5]).window(0.0, 6.0, max_height=90)
    assert frame.pixels.shape == (90, 160, 3)
    assert np.abs(frame.pixels.astype(int) - (200, 20, 20)).max() == 0
