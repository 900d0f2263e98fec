"""The graph for LangGraph hosts: plain JSON in their checkpointers, their streams and their interrupts."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from agent import Sleuth
from agent.doors.video_graph import VideoGraph, build_video_graph
from agent.loop.strategies import REFLECT
from agent.policies.scripted import ScriptedPolicy
from agent.policy import PolicyError, PolicyOptions, ToolAccess
from agent.trajectory import Answer, Calls, Evidence, ToolCall, Trajectory, Turn, from_json
from tests.agent.test_sleuth import TURNS, timeless
from tests.clips import write_clip


class HostState(TypedDict, total=False):
    video: str
    question: str
    answer: str
    evidence: list[dict[str, Any]]
    trajectory_json: str


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", frames=40))


def opened(clip: str, policy: Any = None) -> Sleuth:
    return Sleuth(policy or ScriptedPolicy(TURNS), encoder="hashing", cache=Path(clip).parent / "cache")


@pytest.fixture
def sleuth(clip: str) -> Iterator[Sleuth]:
    with opened(clip) as sleuth:
        yield sleuth


def host(graph: VideoGraph, checkpointer: InMemorySaver | None = None) -> Any:
    built = StateGraph(HostState)
    built.add_node("video", graph)
    built.add_edge(START, "video")
    built.add_edge("video", END)
    return built.compile(checkpointer=checkpointer)


def strict_saver() -> InMemorySaver:
    return InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))


THREAD: Any = {"configurable": {"thread_id": "1"}}


def test_a_sub_graph_leaves_the_trajectory_of_the_python_door_in_a_strict_checkpointer(
    sleuth: Sleuth, clip: str
) -> None:
    direct = sleuth.ask(clip, "How many?").trajectory
    graph = host(build_video_graph(sleuth), strict_saver())
    graph.invoke({"video": clip, "question": "How many?"}, THREAD, context={"the host's": "own"})
    kept = graph.get_state(THREAD).values
    assert timeless(from_json(kept["trajectory_json"])) == timeless(direct)
    assert kept["answer"] == "four"
    assert kept["evidence"][0]["call_ids"] == ["t1c1"]
    assert "turn_json" not in kept


class Doubter:
    """A language model that gives an answer, looks once it is asked whether that is enough, and gives another."""

    spec = "doubter"
    setup = PolicyOptions().setup("text")

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        if trajectory.turns == 1:
            return Turn("", Calls((ToolCall("t3c1", "zoom", {"seconds": 0.5, "box": [0, 0, 0.5, 0.5]}),)))
        return Turn("", Answer("three" if trajectory.turns == 0 else "four"))


def test_a_strategy_sends_an_answer_back_in_a_host_s_graph_too(clip: str) -> None:
    with opened(clip, Doubter()) as sleuth:
        direct = sleuth.ask(clip, "How many?", strategy="reflect").trajectory
        graph = build_video_graph(sleuth, strategy="reflect")
        played = from_json(graph.invoke({"video": clip, "question": "How many?"})["trajectory_json"])
    assert timeless(played) == timeless(direct)
    assert [step.notice == REFLECT for step in played.steps] == [False, True, False, True, False]


def test_a_host_s_graph_has_room_for_the_turns_of_a_film(sleuth: Sleuth) -> None:
    for effort, turns in (("medium", 15), ("high", 30)):
        config = build_video_graph(sleuth, effort=effort).config  # type: ignore[arg-type]
        assert config is not None
        assert config["recursion_limit"] > 2 * turns + 4


def test_it_is_invoked_inside_a_function_node_too(sleuth: Sleuth, clip: str) -> None:
    inner = build_video_graph(sleuth)
    built = StateGraph(HostState)
    built.add_node("ask", lambda state: {"answer": inner.invoke({"video": clip, "question": "How many?"})["answer"]})
    built.add_edge(START, "ask")
    graph = built.compile(checkpointer=strict_saver())
    assert graph.invoke({"question": "of the host"}, THREAD) == {"question": "of the host", "answer": "four"}


def test_the_steps_and_the_events_of_python_are_streamed(sleuth: Sleuth, clip: str) -> None:
    parts = list(
        host(build_video_graph(sleuth)).stream(
            {"video": clip, "question": "How many?"}, stream_mode=["updates", "custom"], subgraphs=True
        )
    )
    nodes = [name for place, mode, data in parts if place and mode == "updates" for name in data]
    assert nodes == ["begin", "think", "act", "think", "act", "finish"]
    told = [data["event"] for _, mode, data in parts if mode == "custom"]
    assert [*told, "run_finished"] == [event.name for event in sleuth.stream(clip, "How many?")]
    assert {data["turn"] for _, mode, data in parts if mode == "custom" and data["event"] == "tool_returned"} == {1}


def interrupted(sleuth: Sleuth, clip: str) -> Any:
    graph = host(build_video_graph(sleuth, approve=True), strict_saver())
    reached = graph.invoke({"video": clip, "question": "How many?"}, THREAD)
    (request,) = reached["__interrupt__"][0].value["action_requests"]
    assert request["name"] == "select_frames"
    assert request["description"] == "a look"
    return graph


@pytest.mark.parametrize("reply", [True, {"decisions": [{"type": "approve"}]}])
def test_an_approved_look_is_made(sleuth: Sleuth, clip: str, reply: Any) -> None:
    ended = interrupted(sleuth, clip).invoke(Command(resume=reply), THREAD)
    assert timeless(from_json(ended["trajectory_json"])) == timeless(sleuth.ask(clip, "How many?").trajectory)


@pytest.mark.parametrize("reply", [False, {"decisions": [{"type": "reject", "message": "too dear"}]}])
def test_a_refused_look_is_not_made_and_the_policy_is_told(sleuth: Sleuth, clip: str, reply: Any) -> None:
    ended = interrupted(sleuth, clip).invoke(Command(resume=reply), THREAD)
    (result,) = from_json(ended["trajectory_json"]).steps[0].results
    assert result.observation.is_error
    assert result.observation.text.startswith("the user refused this call")
    assert ("too dear" in result.observation.text) == (reply is not False)
    assert not result.observation.frames


def test_another_question_is_asked_in_place_of_the_interrupted_one(sleuth: Sleuth, clip: str) -> None:
    graph = interrupted(sleuth, clip)
    assert "__interrupt__" in graph.invoke(Command(resume={"question": "How few?"}), THREAD)
    ended = graph.invoke(Command(resume=True), THREAD)
    assert from_json(ended["trajectory_json"]).question.text == "How few?"


def test_a_reply_in_another_form_is_refused_with_the_form(sleuth: Sleuth, clip: str) -> None:
    with pytest.raises(ValueError, match="resumed with True"):
        interrupted(sleuth, clip).invoke(Command(resume={"decisions": []}), THREAD)


def test_a_host_interrupts_before_it_and_changes_the_question(sleuth: Sleuth, clip: str) -> None:
    built = StateGraph(HostState)
    built.add_node("video", build_video_graph(sleuth))
    built.add_edge(START, "video")
    graph: Any = built.compile(checkpointer=strict_saver(), interrupt_before=["video"])
    graph.invoke({"video": clip, "question": "How many?"}, THREAD)
    graph.update_state(THREAD, {"question": "How few?"})
    assert from_json(graph.invoke(None, THREAD)["trajectory_json"]).question.text == "How few?"


def test_a_run_goes_on_in_another_process_s_sleuth_without_asking_again(clip: str) -> None:
    saver = strict_saver()
    with opened(clip) as first:
        host(build_video_graph(first, approve=True), saver).invoke({"video": clip, "question": "How many?"}, THREAD)
    other = Turn("", Answer("five", evidence=(Evidence(0.0, 1.0, ("t1c1",)),)))
    with opened(clip, ScriptedPolicy((other, TURNS[1]))) as second:
        ended = host(build_video_graph(second, approve=True), saver).invoke(Command(resume=True), THREAD)
    assert ended["answer"] == "four"


class _FailingPolicy:
    spec = "failing"
    setup = None

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        raise PolicyError("the server is gone")


def test_a_policy_that_fails_ends_the_run_and_not_the_host(clip: str) -> None:
    with opened(clip, _FailingPolicy()) as sleuth:
        ended = build_video_graph(sleuth).invoke({"video": clip, "question": "How many?"})
    assert (ended["status"], ended["answer"]) == ("policy_failed", "")
    assert from_json(ended["trajectory_json"]).error == "the server is gone"


def test_many_run_at_once_in_asyncio(sleuth: Sleuth, clip: str) -> None:
    graph = build_video_graph(sleuth)

    async def ask_all() -> list[dict[str, Any]]:
        return await asyncio.gather(*(graph.ainvoke({"video": clip, "question": f"How many {n}?"}) for n in range(8)))

    assert [ended["answer"] for ended in asyncio.run(ask_all())] == ["four"] * 8


def test_what_a_graph_can_t_do_is_refused(sleuth: Sleuth) -> None:
    with pytest.raises(ValueError, match="leave samples, uncertain and examples out"):
        build_video_graph(sleuth, samples=3)
    with pytest.raises(TypeError, match="unknown: max_look"):
        build_video_graph(sleuth, max_look=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="video came without a value"):
        build_video_graph(sleuth).invoke({"question": "How many?"})


def test_sleuth_inside_a_host_s_node_keeps_nothing_of_ours_in_its_checkpointer(
    sleuth: Sleuth, clip: str, caplog: pytest.LogCaptureFixture
) -> None:
    built = StateGraph(HostState)
    built.add_node("ask", lambda state: {"answer": sleuth.ask(clip, "How many?").text})
    built.add_edge(START, "ask")
    saver = InMemorySaver()
    assert built.compile(checkpointer=saver).invoke({"question": "?"}, THREAD)["answer"] == "four"
    assert {place for kept in saver.storage.values() for place in kept} == {""}


STRICT_ROUND_TRIP = """
import warnings, sys, logging
from pathlib import Path
from agent.loop.checkpoint import RecordSerializer
from tests.agent.loop.test_graph import START, TURNS
logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
serializer = RecordSerializer(allowed_msgpack_modules=None)
for value in (START, TURNS[0], {"trajectory": START, "turn": TURNS[-1]}):
    assert serializer.loads_typed(serializer.dumps_typed(value)) == value
"""


def test_our_own_checkpoints_come_back_equal_under_strict_msgpack_without_a_warning() -> None:
    environment = os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true"}
    command = [sys.executable, "-c", STRICT_ROUND_TRIP]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
