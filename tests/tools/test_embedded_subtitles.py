import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.drawn_clips import draw_clip, page
from tests.tools.test_video_against_ffmpeg import ffmpeg_command
from tools.speech.subtitles import read_embedded_subtitles, read_subtitle_streams
from tools.toolbox import open_toolbox
from tools.video.video import Video

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
        lines = read_embedded_subtitles(video)
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
        lines = read_embedded_subtitles(video)
    assert [line.start_seconds for line in lines] == pytest.approx([0.5, 1.5], abs=0.02)


def test_a_text_stream_whose_lines_were_cut_off_has_none(tmp_path: Path, ffmpeg: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 64, 64, 3), np.uint8)
    plain = draw_clip(tmp_path / "plain.mp4", lambda t: noise[int(t * 10) % 120], seconds=12, fps=10)
    (tmp_path / "a.srt").write_text("1\n00:00:11,000 --> 00:00:11,500\nToo late\n")
    path = tmp_path / "with.mkv"
    command = [ffmpeg, "-v", "error", "-i", plain, "-i", tmp_path / "a.srt", "-c", "copy", "-c:s", "subrip", path]
    subprocess.run(command, check=True)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with Video(path) as video:
        assert video.info.subtitle_streams == 1
        assert read_embedded_subtitles(video) == ()


def test_a_video_without_subtitles_has_no_lines(tmp_path: Path) -> None:
    with Video(draw_clip(tmp_path / "plain.mp4", lambda _: page(size=(64, 64)), seconds=1, fps=10)) as video:
        assert read_embedded_subtitles(video) == ()


def _muxed(ffmpeg: str, folder: Path, files: dict[str, str], *options: str) -> Path:
    """A clip with these subtitle files as streams, in their order."""
    clip = draw_clip(folder / "plain.mp4", lambda _: page(size=(64, 64)), seconds=8, fps=5)
    inputs: list[str | Path] = []
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        inputs += ["-i", folder / name]
    maps = [part for number in range(len(files) + 1) for part in ("-map", str(number))]
    path = folder / "with.mkv"
    command = [ffmpeg, "-v", "error", "-i", clip, *inputs, *maps, "-c", "copy", *options, path]
    subprocess.run(command, check=True)
    return path


def _srt(*said: tuple[float, float, str]) -> str:
    def clock(seconds: float) -> str:
        return f"00:00:{int(seconds):02d},{round(seconds % 1 * 1000):03d}"

    return "\n".join(f"{i}\n{clock(a)} --> {clock(b)}\n{text}\n" for i, (a, b, text) in enumerate(said, start=1))


FULL = _srt((1, 2, "Where is the ledger?"), (3, 4, "Under the floor."), (5, 6, "Nobody knows."))


@pytest.mark.parametrize("forced_first", [True, False])
def test_the_whole_track_is_read_and_forced_lines_add_what_it_lacks(
    tmp_path: Path, ffmpeg: str, forced_first: bool
) -> None:
    forced = _srt((3, 4, "Under the floor."), (6.5, 7.5, "[Customs]"))
    files = {"forced.srt": forced, "full.srt": FULL} if forced_first else {"full.srt": FULL, "forced.srt": forced}
    place = 0 if forced_first else 1
    path = _muxed(ffmpeg, tmp_path, files, f"-disposition:s:{place}", "default+forced")
    with Video(path) as video:
        found = read_subtitle_streams(video)
    assert [line.text for line in found.lines] == [
        "Where is the ledger?",
        "Under the floor.",
        "Nobody knows.",
        "[Customs]",
    ]
    assert found.is_whole


def test_forced_lines_alone_are_not_all_that_is_said(tmp_path: Path, ffmpeg: str) -> None:
    path = _muxed(ffmpeg, tmp_path, {"forced.srt": FULL}, "-disposition:s:0", "forced")
    with Video(path) as video:
        assert not read_subtitle_streams(video).is_whole


def test_one_of_two_tracks_that_say_the_same_is_read(tmp_path: Path, ffmpeg: str) -> None:
    deaf = _srt((1, 2, "[door] Where is the ledger?"), (3, 4, "Under the floor."))
    files = {"deaf.srt": deaf, "full.srt": FULL}
    path = _muxed(ffmpeg, tmp_path, files, "-disposition:s:0", "hearing_impaired", "-disposition:s:1", "0")
    with Video(path) as video:
        assert read_embedded_subtitles(video)[0].text == "Where is the ledger?"


@pytest.mark.parametrize(("spoken", "first"), [("de", "Guten Tag"), ("en", "Good day"), (None, "Good day")])
def test_without_a_default_the_track_in_the_language_of_the_sound_is_read(
    tmp_path: Path, ffmpeg: str, spoken: str | None, first: str
) -> None:
    files = {"en.srt": _srt((1, 2, "Good day")), "de.srt": _srt((1, 2, "Guten Tag"))}
    tags = ["-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger"]
    path = _muxed(ffmpeg, tmp_path, files, *tags, "-disposition:s:0", "0", "-disposition:s:1", "0")
    with Video(path) as video:
        assert read_embedded_subtitles(video, spoken)[0].text == first


def test_embedded_live_captions_are_told_once(tmp_path: Path, ffmpeg: str) -> None:
    rolling = _srt((0, 1, "the mill"), (1, 2, "the mill\nturns at dawn"), (2, 3, "turns at dawn\nand stops at noon"))
    with Video(_muxed(ffmpeg, tmp_path, {"live.srt": rolling})) as video:
        assert [line.text for line in read_embedded_subtitles(video)] == [
            "the mill",
            "turns at dawn",
            "and stops at noon",
        ]


def test_subtitles_in_pictures_are_named_as_not_read(tmp_path: Path, ffmpeg: str) -> None:
    clip = draw_clip(tmp_path / "plain.mp4", lambda _: page(size=(64, 64)), seconds=3, fps=5)
    (tmp_path / "a.srt").write_text(FULL)
    path = tmp_path / "pictures.mkv"
    command = [ffmpeg, "-v", "error", "-i", clip, "-i", tmp_path / "a.srt", "-c:v", "copy"]
    subprocess.run([*command, "-c:s", "subrip", path], check=True)
    # the same stream under the name of pictures: what is in it does not matter, it cannot be read either way
    data = path.read_bytes()
    assert data.count(b"S_TEXT/UTF8") == 1
    path.write_bytes(data.replace(b"S_TEXT/UTF8", b"S_HDMV/PGS\0"))
    with Video(path) as video:
        found = read_subtitle_streams(video)
    assert found.lines == ()
    assert "pictures" in found.gaps[0]
    with open_toolbox(path, encoder="hashing", cache=tmp_path / "cache") as toolbox:
        assert not toolbox.has_subtitles
        assert toolbox.call("read_speech", {}).gaps == found.gaps
