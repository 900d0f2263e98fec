"""What a model is shown first, and the tools it has then."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.loop.ask import ask, choose_mode
from agent.loop.modes import TOOLS, WordTools, plan_initial_calls
from agent.policies.scripted import ScriptedPolicy
from agent.policy import ToolAccess
from agent.prompts import compute_prompt_hash
from agent.trajectory import Answer, Calls, Question, Setup, ToolCall, Trajectory, Turn, VideoFacts
from tests.drawn import SUBTITLES, write_drawn
from tools.observation import ToolError
from tools.toolbox import Toolbox, open_toolbox


def facts(seconds: float, *, speech: bool = False) -> VideoFacts:
    return VideoFacts("0" * 32, seconds, 640, 360, has_speech_track=speech)


@dataclass
class Model:
    """Stands for a language model: answers at once, and keeps what it saw."""

    spec: str = "model"
    sees_pictures: bool = True
    saw: Trajectory | None = None

    @property
    def setup(self) -> Setup:
        return Setup("text", 0.0, 1.0, 0, 100, 100_000, None, compute_prompt_hash(), self.sees_pictures)

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        self.saw = trajectory
        self.tools = [spec.name for spec in sight.specs]
        if trajectory.turns == 0:
            return Turn("", Calls((ToolCall("t2c1", "zoom", {"seconds": 1.0, "box": [0, 0, 0.5, 0.5]}),)))
        return Turn("", Answer("red"))


def test_a_short_video_is_shown_whole_at_a_frame_a_second() -> None:
    (call,) = plan_initial_calls("look", facts(6.0))
    assert (call.name, call.arguments["count"], call.arguments["stop"]) == ("select_frames", 6, 6)


def test_a_long_video_is_swept_and_denser_on_demand() -> None:
    counts = [plan_initial_calls("look", facts(600.0), density)[0].arguments["count"] for density in (1, 2, 4, 8)]
    assert counts == [8, 16, 32, 32]


def test_captions_cover_the_whole_video_in_windows_of_bounded_number() -> None:
    for seconds in (3.0, 8.0, 60.0, 7200.0):
        windows = [c.arguments for c in plan_initial_calls("captions", facts(seconds))]
        assert windows[0]["start"] == 0.0
        assert windows[-1]["stop"] >= seconds
        assert [w["start"] for w in windows[1:]] == [w["stop"] for w in windows[:-1]]
        assert len(windows) <= 24


def test_captions_come_with_the_speech_where_there_is_sound() -> None:
    assert plan_initial_calls("captions", facts(6.0, speech=True))[-1].name == "read_speech"
    assert [c.name for c in plan_initial_calls("subtitles", facts(6.0))] == ["read_speech"]


@pytest.fixture(scope="module")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> "Toolbox":
    folder: Path = tmp_path_factory.mktemp("modes")
    (folder / "said.srt").write_text(SUBTITLES, encoding="utf-8")
    return open_toolbox(
        write_drawn(folder / "clip.mp4"), encoder="hashing", subtitles=folder / "said.srt", cache=folder / "cache"
    )


def test_the_opening_is_on_record_and_is_no_turn(toolbox: Toolbox) -> None:
    model = Model()
    run = ask(Question("clip.mp4", "Which colour?"), toolbox, model)
    assert run.steps[0].turn.is_opening
    assert [f.seconds for f in run.steps[0].results[0].observation.frames] == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5]
    assert run.turns == 2
    assert run.setup == model.setup


def test_subtitles_only_shows_no_picture_and_has_no_tool_for_one(toolbox: Toolbox) -> None:
    model = Model()
    run = ask(Question("clip.mp4", "Who leaves?"), toolbox, model, mode="subtitles")
    assert run.frames_seen == ()
    assert "train to Ghent" in run.steps[0].results[0].observation.text
    assert "no 'zoom' here" in run.steps[1].results[0].observation.text
    assert model.tools == ["read_speech", "search_speech"]


def test_a_model_that_only_reads_is_given_captions_by_itself(toolbox: Toolbox) -> None:
    model = Model(sees_pictures=False)
    assert choose_mode(model, None) == "captions"
    with pytest.raises(ValueError, match="sees no pictures"):
        choose_mode(model, "look")


def test_what_is_no_model_has_no_mode(toolbox: Toolbox) -> None:
    with pytest.raises(ValueError, match="no language model"):
        ask(Question("clip.mp4", "q?"), toolbox, ScriptedPolicy([]), mode="captions")


def test_word_tools_give_words(toolbox: Toolbox) -> None:
    tools = WordTools(toolbox, TOOLS["captions"])
    assert tools.call("read_speech", {}).findings
    with pytest.raises(ToolError, match="there is no 'overview' here"):
        tools.call("overview", {})


def test_a_question_that_ends_early_is_not_put_to_the_whole_video(toolbox: Toolbox) -> None:
    with pytest.raises(ValueError, match="open it with until=2"):
        ask(Question("clip.mp4", "q?", until_seconds=2.0), toolbox, Model())


def test_the_first_look_at_a_film_grows_with_it() -> None:
    assert plan_initial_calls("look", facts(7200.0), scale=1.9)[0].arguments["count"] == 15
    assert len(plan_initial_calls("captions", facts(7200.0), scale=1.9)) == 46
    assert plan_initial_calls("look", facts(6.0), scale=0.5)[0].arguments["count"] == 6
