"""Recipes without tools, and with some of them, played through the same loop and runner."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.loop.ask import list_videos
from agent.loop.modes import NamedTools
from agent.policies.scripted import ScriptedPolicy
from agent.policy import Policy, PolicyOptions
from agent.trajectory import Answer, Calls, Stop, ToolCall, Trajectory, Turn
from evals.controls.catalogue import control_named
from evals.runner.run_file import Key
from evals.runner.runner import RunSettings
from rl.data.game import Game, spread_frames
from rl.data.questions import TrainingQuestions, open_questions
from rl.grpo.config import Play, Training
from rl.rewards.catalogue import is_broken_off
from rl.small_vlm.look_set import LookSet, write_look_set
from tools.toolbox import open_toolbox

CALL = Turn("", Calls((ToolCall("t2c1", "overview", {"count": 2}),)))
SCRIPTED = ScriptedPolicy([CALL, CALL, Turn("", Answer("A"))])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path))


class SeeingPolicy(ScriptedPolicy):
    """A scripted policy that is shown frames first, as a model is."""

    setup = PolicyOptions().setup("text")  # type: ignore[assignment]


def played(
    questions: TrainingQuestions, play: dict[str, object], control: str | None = None, policy: Policy = SCRIPTED
) -> Trajectory:
    """The first question, by a policy that calls a tool and then answers."""
    wanted = Training.model_validate({"model": "m", "out": "o", "play": {"encoder": "hashing"} | play})
    settings: RunSettings = wanted.run_settings(policy)
    settings = replace(settings, control=wanted.play.game.under(control_named(control)))
    found: list[Trajectory] = []

    def keep(key: Key, trajectory: Trajectory) -> None:
        found.append(trajectory)

    questions.play([(next(iter(questions.examples)), 0)], settings, keep, 1)
    [run] = found
    assert run.stop is not Stop.CRASHED, run.error
    return run


@pytest.mark.parametrize("data", ["drawn,level=1,count=1", "composed,view=pictures"])
def test_a_game_without_tools_shows_evenly_spread_frames_and_refuses_calls(data: str) -> None:
    run = played(open_questions(data, 1), {"uniform_frames": 4})
    opening, called = run.steps[0], run.steps[1]
    assert opening.turn.is_opening
    seconds = [frame.seconds for result in opening.results for frame in result.observation.frames]
    length = run.facts.duration_seconds
    # the middles of four equal parts, to within a frame
    assert seconds == pytest.approx([length * part / 8 for part in (1, 3, 5, 7)], abs=0.2)
    assert "there are no tools here" in called.results[0].observation.text
    assert len(run.frames_seen) == 4


def test_runs_on_shuffled_frames_play_the_same_game() -> None:
    run = played(open_questions("composed,view=pictures", 1), {"uniform_frames": 4}, "shuffled-frames")
    assert len(run.frames_seen) == 4
    assert "there are no tools here" in run.steps[1].results[0].observation.text
    assert run.facts.content_hash != played(open_questions("composed,view=pictures", 1), {}).facts.content_hash


def test_only_named_tools_are_there() -> None:
    run = played(open_questions("composed,view=pictures", 1), {"tools": ["zoom", "overview"]})
    assert not run.steps[0].results[0].observation.is_error
    refused = played(open_questions("composed,view=pictures", 1), {"tools": ["zoom"]})
    assert "there is no 'overview' here; the tools are zoom" in refused.steps[0].results[0].observation.text


def test_what_is_shown_first_needs_none_of_the_named_tools(tmp_path: Path) -> None:
    write_look_set(tmp_path / "set", LookSet(1, seed=1))
    run = played(open_questions(str(tmp_path / "set"), 1), {"tools": ["zoom"]}, policy=SeeingPolicy([CALL, CALL]))
    assert [frame.seconds for frame in run.frames_seen] == [0.5, 1.5]
    assert run.steps[0].turn.is_opening
    assert "there is no 'overview' here; the tools are zoom" in run.steps[1].results[0].observation.text
    assert not is_broken_off(run)
    unseen = replace(run.steps[0].results[0].observation, frames=(), is_error=True, text="the codec is not here")
    blind = replace(run.steps[0], results=(replace(run.steps[0].results[0], observation=unseen),))
    assert is_broken_off(replace(run, steps=(blind, *run.steps[1:])))


def test_what_a_mode_shows_first_is_planned_by_all_tools_of_the_video(tmp_path: Path) -> None:
    write_look_set(tmp_path / "set", LookSet(1, seed=1))
    [video] = (tmp_path / "set").glob("*.mp4")
    with open_toolbox(video, encoder="hashing") as whole:
        named = NamedTools(whole, ["zoom"])
        [planned] = list_videos(named)
        assert [spec.name for spec in named.specs] == ["zoom"]
        assert planned.specs == whole.specs


def test_more_frames_than_one_call_shows_are_as_far_apart() -> None:
    looks = [arguments for _, arguments in spread_frames(65, 130.0)]
    assert [look["count"] for look in looks] == [21, 22, 22]
    assert {(look["stop"] - look["start"]) / look["count"] for look in looks} == {2.0}


def test_without_a_game_nothing_is_taken_away() -> None:
    control = control_named(None)
    assert Game().under(control) is control


@pytest.mark.parametrize(
    ("play", "why"),
    [
        ({"tools": ["zom"]}, "there is no tool 'zom'; did you mean zoom"),
        ({"uniform_frames": 16, "tools": ["zoom"]}, "leave tools and mode out"),
        ({"uniform_frames": 16, "max_frames": 8}, "more than max_frames = 8"),
    ],
)
def test_a_game_that_can_not_be_played_is_refused(play: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Play.model_validate(play)
    with pytest.raises(ValueError, match="words alone, and uniform_frames are pictures"):
        Training.model_validate({"model": "m", "out": "o", "data": "composed", "play": {"uniform_frames": 4}})
