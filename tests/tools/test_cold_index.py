"""A video whose index has nothing yet: the tools look for themselves, and say how much of the window that was."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.loop.ask import ask
from agent.policies.lite import LitePolicy
from agent.trajectory import Limits, Question, Stop
from tests.drawn import TEXT, drawn_picture, write_captioned, write_drawn
from tools import packaged_weights
from tools.deadline import set_deadline
from tools.encoders.hashing import HashingEncoder
from tools.index import samples
from tools.index.samples import Samples
from tools.ocr.reader import TextReader
from tools.ocr.reading_plan import choose_readings, count_stroke_pixels
from tools.ocr.video_text import ScreenText
from tools.resources import ToolResources
from tools.sampling import scatter
from tools.toolbox import Toolbox
from tools.video.video import Video

needs_ocr = pytest.mark.skipif(not packaged_weights.is_installed("rapidocr"), reason="needs videosleuth[ocr]")


class Stuck(HashingEncoder):
    """Embeds no picture before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def encode_images(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        self.gate.wait(60)
        return super().encode_images(pixels)


@contextmanager
def cold(path: Path) -> Iterator[Toolbox]:
    """The tools of a video while nothing of it is indexed."""
    encoder = Stuck()
    toolbox = Toolbox(ToolResources(Video(path), encoder, cache=path.parent / "cache"))
    try:
        yield toolbox
    finally:
        encoder.gate.set()
        toolbox.close()


@needs_ocr
def test_text_is_read_where_nothing_is_indexed(tmp_path: Path) -> None:
    with cold(write_drawn(tmp_path / "clip.mp4")) as toolbox, set_deadline(40.0):
        found = toolbox.call("search_text", {"query": "gate"})
    (line,) = found.findings
    assert line.text == TEXT
    # the clip would be sampled 4 times a second
    assert line.start_seconds == pytest.approx(4.0, abs=0.25)
    assert found.gaps == ()


def test_cuts_and_changes_are_found_where_nothing_is_indexed(tmp_path: Path) -> None:
    with cold(write_drawn(tmp_path / "clip.mp4")) as toolbox, set_deadline(40.0):
        shots = toolbox.call("list_shots", {})
        assert [shot.start_seconds for shot in shots.findings] == pytest.approx([0.0, 2.0, 4.0], abs=0.01)
        assert shots.gaps == ()
        assert toolbox.call("find_changes", {}).gaps == ()


@pytest.mark.clock
def test_a_search_by_picture_waits_no_longer_than_there_is_time(tmp_path: Path) -> None:
    with cold(write_drawn(tmp_path / "clip.mp4")) as toolbox, set_deadline(1.0):
        begun = time.monotonic()
        found = toolbox.call("search_frames", {"query": "red"})
        assert found.is_error
        assert found.gaps == ("No picture was indexed in the time that was left: nothing was searched for in them.",)
        assert found.covered == ()
        assert time.monotonic() - begun < 5.0


@needs_ocr
@pytest.mark.clock
def test_of_a_long_video_a_part_is_looked_at_and_how_much_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "_SHORT_SECONDS", 120.0)
    path = write_captioned(tmp_path / "long.mp4", seconds=150.0, shown=(60.0, 90.0))
    with cold(path) as toolbox:
        reading = ScreenText(toolbox.video, Samples(toolbox.index, 150.0), TextReader, tmp_path / "cache").read_window(
            0.0, 150.0, 8
        )
        assert {span.text for span in reading.spans} == {TEXT}
        assert 60.0 <= reading.spans[0].start_seconds < 80.0
        # each picture stands for the second of a sample
        assert reading.covered is not None
        assert sum(stop - start for start, stop in reading.covered) == pytest.approx(len(reading.looked_at), abs=1.0)
        assert len(reading.looked_at) <= 32
        shots = toolbox.call("list_shots", {})
        assert "30 s of this window were not looked at closely: cuts there are not known." in shots.gaps
        changes = toolbox.call("find_changes", {})
        assert "75 s of this window were not looked at closely: changes there are not known." in changes.gaps
        begun = time.monotonic()
        with set_deadline(0.0):
            late = toolbox.call("search_text", {"query": "gate"})
        assert time.monotonic() - begun < 5.0  # the machine may be busy
    # what the first call read is known, and nothing more is claimed
    share = sum(stop - start for start, stop in reading.covered) / 150.0
    assert f"Text was looked for in {100 * share:.0f} % of this window only." in late.gaps
    assert all(line.stop_seconds - line.start_seconds <= 2.0 for line in late.findings if line.kind == "text")


@pytest.mark.parametrize("max_seconds", [1.0, 3.0])
@pytest.mark.clock
def test_a_question_about_a_cold_video_is_answered_in_time(tmp_path: Path, max_seconds: float) -> None:
    path = write_captioned(tmp_path / "long.mp4", seconds=150.0, shown=(60.0, 90.0))
    with cold(path) as toolbox:
        question = Question(str(path), "What does the sign say?")
        begun = time.monotonic()
        ended = ask(question, toolbox, LitePolicy(), Limits(max_seconds=max_seconds))
        assert time.monotonic() - begun < max_seconds + 1.0
    assert ended.answer is not None
    assert ended.stop in (Stop.TIME_LIMIT, Stop.ANSWERED)
    assert ended.gaps


@pytest.mark.clock
def test_what_a_question_reads_of_minutes_waits_for_the_index_and_of_an_hour_it_does_not(tmp_path: Path) -> None:
    with cold(write_drawn(tmp_path / "clip.mp4")) as toolbox:
        waits = [Samples(toolbox.index, minutes * 60.0) for minutes in (8, 60)]
        begun = time.monotonic()
        with set_deadline(5.0):
            assert not any(samples.wait() for samples in waits)
        assert 0.4 < time.monotonic() - begun < 4.0


def test_a_beginning_of_scattered_times_is_spread_over_all_of_them() -> None:
    times = [float(number) for number in range(9)]
    assert scatter(times)[:5] == [0.0, 8.0, 4.0, 2.0, 6.0]
    assert sorted(scatter(times)) == times
    assert scatter([]) == []
    assert scatter([3.0]) == [3.0]


def test_what_is_read_is_where_text_was_seen_and_beside_it() -> None:
    times = [float(number) for number in range(8)]
    glances = {0.0: False, 3.0: True, 6.0: False}
    assert choose_readings(times, glances, 8) == [2.0, 3.0, 4.0]
    assert choose_readings(times, glances, 1) == [3.0]


def test_rows_of_letters_have_more_strokes_than_a_plain_picture() -> None:
    plain = np.full((360, 640, 3), (20, 20, 200), np.uint8)
    assert count_stroke_pixels(drawn_picture(4.0)) > 1000
    assert count_stroke_pixels(plain) == 0
