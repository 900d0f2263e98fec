"""Sessions: what was seen stays, history only grows, each question has its own limits, and a saved one goes on."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from agent import Session, Sleuth
from agent.events import ToolReturned
from agent.trajectory import Stop, from_json, load, to_json
from tests.agent.fake_server import Behaviour, FakeServer, Handler, Request, Say, call, delta, silent_for, when
from tests.clips import write_clip
from tests.drawn import write_drawn
from tools.observation import ToolError
from tools.toolbox import Toolbox

LOOK = Say(calls=(call("select_frames", {"start": 0, "stop": 2, "count": 2}),), reasoning="a look")


def says(word: str, *call_ids: str) -> Say:
    """An answer that rests on calls."""
    evidence = [{"start": 0, "stop": 2, "calls": [name]} for name in call_ids]
    return Say(f"<answer>{json.dumps({'answer': word, 'confidence': 0.5, 'evidence': evidence})}</answer>")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn(tmp_path_factory.mktemp("video") / "clip.mp4")


@contextmanager
def sleuth(clip: Path, *script: Behaviour, **more: Any) -> Iterator[tuple[Sleuth, FakeServer]]:
    """A Sleuth whose model is a server with that script."""
    with (
        FakeServer(*script) as server,
        Sleuth(f"http:m@{server.url}", encoder="hashing", cache=clip.parent / "cache", **more) as asked,
    ):
        yield asked, server


def test_a_model_is_sent_all_of_the_questions_before_word_for_word(clip: Path) -> None:
    with sleuth(clip, LOOK, says("blue", "t1c1"), says("red", "t1c1"), LOOK, says("green", "t6c1")) as (asked, server):
        session = asked.open(clip)
        texts = [session.ask(f"Which colour is number {n}?", verify=False).text for n in (1, 2, 3)]
    assert texts == ["blue", "red", "green"]
    assert len(server.requests) == 5
    for before, now in pairwise(request.body for request in server.requests):
        assert now["messages"][: len(before["messages"])] == before["messages"]
        assert len(now["messages"]) > len(before["messages"])
        assert now["tools"] == before["tools"]
    assert sum("number 2" in json.dumps(message) for message in server.requests[-1].body["messages"]) == 1


def test_a_follow_up_may_cite_what_an_earlier_question_brought_and_is_checked_against_it(clip: Path) -> None:
    script = (LOOK, says("blue", "t1c1"), says("red", "t1c1"), says("red"))
    with sleuth(clip, *script) as (asked, server):
        session = asked.open(clip)
        first = session.ask("Which colour is first?", verify=False)
        second = session.ask("Which colour is second?")
    opening = first.trajectory.results[0].call_id
    assert second.trajectory.results == ()
    (evidence,) = second.evidence
    assert evidence.call_ids == ("t1c1",)
    assert (evidence.note, opening) == ("", "t1c1")
    assert evidence.frames
    assert second.trajectory.verification is not None
    assert second.trajectory.verification.agrees
    shown = server.requests[-1]
    assert 0 < len(shown.images) <= len(first.trajectory.frames_seen)
    assert second.coverage.frame_count == first.coverage.frame_count > 0
    page = second.html()
    assert "data:image/jpeg" in page
    assert "question 1, turn 1" in page


def test_each_question_has_limits_of_its_own(clip: Path) -> None:
    with sleuth(clip, LOOK, says("blue"), LOOK, LOOK, says("red")) as (asked, _):
        session = asked.open(clip)
        first = session.ask("Which colour is first?", max_turns=2, verify=False).trajectory
        second = session.ask("Which colour is second?", max_turns=3, max_frames=20, verify=False).trajectory
    assert (first.turns, first.stop, second.turns, second.stop) == (2, Stop.TURN_LIMIT, 3, Stop.TURN_LIMIT)
    assert "limit" not in second.steps[0].notice
    assert len({call.id for call in second.as_one.calls}) == len(second.as_one.calls) == 4


def test_a_saved_session_goes_on_and_is_a_saved_trajectory(clip: Path, tmp_path: Path) -> None:
    with sleuth(clip, LOOK, says("blue", "t1c1"), says("red", "t1c1"), says("green", "t1c1")) as (asked, server):
        session = asked.open(clip)
        with pytest.raises(ValueError, match="nothing was asked yet"):
            session.save(tmp_path / "session.json")
        session.ask("Which colour is first?", verify=False)
        second = session.ask("Which colour is second?", verify=False)
        session.save(tmp_path / "session.json")
        resumed = asked.resume(tmp_path / "session.json")
        assert resumed.trajectories == session.trajectories
        third = resumed.ask("Which colour is third?", verify=False)
    assert load(tmp_path / "session.json") == second.trajectory
    assert [run.question.text for run in third.trajectory.earlier] == [
        "Which colour is first?",
        "Which colour is second?",
    ]
    before, now = (request.body["messages"] for request in server.requests[-2:])
    assert now[: len(before)] == before
    assert third.evidence[0].frames


def test_a_session_is_about_one_video(clip: Path, tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mp4", frames=20)
    with sleuth(clip, says("blue"), says("red")) as (asked, _):
        session = asked.open(clip)
        session.ask("Which colour is first?", verify=False)
        session.save(tmp_path / "session.json")
        with pytest.raises(ValueError, match="not the video of the earlier questions"):
            asked.resume(tmp_path / "session.json", other).ask("Which colour is second?")


def test_what_a_cancelled_question_saw_is_known_to_the_next(clip: Path) -> None:
    later = when(lambda request: "second" in json.dumps(request.body), says("red", "t2c1"), silent_for(20))
    with sleuth(clip, LOOK, later) as (asked, server):
        session = asked.open(clip)
        for event in session.stream("Which colour is first?", verify=False):
            if isinstance(event, ToolReturned) and event.turn == 1:
                break  # whoever stops reading cancels
        second = session.ask("Which colour is second?", verify=False)
    assert [run.stop for run in second.trajectory.earlier] == [Stop.INTERRUPTED]
    assert second.evidence[0].frames
    roles = [message["role"] for message in server.requests[-1].body["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "user"]


def test_a_request_that_nobody_waits_for_any_more_is_hung_up(clip: Path) -> None:
    is_asked, is_gone = threading.Event(), threading.Event()

    def never_done(handler: Handler, request: Request) -> None:
        handler.start_stream()
        is_asked.set()
        try:
            while not is_gone.wait(0.02):
                handler.event(delta(content="so "))
        except OSError:
            is_gone.set()

    with sleuth(clip, never_done) as (asked, _):
        run = asked.start(clip, "Which colour is first?")
        assert is_asked.wait(20)
        run.cancel()
        assert run.result(5).status == "cancelled"
        assert is_gone.wait(5)


def test_questions_of_one_session_wait_for_each_other(clip: Path) -> None:
    async def ask_two(session: Session) -> list[str]:
        results = await asyncio.gather(*(session.aask(f"{n}?", verify=False) for n in (1, 2)))
        return [result.trajectory.question.text for result in results]

    with sleuth(clip, says("blue"), says("red")) as (asked, server):
        session = asked.open(clip)
        assert asyncio.run(ask_two(session)) == ["1?", "2?"]
    # the second was sent the first, and its first looks were not taken again
    assert [len(run.steps) for run in session.trajectories] == [2, 1]
    assert json.dumps(server.requests[1].body).count("Question: ") == 2


def test_a_policy_that_is_no_model_answers_each_question_as_if_alone(clip: Path) -> None:
    question = "How large is the picture?"
    with Sleuth("lite", encoder="hashing", cache=clip.parent / "cache") as asked:
        session = asked.open(clip)
        session.ask("How long is the video?")
        alone, followed = asked.ask(clip, question), session.ask(question)
    assert (followed.text, followed.coverage) == (alone.text, alone.coverage)
    assert [call.name for call in followed.trajectory.calls] == [call.name for call in alone.trajectory.calls]


def test_an_earlier_question_with_earlier_ones_is_refused(clip: Path) -> None:
    run = load(Path(__file__).with_name("saved_run_version_1.json"))
    assert from_json(to_json(replace(run, earlier=(run,)))) == replace(run, earlier=(run,))
    with pytest.raises(ValueError, match="earlier questions of its own"):
        from_json(to_json(replace(run, earlier=(replace(run, earlier=(run,)),))))


def brightness(seconds: Annotated[float, Field(ge=0)], toolbox: Toolbox, part: str = "all") -> str:
    """Say how bright a frame is.

    Args:
        seconds: when.
        part: which part of it.
    """
    if seconds >= toolbox.video.info.duration_seconds:
        raise ToolError(f"brightness: there is nothing at {seconds:g} s")
    return f"{part} is bright"


def test_a_function_of_ones_own_is_a_tool_that_a_model_is_told_of(clip: Path) -> None:
    calls = tuple(call("brightness", {"seconds": second}, f"call_{second}") for second in (1, -1, 90))
    with sleuth(clip, Say(calls=calls), says("bright"), tools=[brightness]) as (asked, server):
        result = asked.ask(clip, "How bright is it?", verify=False)
    told = {tool["function"]["name"]: tool["function"] for tool in server.requests[0].body["tools"]}
    assert told["brightness"]["description"] == "Say how bright a frame is."
    assert told["brightness"]["parameters"]["properties"].keys() == {"seconds", "part"}
    texts = [result.observation.text for result in result.trajectory.results[-3:]]
    assert texts[0] == "all is bright"
    assert "greater than or equal to 0" in texts[1]
    assert texts[2] == "brightness: there is nothing at 90 s"


def test_a_tool_of_ones_own_is_there_in_words_too(clip: Path) -> None:
    with sleuth(clip, says("bright"), tools=[brightness]) as (asked, server):
        asked.ask(clip, "How bright is it?", verify=False, mode="subtitles")
    names = {tool["function"]["name"] for tool in server.requests[0].body["tools"]}
    assert {"brightness", "read_speech"} <= names
    assert "zoom" not in names


def test_a_function_that_can_be_no_tool_is_refused_when_it_is_given() -> None:
    def overview(seconds: float) -> str:
        """Look.

        Args:
            seconds: when.
        """
        return ""

    def bare(seconds):  # type: ignore[no-untyped-def]
        return ""

    async def late(seconds: float) -> str:
        return ""

    with pytest.raises(ValueError, match="there is a tool overview already"):
        Sleuth(tools=[overview])
    with pytest.raises(TypeError, match=r"bare\(seconds\) needs an annotation and a line under Args"):
        Sleuth(tools=[bare])
    with pytest.raises(TypeError, match="late is asynchronous"):
        Sleuth(tools=[late])  # type: ignore[list-item]


def test_what_a_function_of_ones_own_raises_ends_the_run_with_its_name(clip: Path) -> None:
    def broken(seconds: float) -> str:
        """Break.

        Args:
            seconds: when.
        """
        raise KeyError("a slip of mine")

    with sleuth(clip, Say(calls=(call("broken", {"seconds": 1}),)), tools=[broken]) as (asked, _):
        result = asked.ask(clip, "What?")
    assert result.status == "crashed"
    assert "a slip of mine" in result.error
