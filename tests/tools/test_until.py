"""A video opened up to a time ends there: no tool shows, reads, hears or says anything from later."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from tests import clips
from tests.clip_kinds import CLIPS
from tests.drawn import COLOURS, SUBTITLES, TEXT, write_drawn
from tests.drawn_clips import draw_clip, page
from tools import packaged_weights
from tools.observation import Observation, ToolError
from tools.speech.audio import SAMPLE_RATE, read_blocks
from tools.speech.recognition import cut_at
from tools.speech.subtitles import SpeechLine, SpokenWord
from tools.toolbox import TOOL_NAMES, Toolbox, open_toolbox
from tools.video.video import Video, VideoError

UNTIL = 3.95
"""Red, green and the first line said are before it; the blue picture, its text and the second line are after."""
CALLS = {
    "overview": {"count": 8},
    "select_frames": {"start": 0.0, "stop": 99.0, "count": 32},
    "search": {"query": "green", "count": 8},
    "search_frames": {"query": "blue", "count": 8},
    "zoom": {"seconds": 0.0, "box": [0.0, 0.0, 0.5, 0.5]},
    "caption": {"focus": "blue"},
    "read_text": {"seconds": 0.0},
    "search_text": {"query": "gate"},
    "read_speech": {},
    "search_speech": {"query": "bags"},
    "list_sounds": {},
    "list_shots": {},
    "find_changes": {"count": 32},
}
READERS = ("caption", "read_text", "search_text", "search")
"""Tools that need a reader of screen text, or find more with one."""
needs_ocr = pytest.mark.skipif(not packaged_weights.is_installed("rapidocr"), reason="needs videosleuth[ocr]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("until")
    (folder / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    write_drawn(folder / "clip.mp4")
    return folder


def opened(folder: Path, until: float | None) -> Toolbox:
    """The drawn clip with its subtitles, all in one cache."""
    said = folder / "said.srt"
    return open_toolbox(folder / "clip.mp4", encoder="hashing", subtitles=said, cache=folder / "cache", until=until)


@pytest.fixture(scope="module")
def toolbox(folder: Path) -> Iterator[Toolbox]:
    with opened(folder, None) as whole:  # what is kept of the whole video must not be found
        whole.index.wait_tiled()
        for name, arguments in CALLS.items():
            if name not in READERS or packaged_weights.is_installed("rapidocr"):
                whole.call(name, arguments)
    with opened(folder, UNTIL) as cut:
        cut.index.wait_tiled()
        yield cut


def times(observation: Observation) -> list[float]:
    """Every time in what came back."""
    frames = [frame.seconds for frame in observation.frames]
    return frames + [t for f in observation.findings for t in (f.start_seconds, f.stop_seconds)]


def is_blue(toolbox: Toolbox, observation: Observation) -> bool:
    """Whether a picture shown has the colour that comes only after the cut."""
    for ref in observation.frames:
        jpeg = toolbox.picture(ref)
        assert jpeg is not None
        mean = simplejpeg.decode_jpeg(jpeg).mean((0, 1))
        if min(COLOURS, key=lambda name: float(np.abs(mean - COLOURS[name]).sum())) == "blue":
            return True
    return False


def test_every_tool_has_a_call_here() -> None:
    assert set(CALLS) == set(TOOL_NAMES)


@pytest.mark.parametrize("name", [n for n in TOOL_NAMES if n not in READERS])
def test_no_tool_brings_anything_from_later(toolbox: Toolbox, name: str) -> None:
    seen = toolbox.call(name, CALLS[name])
    assert all(t <= UNTIL for t in times(seen))
    assert not is_blue(toolbox, seen)
    assert TEXT not in seen.text
    assert "platform nine" not in seen.text


@needs_ocr
@pytest.mark.parametrize("name", READERS)
def test_no_reader_of_pictures_brings_anything_from_later(toolbox: Toolbox, name: str) -> None:
    seen = toolbox.call(name, CALLS[name])
    assert all(t <= UNTIL for t in times(seen))
    assert not is_blue(toolbox, seen)
    assert not [f for f in seen.findings if "GATE" in f.text.upper() or (f.text == "blue" and f.score)]


def test_the_video_says_that_it_ends_there(toolbox: Toolbox) -> None:
    info = toolbox.video.info
    assert info.duration_seconds == UNTIL
    assert (info.frame_count, info.promised_seconds, info.is_cut_off) == (40, None, False)
    facts = {finding.text for finding in toolbox.call("overview", {}).findings}
    assert "duration: 3.95 s" in facts
    assert len(toolbox.call("list_shots", {}).findings) == 2
    with pytest.raises(ToolError, match=r"3\.95 \(the duration\)"):
        toolbox.call("zoom", {"seconds": 4.5, "box": [0.0, 0.0, 1.0, 1.0]})
    with pytest.raises(ToolError, match=r"3\.95 \(the duration\)"):
        toolbox.call("select_frames", {"start": 4.0, "stop": 6.0})


def test_a_line_still_being_said_at_the_end_is_left_out(folder: Path) -> None:
    # lines at 1.0-2.0 and 4.5-5.5
    for until, count in ((1.5, 0), (2.0, 1), (5.4, 1), (5.5, 2)):
        with opened(folder, until) as toolbox:
            assert len(toolbox.call("read_speech", {}).findings) == count


def test_for_any_end_nothing_is_later(folder: Path) -> None:
    cheap = [n for n in TOOL_NAMES if n not in READERS]
    for until in np.random.default_rng(3).uniform(0.05, 6.0, 5).tolist():
        with opened(folder, until) as toolbox:
            toolbox.index.wait_tiled()
            assert (toolbox.video.timestamps < until).all()
            for name in cheap:
                assert max(times(toolbox.call(name, CALLS[name])), default=0.0) <= until


@pytest.mark.parametrize("kind", ["h264_b_frames.mp4", "h264_open_gop.ts", "h264_no_times.avi", "vfr.mkv", "vp9.webm"])
def test_frames_before_any_end_are_the_same_and_none_is_from_later(tmp_path: Path, kind: str) -> None:
    path = CLIPS[kind](tmp_path / kind)
    with Video(path) as whole:
        seconds, length = whole.timestamps, whole.info.duration_seconds
        numbers = [clips.counter(frame.pixels) for frame in whole.read(list(seconds))]
    for until in np.random.default_rng(7).uniform(0.01, length, 3).tolist():
        count = int((seconds < until - 1e-6).sum())
        with Video(path, until) as cut:
            assert cut.timestamps.tolist() == seconds[:count].tolist()
            assert cut.keyframe_seconds.max() < until
            assert [clips.counter(frame.pixels) for frame in cut.read(list(cut.timestamps))] == numbers[:count]


def test_a_frame_that_comes_on_screen_at_the_end_is_not_before_it(folder: Path) -> None:
    with Video(folder / "clip.mp4", 2.0) as video:  # 10 frames a second: the 21st is the first green one, at 2.0
        assert video.timestamps[-1] == pytest.approx(1.9)


@pytest.mark.parametrize("until", [6.0, 600.0])
def test_an_end_at_or_after_the_end_is_the_whole_video(folder: Path, until: float) -> None:
    with Video(folder / "clip.mp4") as whole, Video(folder / "clip.mp4", until) as same:
        assert same.info == whole.info
        assert same.content_hash == whole.content_hash
        assert same.until_seconds is None


def test_up_to_another_time_it_is_another_content(folder: Path) -> None:
    hashes = set()
    for until in (None, 2.0, 2.5):
        with closing(Video(folder / "clip.mp4", until)) as video:
            hashes.add(video.content_hash)
    assert len(hashes) == 3


@pytest.mark.parametrize("until", [0.0, -1.0, float("nan")])
def test_an_end_before_the_first_frame_is_refused(folder: Path, until: float) -> None:
    with pytest.raises(VideoError, match="need an end after 0"):
        open_toolbox(folder / "clip.mp4", until=until)


def test_that_a_file_is_torn_later_is_not_told(tmp_path: Path) -> None:
    whole = clips.write_clip(tmp_path / "whole.flv", frames=240, keyframe_every=30)
    torn = tmp_path / "torn.flv"
    torn.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with Video(torn) as seen, Video(torn, 1.0) as cut:
        assert seen.info.is_cut_off
        assert not cut.info.is_cut_off


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_sound_ends_where_the_video_was_made_to_end(tmp_path: Path, ending: str) -> None:
    at = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    sound = np.where(at >= 1.5, 0.5 * np.sin(2 * np.pi * 440 * at), 0).astype(np.float32)
    path = draw_clip(tmp_path / f"a.{ending}", lambda _: page(size=(64, 64)), seconds=3, fps=10, sound=sound)
    for until, is_heard in ((1.4, False), (2.0, True)):
        with Video(path, until) as video:
            ((start, heard),) = read_blocks(video)
        assert start + len(heard) / SAMPLE_RATE == pytest.approx(until, abs=0.03)
        assert start + len(heard) / SAMPLE_RATE <= until + 1e-3
        assert bool((np.abs(heard) > 0.2).any()) is is_heard


def test_recognised_lines_end_with_their_sound() -> None:
    words = (SpokenWord("one", 1.0, 1.9, 0.9), SpokenWord("two", 1.9, 2.3, 0.9), SpokenWord("three", 2.2, 2.4, 0.9))
    lines = [SpeechLine(1.0, 2.4, "one two", 0.1, "recognised", words=words)]
    lines.append(SpeechLine(2.1, 2.4, "three", 0.1, "recognised"))
    (line,) = cut_at(lines, 2.0)
    assert (line.start_seconds, line.stop_seconds) == (1.0, 2.0)
    assert [(w.text, w.stop_seconds) for w in line.words] == [("one", 1.9), ("two", 2.0)]
