"""The chat for LangGraph's pages: messages with words, frames beside them, and a video from context or text."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agent import Sleuth
from agent.doors.chat_graph import ChatContext, build_chat_graph
from agent.doors.video_graph import VideoGraph
from agent.policy import ToolAccess
from agent.trajectory import Answer, Calls, ToolCall, Trajectory, Turn, from_json, make_call_ids
from tests.agent.test_sleuth import sleuth
from tests.clips import write_clip


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Sleuth]:
    folder = tmp_path / "videos"
    folder.mkdir()
    with sleuth(write_clip(folder / "a clip.mp4", frames=40)) as asked:
        yield asked


@pytest.fixture
def chat(asked: Sleuth, tmp_path: Path) -> VideoGraph:
    return build_chat_graph(asked, [tmp_path / "videos"])


def say(chat: VideoGraph, content: Any, video: str = "") -> list[AnyMessage]:
    sent = {"messages": [{"role": "user", "content": content}]}
    said: list[AnyMessage] = chat.invoke(sent, context=ChatContext(video))["messages"]
    return said


BLOCKS = [{"type": "text", "text": "How many in 'a clip.mp4'?"}]


@pytest.mark.parametrize(
    ("content", "video"), [("How many?", "a clip.mp4"), ('How many in "a clip.mp4"?', ""), (BLOCKS, "")]
)
def test_thought_calls_observation_and_answer_come_as_messages(chat: VideoGraph, content: Any, video: str) -> None:
    _, called, brought, answered = say(chat, content, video)
    assert isinstance(called, AIMessage)
    assert called.content == "a look"
    assert isinstance(brought, ToolMessage)
    assert brought.tool_call_id == called.tool_calls[0]["id"]
    assert isinstance(brought.content, str)
    assert len(brought.artifact["frames"]) == 2
    assert json.loads(json.dumps(brought.artifact)) == brought.artifact
    assert isinstance(answered.content, str)
    assert answered.content.startswith(
        "four\nconfidence 80 %\n  00:00.0-00:01.0 frame [t1c1]\nSeen: 74 % of 00:01.3, in 2 frames"
    )


@pytest.mark.parametrize("name", ["clip.mp4?", "'clip.mp4'?", "(clip.mp4)?"])
def test_the_name_of_the_file_is_not_asked_about(asked: Sleuth, tmp_path: Path, name: str) -> None:
    (tmp_path / "videos" / "clip.mp4").hardlink_to(tmp_path / "videos" / "a clip.mp4")
    chat = build_chat_graph(asked, [tmp_path / "videos"])
    ended = chat.invoke({"messages": [{"role": "user", "content": f"How long is {name}"}]})
    assert re.fullmatch(r"How long is the video\)?\?", ended["question"])


def test_several_videos_may_be_named(asked: Sleuth, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "videos" / name).write_bytes((tmp_path / "videos" / "a clip.mp4").read_bytes())
    chat = build_chat_graph(asked, [tmp_path / "videos"])
    ended = chat.invoke({"messages": [{"role": "user", "content": "Is b.mp4 longer than a.mp4, or 'b.mp4' first?"}]})
    assert ended["question"] == "Is video 1 longer than video 2, or video 1 first?"
    assert [Path(path).name for path in ended["video"]] == ["b.mp4", "a.mp4"]


@pytest.mark.parametrize(
    ("content", "video", "reply"),
    [
        ("How many?", "", "Which video?"),
        ("What is in ../../etc/passwd.mp4?", "", "Which video?"),
        ("How many?", "/etc/passwd", "'/etc/passwd' is no file in a folder"),
        ("'a clip.mp4'", "", "What about it?"),
    ],
)
def test_what_is_missing_is_asked_for(chat: VideoGraph, content: str, video: str, reply: str) -> None:
    assert str(say(chat, content, video)[-1].content).startswith(reply)


class LookingPolicy:
    """Looks once at each question, by a call that was not made before."""

    spec = "looking"
    setup = None

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        if trajectory.steps:
            return Turn("enough", Answer("four"))
        (call_id,) = make_call_ids(trajectory, 1)
        arguments = {"start": 0.0, "stop": 1.0, "count": len(trajectory.earlier) + 1}
        return Turn("a look", Calls((ToolCall(call_id, "select_frames", arguments),)))


def test_the_video_of_before_is_asked_about_again_and_no_id_comes_twice(tmp_path: Path) -> None:
    clip = tmp_path / "videos" / "a clip.mp4"
    clip.parent.mkdir()
    with sleuth(write_clip(clip, frames=40), LookingPolicy()) as asked:
        graph = build_chat_graph(asked, [tmp_path / "videos"]).builder.compile(
            checkpointer=InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        )
        config: Any = {"configurable": {"thread_id": "1"}}
        for content in ("How many in 'a clip.mp4'?", "And now?"):
            said = graph.invoke({"messages": [{"role": "user", "content": content}]}, config)["messages"]
        assert [message.type for message in said] == ["human", "ai", "tool", "ai"] * 2
        assert len({message.id for message in said}) == 8
        assert len({message.tool_call_id for message in said if isinstance(message, ToolMessage)}) == 2


def test_a_further_question_of_a_chat_knows_those_before_it_and_one_about_another_video_does_not(
    asked: Sleuth, tmp_path: Path
) -> None:
    write_clip(tmp_path / "videos" / "other.mp4", frames=50)
    graph = build_chat_graph(asked, [tmp_path / "videos"])
    graph.checkpointer = InMemorySaver()
    thread: Any = {"configurable": {"thread_id": "1"}}

    def ask(text: str) -> list[str]:
        ended = graph.invoke({"messages": [{"role": "user", "content": text}]}, thread)
        return [run.question.text for run in from_json(ended["trajectory_json"]).earlier]

    assert ask("How many in 'a clip.mp4'?") == []
    assert ask("And then?") == ["How many in the video?"]
    assert ask("And at last?") == ["How many in the video?", "And then?"]
    assert ask("How many in other.mp4?") == []
