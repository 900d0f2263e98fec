"""The frame on screen at a time, exactly, in every kind of file; clips carry their frame number in their pixels."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests import clips
from tests.clip_kinds import CLIPS, UNEVEN
from tools.video.video import Video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module", params=CLIPS)
def clip(request: pytest.FixtureRequest, folder: Path) -> Path:
    return CLIPS[request.param](folder / request.param)


def number(pixels: NDArray[np.uint8], video: Video) -> int | None:
    return clips.counter(np.rot90(pixels) if video.info.rotation_degrees == 90 else pixels)


def true_seconds(clip: Path, count: int) -> NDArray[np.float64]:
    """When each frame was said to be shown, from how the clip was made."""
    if "vfr" in clip.name:
        return (np.array(UNEVEN) - UNEVEN[0]) / 1000
    return np.arange(count) * (0.033 if "late" in clip.name else 1 / 30)


def test_every_frame_comes_in_order_at_its_own_time(clip: Path) -> None:
    with Video(clip) as video:
        frames = list(video.read(video.timestamps.tolist()))
        assert [number(f.pixels, video) for f in frames] == list(range(len(video.timestamps)))
        assert [f.seconds for f in frames] == video.timestamps.tolist()
        np.testing.assert_allclose(video.timestamps, true_seconds(clip, len(frames)), atol=0.0011)


def test_the_frame_on_screen_is_the_last_one_that_began(clip: Path) -> None:
    random = np.random.default_rng(7)
    with Video(clip) as video:
        true = true_seconds(clip, len(video.timestamps))
        for frame_number in random.integers(1, len(true) - 1, 12).tolist():
            middle = (true[frame_number] + true[frame_number + 1]) / 2
            frame = video.read_frame(middle)
            assert number(frame.pixels, video) == frame_number
            assert frame.seconds == video.timestamps[frame_number]
            assert number(video.read_frame(frame.seconds).pixels, video) == frame_number


def test_sparse_frames_equal_those_of_a_decoder_that_skips_nothing(clip: Path) -> None:
    with av.open(str(clip)) as container:
        everything = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    with Video(clip) as video:
        wanted = list(range(3, len(everything), 17))
        frames = list(video.read(video.timestamps[wanted].tolist()))
        for frame, frame_number in zip(frames, wanted, strict=True):
            pixels = np.rot90(frame.pixels) if video.info.rotation_degrees == 90 else frame.pixels
            np.testing.assert_allclose(pixels.astype(int), everything[frame_number], atol=2)


def test_an_edit_list_hides_its_frames(tmp_path: Path) -> None:
    whole = clips.write_clip(tmp_path / "whole.mp4")
    trimmed = clips.trim_by_edit_list(whole, tmp_path / "trimmed.mp4", hidden_frames=70)
    with Video(trimmed) as video:
        assert video.info.frame_count == 50
        numbers = [clips.counter(f.pixels) for f in video.read(video.timestamps.tolist())]
        assert numbers == list(range(70, 120))
        assert clips.counter(video.read_frame(0.0).pixels) == 70


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_the_picture_is_turned_as_its_display_matrix_says(tmp_path: Path, degrees: int) -> None:
    with Video(clips.turn(clips.write_clip(tmp_path / "turned.mp4", frames=5), degrees)) as video:
        frame = video.read_frame(0.1)
        upright = np.rot90(frame.pixels, k=degrees // 90)
        assert clips.counter(upright) == 3
        assert video.info.rotation_degrees == degrees
        assert frame.pixels.shape == (video.info.height, video.info.width, 3)
        assert (video.info.height > video.info.width) == (degrees in (90, 270))


def test_a_mirrored_picture_is_mirrored_back(tmp_path: Path) -> None:
    with Video(clips.turn(clips.write_clip(tmp_path / "mirror.mp4", frames=5), 0, mirror=True)) as video:
        assert clips.counter(video.read_frame(0.1).pixels[:, ::-1]) == 3


def test_start_offset_is_what_separates_our_seconds_from_the_containers(tmp_path: Path) -> None:
    with Video(CLIPS["late_start.mp4"](tmp_path / "late.mp4")) as video:
        assert video.start_offset_seconds == pytest.approx(5.0)
        assert video.timestamps[0] == 0.0


def test_colours_are_those_that_were_put_in(tmp_path: Path) -> None:
    with Video(clips.write_clip(tmp_path / "b.mp4", codec_options={"crf": "1"})) as video:
        error = np.abs(video.read_frame(1.0).pixels.astype(int) - clips.picture(30).astype(int))
        assert np.median(error) <= 6
