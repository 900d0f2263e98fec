"""Sound heard part by part: only what is asked for, nothing twice, nothing left out at the seams."""

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn_clips import draw_clip, page
from tools.deadline import set_deadline
from tools.speech.audio import SAMPLE_RATE, TrackReader
from tools.speech.hearing import Hearing
from tools.speech.subtitles import SpeechLine
from tools.video.video import Video

SECONDS = 300.0


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five minutes of a loud tone with a silence every ten seconds."""
    at = np.arange(round(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    sound = np.where(at % 10 < 9, 0.5 * np.sin(2 * np.pi * 220 * at), 0).astype(np.float32)
    return draw_clip(tmp_path_factory.mktemp("long") / "a.mkv", lambda _: page(size=(64, 64)), SECONDS, 1, sound=sound)


class Listener:
    """Says a line for every ten seconds of what it is given, as slowly as it is told."""

    def __init__(self, pause_seconds: float = 0.0) -> None:
        self.pause_seconds = pause_seconds
        self.heard: list[tuple[float, float]] = []

    def __call__(self, sound: NDArray[np.float32], start_seconds: float) -> Iterator[SpeechLine]:
        length = len(sound) / SAMPLE_RATE
        self.heard.append((round(start_seconds, 1), round(start_seconds + length, 1)))
        for begin in np.arange(start_seconds, start_seconds + length, 10.0).tolist():
            time.sleep(self.pause_seconds)
            yield SpeechLine(begin, min(begin + 9.0, start_seconds + length), f"at {begin:.1f}", 0.0, "recognised")


def test_only_the_parts_of_the_window_are_heard_and_the_rest_is_told(path: Path, tmp_path: Path) -> None:
    with Video(path) as video:
        hearing = Hearing(video, None, tmp_path / "heard.json", threading.Lock())
        listener = Listener()
        hearing.hear(listener, 130.0, 140.0)
        ((start, stop),) = listener.heard
        # parts are cut where it is silent, in the last 20 s of two minutes
        assert 109.0 <= start < 110.0 or 99.9 < start <= 120.0
        assert 220.0 <= stop <= 240.0
        assert hearing.gaps(130.0, 140.0) == ()
        (gap,) = hearing.gaps(0.0, SECONDS)
        assert gap.endswith(f"not heard yet: 0-{start:.0f} s, {stop:.0f}-300 s")


def test_the_parts_meet_whatever_was_heard_first_and_nothing_is_heard_twice(path: Path, tmp_path: Path) -> None:
    with Video(path) as video:
        listener = Listener()
        Hearing(video, None, tmp_path / "heard.json", threading.Lock()).hear(listener, 130.0, 140.0)
        again = Hearing(video, None, tmp_path / "heard.json", threading.Lock())
        told: list[tuple[float, float]] = []
        again.hear(listener, 0.0, SECONDS, lambda done, total: told.append((done, total)))
        again.hear(listener, 0.0, SECONDS)
        assert len(listener.heard) == 3
        for (_, stop), (start, _) in pairwise(sorted(listener.heard)):
            assert start == pytest.approx(stop, abs=0.1)
        assert again.gaps(0.0, SECONDS) == ()
        assert told == [(120.0, 240.0), (240.0, 240.0)]


@pytest.mark.clock
def test_where_the_time_is_up_what_was_heard_stays_and_the_next_call_goes_on(path: Path, tmp_path: Path) -> None:
    lock = threading.Lock()
    with Video(path) as video:
        hearing = Hearing(video, None, tmp_path / "heard.json", lock)
        slow = Listener(pause_seconds=0.5)
        begun = time.monotonic()
        with set_deadline(3.0):  # of the five seconds that a hundred take it
            hearing.hear(slow, 0.0, 100.0)
        assert time.monotonic() - begun < 3.5
        with lock:  # whoever was left behind has let go
            later = Hearing(video, None, tmp_path / "heard.json", threading.Lock())
        (first,) = later.spans
        assert 5.0 < first.stop_seconds < 90.0
        assert later.unheard(0.0, 100.0)
        quick = Listener()
        later.hear(quick, 0.0, 100.0)
        assert quick.heard[0][0] == pytest.approx(first.stop_seconds, abs=0.1)
        starts = [line.start_seconds for span in later.spans for line in span.lines]
        assert starts == sorted(starts)
        assert later.unheard(0.0, 100.0) == ()


def test_sound_of_a_span_is_that_sound(path: Path) -> None:
    with Video(path) as video:
        (start, near), (late, far) = TrackReader(video).read_spans([(0.0, 20.0), (205.0, 215.0)])
    assert start == pytest.approx(0.0, abs=0.05)
    assert len(near) == pytest.approx(20 * SAMPLE_RATE, abs=800)
    assert late == pytest.approx(205.0, abs=0.05)
    loud = np.abs(far) > 0.2
    # it is silent from 209 to 210 s
    assert not loud[round(4.1 * SAMPLE_RATE) : round(4.9 * SAMPLE_RATE)].any()
    assert loud[: round(3.9 * SAMPLE_RATE)].mean() > 0.5
