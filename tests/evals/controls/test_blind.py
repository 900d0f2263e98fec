"""Nothing is shown: no picture, no tool, no length; or nothing but what is said."""

from pathlib import Path

import pytest

from agent.loop.ask import ask
from agent.policies.scripted import ScriptedPolicy
from agent.trajectory import Calls, ToolCall, Turn
from evals.controls.blind import BLIND_SECONDS, no_video
from evals.controls.catalogue import CONTROLS
from evals.controls.control import NO_VIDEO, open_view
from tests.drawn import SUBTITLES
from tests.evals.controls.doubles import Looker, drawn, subject, toolbox_of
from tools.observation import ToolError

BLIND = CONTROLS["blind"]


def test_the_video_of_a_question_is_not_even_named() -> None:
    plan = BLIND.plan([subject(question_id="q1"), subject(question_id="q2", video="other")])
    assert [asked.question.video for asked in plan.asked] == [NO_VIDEO, NO_VIDEO]
    assert [asked.video_of for asked in plan.asked] == [None, None]
    assert [asked.question.options for asked in plan.asked] == [subject().question.options] * 2


def test_a_model_is_asked_the_question_and_shown_nothing() -> None:
    model = Looker()
    with toolbox_of(no_video()) as toolbox, open_view(BLIND, subject(), toolbox, toolbox_of, is_model=True) as given:
        ended = ask(subject().question, given.tools, model, opening=given.opening)
    assert model.jpegs == []
    assert model.tools == []
    assert "What is white?" in model.words
    assert f"The video: {BLIND_SECONDS}.00 s, 320x180 pixels, no sound." in model.words
    assert ended.frames_seen == ()


def test_a_model_that_calls_a_tool_all_the_same_is_told_that_there_is_none() -> None:
    calls = ScriptedPolicy([Turn("", Calls((ToolCall("t1c1", "overview", {}),)))])
    with toolbox_of(no_video()) as toolbox, open_view(BLIND, subject(), toolbox, toolbox_of, is_model=True) as given:
        ended = ask(subject().question, given.tools, calls, opening=given.opening)
        assert "there are no tools here" in ended.results[0].observation.text
        with pytest.raises(ToolError, match="answer from what you were shown"):
            given.tools.call("zoom", {"seconds": 1.0, "box": [0, 0, 1, 1]})


def test_rules_are_given_a_grey_clip_without_sound() -> None:
    with toolbox_of(no_video()) as toolbox, open_view(BLIND, subject(), toolbox, toolbox_of, is_model=False) as given:
        assert all((frame.pixels == 128).all() for frame in given.tools.video.window(0.0, BLIND_SECONDS))
        assert given.tools.call("read_speech", {}).findings == ()


@pytest.fixture
def subtitles(tmp_path: Path) -> Path:
    path = tmp_path / "said.srt"
    path.write_text(SUBTITLES, encoding="utf-8")
    return path


def test_with_subtitles_only_a_model_reads_what_is_said_and_sees_nothing(subtitles: Path) -> None:
    model = Looker()
    with (
        toolbox_of(drawn(), subtitles) as toolbox,
        open_view(CONTROLS["subtitles-only"], subject(), toolbox, toolbox_of, is_model=True) as given,
    ):
        ask(subject().question, given.tools, model, verify=False, mode=given.mode, opening=given.opening)
    assert "The train to Ghent leaves at noon." in model.words
    assert model.jpegs == []
    assert model.tools == ["read_speech", "search_speech"]


def test_with_subtitles_only_rules_hear_all_and_see_grey_of_the_same_length(subtitles: Path) -> None:
    with (
        toolbox_of(drawn(), subtitles) as toolbox,
        open_view(CONTROLS["subtitles-only"], subject(), toolbox, toolbox_of, is_model=False) as given,
    ):
        assert given.tools.call("search_speech", {"query": "bags"}).findings
        assert [f.start_seconds for f in given.tools.call("list_shots", {}).findings] == [0.0]
        assert given.tools.video.info.duration_seconds == 6.0
        assert all((frame.pixels == 128).all() for frame in given.tools.video.window(0.0, 6.0))
