"""The sound track that a user chooses travels through the saved run."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.cli.main import main
from agent.loop.ask import make_thread_id
from agent.trajectory import Answer, Question, Step, Trajectory, Turn, VideoFacts, from_json, load, to_json
from tests.drawn import SUBTITLES
from tests.sounds import Track, tone, write_tracks

FAST = ["--encoder", "hashing"]
RUN = Trajectory(Question("v.mp4", "What is said?"), VideoFacts("h", 6.0, 1, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A clip with two sound tracks, subtitles beside it, and a cache of its own."""
    folder = tmp_path_factory.mktemp("audio")
    write_tracks(folder / "clip.mkv", [Track(np.zeros(48_000, np.float32)), Track(tone(3), language="ger")])
    (folder / "clip.en.srt").write_text(SUBTITLES, encoding="utf-8")
    spoken = Turn("", Answer("nothing"))
    (folder / "script.json").write_text(to_json(replace(RUN, steps=(Step(spoken),))), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield folder


def ask(folder: Path, *more: str) -> int:
    policy = f"scripted:{folder / 'script.json'}"
    return main(["ask", str(folder / "clip.mkv"), "What is said?", "--policy", policy, "--no-verify", *FAST, *more])


def test_a_chosen_track_is_saved_and_replayed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved = folder / "run.json"
    assert ask(folder, "--audio", "2", "--save", str(saved)) == 0
    assert load(saved).question.audio_track == 2
    assert main(["replay", str(saved), *FAST]) == 0
    wrong = replace(load(saved), question=replace(load(saved).question, audio_track=7))
    saved.write_text(to_json(wrong), encoding="utf-8")
    capsys.readouterr()
    assert main(["replay", str(saved), *FAST]) == 2
    assert "sound tracks 1 to 2" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["3", "0"])
def test_a_track_that_is_not_there_is_one_sentence(
    folder: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(folder, "--audio", number) == 2
    assert "sound tracks" in capsys.readouterr().err


def test_a_run_from_before_streams_could_be_chosen_loads_as_the_same_run() -> None:
    old = json.loads(to_json(RUN))
    del old["question"]["audio_track"], old["question"]["picture_stream"]
    assert from_json(json.dumps(old)) == RUN
    other = replace(RUN, question=replace(RUN.question, audio_track=2))
    assert make_thread_id(RUN) != make_thread_id(other)


def test_subtitles_beside_the_video_are_told_of_and_not_read(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(folder) == 0
    assert "clip.en.srt reads them" in capsys.readouterr().err.replace("\n", "")
    assert ask(folder, "--subtitles", str(folder / "clip.en.srt")) == 0
    assert "reads them" not in capsys.readouterr().err
