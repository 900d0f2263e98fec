"""The agent as a chat of LangGraph, for `langgraph dev` and chat pages: messages in; thoughts, calls and answers out.

Tool messages hold words, as chat pages show nothing else, and the references of the frames as their artifact. The video
comes from the context, from the text (`What is said in talk.mp4?`), or is the one asked about before; a text may name
several. A further question about the same follows up those before, where the host keeps the state of a chat.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Unpack

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langgraph.graph import END, START, StateGraph, add_messages
from langgraph.runtime import Runtime
from langgraph.types import Command
from pydantic_core import to_jsonable_python
from typing_extensions import TypedDict

from agent.doors.allowed_folders import AllowedFolders, NotAllowedError, name_in_question
from agent.doors.video_graph import VideoGraph, VideoNodes, VideoState, add_limit, wire_nodes
from agent.report.console import format_answer
from agent.sessions.options import AskOptions
from agent.sleuth import Sleuth
from agent.trajectory import Calls, Step, Trajectory

_WORDS = re.compile(r"\"([^\"]+)\"|'([^']+)'|`([^`]+)`|(\S+)")
"""What may be a file name: a text in quotes, or a word."""
_AROUND = "?!.,;:()<>"
"""Marks that may stand around a name without being part of it."""
_WHICH = "Which video? Name a file that I may read, as in: What is said in talk.mp4?"


@dataclass(frozen=True)
class ChatContext:
    """The context of a chat."""

    video: str | list[str] = ""
    """Name or path of the video, or of a folder of videos, or those of several videos; empty looks in the text."""


class ChatInput(TypedDict):
    """The state that a chat page sends."""

    messages: Annotated[list[AnyMessage], add_messages]


class ChatState(VideoState, total=False):
    """The state of a chat: that of the video graph, and the messages."""

    messages: Annotated[list[AnyMessage], add_messages]


def build_chat_graph(
    sleuth: Sleuth, folders: Iterable[str | Path], *, approve: bool = False, **options: Unpack[AskOptions]
) -> VideoGraph:
    """The graph, with `messages` as its state and `ChatContext` as its context.

    Args:
        sleuth: answers the questions; it must stay open as long as the graph is used.
        folders: folders whose videos may be named.
        approve: interrupt before each look, as in `agent.doors.video_graph.build_video_graph`.
        options: the options of every question, as `Sleuth.ask` takes them.

    Raises:
        ValueError: one of the folders is none, or an option is invalid.
    """
    allowed = AllowedFolders(folders)

    def read(state: ChatState, runtime: Runtime[ChatContext]) -> Command[str]:
        """Finds the videos and the question in what was written last."""
        text = str(state["messages"][-1].text)
        named = (runtime.context.video if runtime.context else "") or []
        try:
            videos = [
                str(found)
                for found in ([allowed.find_videos(named)] if isinstance(named, str) else map(allowed.find, named))
            ]
        except NotAllowedError as error:
            return Command(goto=END, update={"messages": [AIMessage(str(error))]})
        if not videos:
            videos, text = _find_videos(text, allowed)
        about = (videos[0] if len(videos) == 1 else videos) or state.get("video", "")
        if not about or not text.strip():
            return Command(goto=END, update={"messages": [AIMessage(_WHICH if not about else "What about it?")]})
        return Command(goto="begin", update={"video": about, "question": text})

    graph = StateGraph(ChatState, ChatContext, input_schema=ChatInput)
    graph.add_node("read", read, destinations=("begin", END))
    graph.add_edge(START, "read")
    sleuth = sleuth.with_refusals(allowed.refuse)
    wire_nodes(graph, VideoNodes(sleuth, approve, options, _make_messages, follows=True))
    return add_limit(graph.compile(), options)


def _find_videos(text: str, allowed: AllowedFolders) -> tuple[list[str], str]:
    """The videos that a text names, or else the folders, and the text with other words in place of the names.

    The text is empty if there is no more in it.
    """
    places: list[tuple[str, int, int]] = []
    for word in _WORDS.finditer(text):
        name = next(group for group in word.groups() if group).strip(_AROUND)
        if "." not in name:
            continue
        try:
            video = str(allowed.find(name))
        except NotAllowedError:
            continue
        marks = word[4].rpartition(name)[2] if word[4] else ""
        places.append((video, word.start(), word.end() - len(marks)))
    if not places:
        places = [(str(folder.path), folder.start, folder.stop) for folder in allowed.find_folders_in_text(text)]
    videos = list(dict.fromkeys(video for video, _, _ in places))
    rest = asked = text
    for video, start, stop in reversed(places):
        rest = rest[:start] + rest[stop:]
        asked = asked[:start] + name_in_question(Path(video), videos.index(video), len(videos)) + asked[stop:]
    return videos, asked if rest.strip(f"{_AROUND} ") else ""


def _make_messages(state: VideoState, trajectory: Trajectory, step: Step | None) -> dict[str, Any]:
    if step is None:
        return {"messages": [AIMessage(format_answer(trajectory), id=f"{state['run_id']}-answer")]}
    if not isinstance(step.turn.move, Calls):
        return {}

    def name(call_id: str) -> str:
        return f"{state['run_id']}-{call_id}"  # a chat has several runs, each with a t1c1

    calls = step.turn.move.calls
    made = [{"name": call.name, "args": call.arguments, "id": name(call.id)} for call in calls]
    brought = [
        ToolMessage(
            result.observation.text,
            tool_call_id=name(result.call_id),
            name=call.name,
            status="error" if result.observation.is_error else "success",
            artifact={"frames": to_jsonable_python(result.observation.frames)},
        )
        for call, result in zip(calls, step.results, strict=True)
    ]
    return {"messages": [AIMessage(step.turn.thought, tool_calls=made), *brought]}
