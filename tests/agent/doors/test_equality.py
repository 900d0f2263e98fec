"""The same moves through every door: the trajectory is that of Python, times of the clock aside."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import TextResourceContents

from agent import Sleuth
from agent.cli.main import main
from agent.doors.allowed_folders import AllowedFolders
from agent.doors.chat_graph import ChatContext, build_chat_graph
from agent.doors.langchain_tool import make_video_tool
from agent.doors.mcp.server import VideoServer
from agent.doors.video_graph import build_video_graph
from agent.run_result import RunResult
from agent.trajectory import Answer, Calls, Evidence, Malformed, ToolCall, Trajectory, Turn, from_json, load
from tests.agent.doors.http.server import serving, write_script
from tests.agent.test_sleuth import timeless
from tests.clips import write_clip
from tools.observation import FrameRef
from tools.toolbox import open_toolbox

QUESTION = "How many?"
MAX_SECONDS = 120.0
TURNS_OF_ONE = (
    Turn("an overview", Calls((ToolCall("t1c1", "overview", {"count": 3}),))),
    Turn(
        "a window, a search and a mistake",
        Calls(
            (
                ToolCall("t2c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2}),
                ToolCall("t2c2", "search_frames", {"query": "a number", "count": 2}),
                ToolCall("t2c3", "zoom", {"seconds": 99.0, "box": [0, 0, 0.5, 0.5]}),
            )
        ),
    ),
    Turn("", Malformed("<call>", "no call in it")),
    Turn("the same again", Calls((ToolCall("t4c1", "overview", {"count": 3}),))),
    Turn(
        "enough", Answer("four", confidence=0.8, evidence=(Evidence(0.0, 1.0, ("t2c1",), (FrameRef(0.0, 96, 128),)),))
    ),
)
TURNS_OF_TWO = (
    Turn("an overview", Calls((ToolCall("t1c1", "overview", {"count": 3, "video": 1}),))),
    Turn(
        "the other one, and mistakes",
        Calls(
            (
                ToolCall("t2c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2, "video": 2}),
                ToolCall("t2c2", "zoom", {"seconds": 99.0, "box": [0, 0, 0.5, 0.5], "video": 2}),
                ToolCall("t2c3", "overview", {"count": 3, "video": 3}),
            )
        ),
    ),
    Turn(
        "enough",
        Answer(
            "the second",
            confidence=0.8,
            evidence=(Evidence(0.0, 1.0, ("t2c1",), (FrameRef(0.0, 96, 128, video=2),), video=2),),
        ),
    ),
)


@dataclass(frozen=True)
class Asked:
    """One or two videos with a policy that takes the turns, and a cache that has their whole index."""

    clips: tuple[Path, ...]
    policy: str
    sleuth: Sleuth

    @property
    def folder(self) -> Path:
        return self.clips[0].parent

    @property
    def given(self) -> str | list[str]:
        """The videos as a client names them."""
        names = [clip.name for clip in self.clips]
        return names[0] if len(names) == 1 else names


@pytest.fixture(scope="module", params=[TURNS_OF_ONE, TURNS_OF_TWO], ids=["one video", "two videos"])
def asked(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Asked]:
    folder = tmp_path_factory.mktemp("doors")
    (folder / "videos").mkdir()
    names = ["clip.mp4"] if request.param is TURNS_OF_ONE else ["clip.mp4", "other.mp4"]
    clips = tuple(write_clip(folder / "videos" / name, frames=40 + 5 * n) for n, name in enumerate(names))
    for clip in clips:
        with open_toolbox(clip, encoder="hashing", cache=folder / "cache") as toolbox:
            toolbox.index.wait_tiled()
    policy = write_script(folder / "turns.json", request.param, tuple(names[1:]))
    with Sleuth(policy, encoder="hashing", cache=folder / "cache") as sleuth:
        yield Asked(clips, policy, sleuth)


@pytest.fixture(scope="module")
def direct(asked: Asked) -> RunResult:
    return asked.sleuth.ask(asked.clips, QUESTION, max_seconds=MAX_SECONDS)


def ask_command_line(asked: Asked) -> Trajectory:
    saved = asked.folder.parent / "saved.json"
    options = {"policy": asked.policy, "encoder": "hashing", "max-seconds": f"{MAX_SECONDS:g}", "save": str(saved)}
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("VIDEOSLEUTH_CACHE", str(asked.folder.parent / "cache"))
        main(["ask", *map(str, asked.clips), QUESTION, *(f"--{name}={value}" for name, value in options.items())])
    return load(saved)


def ask_mcp(asked: Asked) -> Trajectory:
    async def play(server: VideoServer) -> Trajectory:
        async with Client(server.server) as client:
            given = {"video": asked.given, "question": QUESTION, "max_seconds": MAX_SECONDS}
            answer = (await client.call_tool("ask_video", given)).structured_content
            assert answer is not None
            (saved,) = (await client.read_resource(answer["trajectory"])).contents
            assert isinstance(saved, TextResourceContents)
            return from_json(saved.text)

    with VideoServer(asked.sleuth, AllowedFolders([asked.folder])) as server:
        return asyncio.run(play(server))


def ask_video_graph(asked: Asked) -> Trajectory:
    graph = build_video_graph(asked.sleuth, max_seconds=MAX_SECONDS)
    return from_json(graph.invoke({"video": [*map(str, asked.clips)], "question": QUESTION})["trajectory_json"])


def ask_chat_graph(asked: Asked) -> Trajectory:
    graph = build_chat_graph(asked.sleuth, [asked.folder], max_seconds=MAX_SECONDS)
    said = {"messages": [{"role": "user", "content": QUESTION}]}
    return from_json(graph.invoke(said, context=ChatContext(asked.given))["trajectory_json"])


IN_PROCESS: dict[str, Callable[[Asked], Trajectory]] = {
    "command line": ask_command_line,
    "MCP": ask_mcp,
    "LangGraph node": ask_video_graph,
    "chat graph": ask_chat_graph,
}


@pytest.mark.parametrize("door", IN_PROCESS)
def test_every_door_gives_the_same_trajectory(door: str, asked: Asked, direct: RunResult) -> None:
    assert direct.status == "answered"
    assert direct.trajectory.turns == len(TURNS_OF_ONE if len(asked.clips) == 1 else TURNS_OF_TWO)
    assert timeless(IN_PROCESS[door](asked)) == timeless(direct.trajectory)


def test_jobs_and_chats_over_http_give_the_same_trajectory(asked: Asked, direct: RunResult) -> None:
    paths = [str(clip) for clip in asked.clips]
    parts = [{"type": "video_url", "video_url": {"url": path}} for path in paths]
    said = {"role": "user", "content": [*parts, {"type": "text", "text": QUESTION}]}
    chat = {"model": "video-sleuth", "messages": [said], "video_sleuth": {"max_seconds": MAX_SECONDS}}
    with serving(asked.folder.parent, asked.folder, policy=asked.policy) as server, server.client() as http:
        given = {"video": paths[0] if len(paths) == 1 else paths, "question": QUESTION, "max_seconds": MAX_SECONDS}
        job = http.post("/v1/jobs", json=given).json()["id"]
        ended = http.get(f"/v1/jobs/{job}", params={"wait_seconds": 60}).json()
        chatted = http.post("/v1/chat/completions", json=chat).json()["video_sleuth"]
        saved = [http.get(f"/v1/jobs/{one}/trajectory").text for one in (job, chatted["job"])]
    assert [timeless(from_json(one)) for one in saved] == [timeless(direct.trajectory)] * 2
    assert without_clock(ended["result"]) == without_clock(direct.as_data())


def test_the_tool_of_langchain_gives_the_same_record(asked: Asked, direct: RunResult) -> None:
    tool = make_video_tool(asked.sleuth, [asked.folder], max_seconds=MAX_SECONDS)
    call = {"name": "ask_video", "args": {"video": asked.given, "question": QUESTION}, "id": "1", "type": "tool_call"}
    assert without_clock(tool.invoke(call).artifact) == without_clock(direct.as_data())


def without_clock(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"usage": {name: value for name, value in record["usage"].items() if "seconds" not in name}}
