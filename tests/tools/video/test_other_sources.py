"""What is no video and is asked as one: a still picture, and a recording without pictures."""

import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.drawn import SUBTITLES
from tools.limits import VideoError
from tools.observation import ToolError
from tools.toolbox import SPEECH_TOOLS, open_toolbox
from tools.video.other_sources import open_video


def painted(path: Path) -> Path:
    """Left half red, right half blue, 40 wide and 20 high."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20, 0] = 255
    pixels[:, 20:, 2] = 255
    Image.fromarray(pixels).save(path)
    return path


def silence(path: Path, seconds: float = 6.0) -> Path:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(2 * round(8000 * seconds)))
    return path


@pytest.mark.parametrize("suffix", ["png", "bmp", "webp", "tiff"])
def test_a_picture_is_a_video_of_one_frame(tmp_path: Path, suffix: str) -> None:
    footage = open_video(painted(tmp_path / f"p.{suffix}"))
    (frame,) = footage.read([0.0, 0.9])
    assert frame.pixels.shape == (20, 40, 3)
    assert frame.pixels[10, 5].tolist() == pytest.approx([255, 0, 0], abs=40)
    assert frame.pixels[10, 35].tolist() == pytest.approx([0, 0, 255], abs=40)
    assert footage.info.notes == ("A still picture: it stands for a video of one second.",)


def test_a_picture_that_a_camera_turned_stands_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.open(painted(tmp_path / "p.png")).save(tmp_path / "p.jpg", exif=turned)
    assert (open_video(tmp_path / "p.jpg").info.width, open_video(tmp_path / "p.jpg").info.height) == (20, 40)


def test_a_picture_that_moves_is_not_taken_for_a_still_one(tmp_path: Path) -> None:
    two = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    two[0].save(tmp_path / "p.webp", save_all=True, append_images=two[1:])
    with pytest.raises(VideoError, match="animated WebP"):
        open_video(tmp_path / "p.webp")


def test_a_picture_that_is_too_large_or_damaged_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    Image.new("1", (12_000, 12_000)).save(tmp_path / "large.png")
    with pytest.raises(VideoError, match="12000x12000"):
        open_video(tmp_path / "large.png")
    (tmp_path / "torn.png").write_bytes(painted(tmp_path / "p.png").read_bytes()[:20])
    with pytest.raises(VideoError, match="can't be read"):
        open_video(tmp_path / "torn.png")


def test_a_recording_can_be_asked_for_what_is_said_and_for_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    options = {"encoder": "hashing", "cache": tmp_path / "cache", "subtitles": tmp_path / "said.srt"}
    with open_toolbox(silence(tmp_path / "s.wav"), **options) as toolbox:
        assert toolbox.video.info.duration_seconds == pytest.approx(6.0)
        assert tuple(spec.name for spec in toolbox.specs) == SPEECH_TOOLS
        assert "train" in toolbox.call("search_speech", {"query": "train"}).text
        with pytest.raises(ToolError, match="no tool 'overview'; the tools are read_speech, search_speech"):
            toolbox.call("overview", {})
        assert toolbox.video.info.gaps == ("The file has sound and no pictures.",)
    with open_toolbox(tmp_path / "s.wav", until=2.0, **options) as toolbox:
        assert toolbox.video.info.duration_seconds == 2.0
        assert "platform nine" not in toolbox.call("read_speech", {"count": 100}).text


def test_a_stream_of_pictures_cannot_be_chosen_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="sound but no video"):
        open_video(silence(tmp_path / "s.wav"), stream=1)
