import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.drawn_clips import draw_clip, page
from tests.tools.test_video_against_ffmpeg import ffmpeg_command
from tools.subtitles import embedded_subtitles
from tools.video import Video

SRT = "1\n00:00:01,000 --> 00:00:01,500\n<i>Hello</i> &amp; welcome\nall\n\n2\n00:00:02,000 --> 00:00:02,500\nBye\n"


@pytest.fixture(scope="module")
def ffmpeg() -> str:
    """It can write subtitle streams, which PyAV cannot."""
    return ffmpeg_command()


@pytest.mark.parametrize(
    ("ending", "codec"), [("mp4", "mov_text"), ("mkv", "subrip"), ("mkv", "ass"), ("mkv", "webvtt")]
)
def test_text_streams_of_every_kind_are_read(tmp_path: Path, ffmpeg: str, ending: str, codec: str) -> None:
    plain = draw_clip(tmp_path / "plain.mp4", lambda _: page(size=(64, 64)), seconds=3, fps=10)
    (tmp_path / "a.srt").write_text(SRT)
    path = tmp_path / f"with.{ending}"
    command = [ffmpeg, "-v", "error", "-i", plain, "-i", tmp_path / "a.srt", "-c:v", "copy", "-c:s", codec, path]
    subprocess.run(command, check=True)
    with Video(path) as video:
        lines = embedded_subtitles(video)
    assert [line.text for line in lines] == ["Hello & welcome all", "Bye"]
    assert [line.start_seconds for line in lines] == pytest.approx([1.0, 2.0], abs=0.02)
    assert [line.stop_seconds for line in lines] == pytest.approx([1.5, 2.5], abs=0.02)
    assert all(line.source == "subtitle stream" for line in lines)


def test_lines_are_moved_to_where_the_first_frame_is_second_zero(tmp_path: Path, ffmpeg: str) -> None:
    plain = draw_clip(
        tmp_path / "late.mkv", lambda _: page(size=(64, 64)), seconds=3, fps=10, picture_start_seconds=0.5,
        sound=np.zeros(56_000, np.float32),
    )  # fmt: skip
    (tmp_path / "a.srt").write_text(SRT)
    path = tmp_path / "with.mkv"
    command = [
        ffmpeg,
        "-v",
        "error",
        "-copyts",
        "-i",
        plain,
        "-i",
        tmp_path / "a.srt",
        "-c",
        "copy",
        "-c:s",
        "subrip",
        path,
    ]
    subprocess.run(command, check=True)
    with Video(path) as video:
        assert video.start_offset_seconds == pytest.approx(0.5, abs=0.01)
        lines = embedded_subtitles(video)
    assert [line.start_seconds for line in lines] == pytest.approx([0.5, 1.5], abs=0.02)


def test_a_video_without_subtitles_has_no_lines(tmp_path: Path) -> None:
    with Video(draw_clip(tmp_path / "plain.mp4", lambda _: page(size=(64, 64)), seconds=1, fps=10)) as video:
        assert embedded_subtitles(video) == ()
