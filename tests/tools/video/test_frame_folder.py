"""A folder of pictures plays as the video they were taken from."""

import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests import bombs
from tests.drawn import COLOURS, drawn_picture
from tools.toolbox import make_toolbox
from tools.video.frame_folder import FrameFolder
from tools.video.video import VideoError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures a second, counted from 1: red to 2 s, green to 4 s, blue to 6 s."""
    made = tmp_path / "frames"
    made.mkdir()
    for number in range(18):
        cv2.imwrite(str(made / f"{number + 1:05d}.jpg"), drawn_picture(number / 3)[..., ::-1])
    return made


def test_a_picture_is_on_screen_until_the_next(folder: Path) -> None:
    frames = FrameFolder(folder, 3.0)
    assert frames.info.duration_seconds == 6.0
    shown = list(frames.read([0.3, 2.1, 5.9], max_height=90))
    assert [frame.seconds for frame in shown] == pytest.approx([0.0, 2.0, 17 / 3])
    for frame, colour in zip(shown, COLOURS.values(), strict=True):
        assert frame.pixels.shape == (90, 160, 3)
        assert np.abs(frame.pixels[:30].mean(axis=(0, 1)) - colour).max() < 6


def test_numbers_are_counted_and_not_spelled(folder: Path) -> None:
    for file in folder.iterdir():
        file.rename(folder / f"{int(file.stem)}.jpg")  # 10.jpg would come before 2.jpg
    (first, *_, last) = FrameFolder(folder, 3.0).window(0.0, 6.0)
    assert np.abs(first.pixels[:50].mean(axis=(0, 1)) - COLOURS["red"]).max() < 6
    assert np.abs(last.pixels[:50].mean(axis=(0, 1)) - COLOURS["blue"]).max() < 6


def test_a_damaged_picture_is_left_out(folder: Path) -> None:
    (folder / "00003.jpg").write_bytes(b"")
    (folder / "00004.jpg").write_bytes(b"no picture")
    assert [frame.seconds for frame in FrameFolder(folder, 3.0).read([0.4, 0.7, 1.1, 1.4])] == pytest.approx(
        [1 / 3, 4 / 3]
    )


def test_other_bytes_or_another_rate_are_another_content(folder: Path) -> None:
    before = FrameFolder(folder, 3.0).content_hash
    assert FrameFolder(folder, 3.0).content_hash == before != FrameFolder(folder, 1.0).content_hash
    (folder / "00018.jpg").write_bytes((folder / "00001.jpg").read_bytes())
    assert FrameFolder(folder, 3.0).content_hash != before


def test_what_is_no_folder_of_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text("a", encoding="utf-8")
    with pytest.raises(VideoError, match="is no folder"):
        FrameFolder(tmp_path / "none", 3.0)
    with pytest.raises(VideoError, match="holds no picture"):
        FrameFolder(tmp_path / "text", 3.0)


def test_the_tools_work_on_it(folder: Path, tmp_path: Path) -> None:
    with make_toolbox(FrameFolder(folder, 3.0), encoder="hashing", cache=tmp_path) as toolbox:
        toolbox.index.wait_tiled()
        assert "duration: 6.00 s" in toolbox.call("overview", {}).text
        assert toolbox.call("read_speech", {}).text == "Nothing is said in [0, 6)."


def test_a_picture_that_is_too_large_is_not_decoded(folder: Path) -> None:
    (folder / "00004.jpg").write_bytes(bombs.png(16_000, 16_000))  # 32 kB for 256 megapixels
    assert [frame.seconds for frame in FrameFolder(folder, 3.0).read([0.7, 1.1])] == pytest.approx([2 / 3])
    (folder / "00001.jpg").write_bytes(bombs.png(16_000, 16_000))
    with pytest.raises(VideoError, match=r"00001\.jpg: pictures of 16000x16000 pixels are too large"):
        FrameFolder(folder, 3.0)


def test_a_jpeg_that_says_it_is_too_large_is_not_decoded(folder: Path) -> None:
    stored = bytearray((folder / "00001.jpg").read_bytes())
    place = stored.index(b"\xff\xc0") + 5
    stored[place : place + 4] = struct.pack(">HH", 65_500, 65_500)
    (folder / "00001.jpg").write_bytes(stored)
    with pytest.raises(VideoError, match="pictures of 65500x65500 pixels are too large"):
        FrameFolder(folder, 3.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), 1e-9])
def test_a_rate_that_makes_no_length_is_refused(folder: Path, rate: float) -> None:
    with pytest.raises(VideoError, match=r"frames a second above 0|a length of .* can't be right"):
        FrameFolder(folder, rate)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
def test_a_pipe_in_the_folder_is_left_out_and_not_waited_for(folder: Path) -> None:
    (folder / "00003.jpg").unlink()
    os.mkfifo(folder / "00003.jpg")
    frames = FrameFolder(folder, 3.0)
    assert [frame.seconds for frame in frames.read([0.4, 0.7])] == pytest.approx([1 / 3])
    assert len(frames.content_hash) == 32
