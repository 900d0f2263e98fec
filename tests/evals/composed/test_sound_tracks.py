"""Sound tracks: what is asked of them is what is in them, known from the samples alone."""

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from evals.composed.__main__ import WriteConfig, main
from evals.composed.sound_tracks import RATE, ComposedSound, compose_sound_track, speak
from evals.example import load_examples

needs_a_voice = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
SECONDS = 30.0


@pytest.fixture(scope="module")
def tracks() -> list[ComposedSound]:
    return [compose_sound_track("v", 3, number, SECONDS, "heldout") for number in range(24)]


def loud_spans(track: ComposedSound) -> list[tuple[float, float]]:
    """Spans (start, stop) of sound in seconds, between silences of a second or more."""
    at = np.flatnonzero(np.abs(track.sound) > 1e-3) / RATE
    breaks = np.flatnonzero(np.diff(at) > 1.0)
    return list(zip(at[[0, *breaks + 1]], at[[*breaks, -1]], strict=True))


@needs_a_voice
def test_the_span_of_an_answer_is_that_of_its_sound(tracks: list[ComposedSound]) -> None:
    for track in tracks:
        assert len(track.sound) == SECONDS * RATE
        spans = loud_spans(track)
        assert 1 <= len(spans) <= 2
        for asked in track.questions:
            if asked.evidence_seconds is not None:
                start, stop = asked.evidence_seconds
                assert min(abs(start - begin) + abs(stop - end) for begin, end in spans) < 1.0


@needs_a_voice
def test_a_start_lies_in_the_interval_of_the_answer_and_well_inside(tracks: list[ComposedSound]) -> None:
    starts = [asked for track in tracks for asked in track.questions if asked.family == "start"]
    assert starts
    for asked in starts:
        assert asked.evidence_seconds is not None
        begin, end = map(float, asked.answer.removesuffix(" s").split("-"))
        assert begin + 1 <= asked.evidence_seconds[0] <= end - 1
        assert len({*asked.options}) == 4


@needs_a_voice
def test_both_answers_about_music_and_open_questions_come_up(tracks: list[ComposedSound]) -> None:
    asked = [one for track in tracks for one in track.questions]
    assert {one.answer for one in asked if one.family == "music"} == {"yes", "no"}
    assert {bool(one.options) for one in asked if one.family == "said"} == {True, False}


@needs_a_voice
def test_the_same_seed_gives_the_same_track_and_the_sides_share_no_place(tracks: list[ComposedSound]) -> None:
    again = compose_sound_track("v", 3, 5, SECONDS, "heldout")
    assert again.questions == tracks[5].questions
    assert np.array_equal(again.sound, tracks[5].sound)
    others = [compose_sound_track("v", 3, number, SECONDS, "train") for number in range(6)]
    places = [
        {one.answer for track in side for one in track.questions if one.family == "said"} for side in (tracks, others)
    ]
    assert all(places)
    assert not places[0] & places[1]


@needs_a_voice
def test_a_written_video_sounds_where_its_question_says(tmp_path: Path) -> None:
    count = main(WriteConfig(tmp_path / "set", count=1, seed=3, questions=1, heard=True))
    rows = [json.loads(line) for line in (tmp_path / "set/questions.jsonl").read_text().splitlines()]
    assert len(rows) == count == len(load_examples(tmp_path / "set/questions.jsonl", tmp_path / "set"))
    assert len((tmp_path / "set/known.jsonl").read_text().splitlines()) == count
    (video,) = (tmp_path / "set").glob("*.mp4")
    with av.open(str(video)) as container:
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    assert abs(len(sound) / RATE - SECONDS) < 0.2
    heard = next(row for row in rows if row["needs"] in (["sounds"], ["speech"]) and row["evidence_seconds"])
    start, stop = (round(second * RATE) for second in heard["evidence_seconds"])
    assert np.abs(sound[start:stop]).mean() > 20 * np.abs(sound[start - RATE : start - RATE // 4]).mean()


def test_a_missing_voice_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="install it"):
        speak("hello")
