"""A folder of videos through every door: the trajectory is that of Python, and nothing outside is any part of it."""

import asyncio
import json
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import TextContent, TextResourceContents

from agent import Sleuth
from agent.doors.allowed_folders import AllowedFolders
from agent.doors.chat_graph import ChatContext, build_chat_graph
from agent.doors.error_text import hide_paths
from agent.doors.http.worker import Worker, WorkerSetup, WorkRequest
from agent.doors.langchain_tool import make_video_tool
from agent.doors.mcp.server import VideoServer
from agent.run_result import RunResult
from agent.trajectory import Answer, Calls, Evidence, ToolCall, Trajectory, Turn, from_json
from tests.agent.doors.http.server import serving, write_script
from tests.agent.doors.test_equality import without_clock
from tests.agent.test_sleuth import timeless
from tests.drawn import write_colours
from tools.observation import FrameRef

QUESTION = "Where is it green?"
NAMES = ("green.mp4", "blue.mp4", "red.mp4")
LOOK = ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 1, "video": 1})
SEEN = Evidence(0.0, 1.0, ("t1c1",), (FrameRef(0.0, 64, 48, video=1),), video=1)
TURNS = (Turn("a look", Calls((LOOK,))), Turn("enough", Answer("green", confidence=0.8, evidence=(SEEN,))))
Play = Callable[[Client], Any]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An allowed folder with a folder of three videos, beside which lie one that is hidden and one that leads out."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "allowed" / "videos"
    (folder / ".hidden").mkdir(parents=True)
    for name in NAMES:
        write_colours(folder / name, [name.removesuffix(".mp4")] * 2)
    for outside in (home / "green secret.mp4", folder / ".hidden" / "green.mp4"):
        write_colours(outside, ["green"] * 3)
    (folder / "green.mkv").symlink_to(home / "green secret.mp4")
    return home


@pytest.fixture(scope="module")
def policy(home: Path) -> str:
    return write_script(home / "turns.json", TURNS, NAMES[1:])


@pytest.fixture
def sleuth(home: Path, policy: str) -> Iterator[Sleuth]:
    with Sleuth(policy, encoder="hashing", cache=home / "cache") as asked:
        yield asked


def ask_python(sleuth: Sleuth, folder: Path) -> RunResult:
    return sleuth.with_refusals(AllowedFolders([folder]).refuse).ask(folder, QUESTION)


def in_mcp(sleuth: Sleuth, folder: Path, play: Play) -> Any:
    async def connect() -> Any:
        with VideoServer(sleuth, AllowedFolders([folder.parent])) as server:
            async with Client(server.server) as client:
                return await play(client)

    return asyncio.run(connect())


def ask_mcp(sleuth: Sleuth, folder: Path) -> Trajectory:
    async def play(client: Client) -> Trajectory:
        answered = await client.call_tool("ask_video", {"video": "videos", "question": QUESTION})
        answer = answered.structured_content
        assert answer is not None
        assert (answer["status"], answer["videos"][0]) == ("answered", "videos/green.mp4")
        assert str(folder) not in repr((answered.content, answer))
        (link,) = answer["evidence"][0]["frames"]
        await client.read_resource(link["link"])
        (saved,) = (await client.read_resource(answer["trajectory"])).contents
        assert isinstance(saved, TextResourceContents)
        return from_json(saved.text)

    found: Trajectory = in_mcp(sleuth, folder, play)
    return found


def ask_chat_graph(sleuth: Sleuth, folder: Path) -> Trajectory:
    graph = build_chat_graph(sleuth, [folder.parent])
    said = {"messages": [{"role": "user", "content": QUESTION}]}
    return from_json(graph.invoke(said, context=ChatContext("videos"))["trajectory_json"])


DOORS: dict[str, Callable[[Sleuth, Path], Trajectory]] = {
    "MCP": ask_mcp,
    "chat graph": ask_chat_graph,
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_looks_into_the_videos_of_a_folder_that_fit(door: str, sleuth: Sleuth, home: Path) -> None:
    folder = home / "allowed" / "videos"
    direct = ask_python(sleuth, folder).trajectory
    assert Path(direct.question.video).name == "green.mp4"
    assert direct.question.folder is not None
    assert direct.question.folder.videos == len(NAMES)
    assert timeless(DOORS[door](sleuth, folder)) == timeless(direct)


def test_the_tool_of_langchain_looks_into_them_too(sleuth: Sleuth, home: Path) -> None:
    tool = make_video_tool(sleuth, [home / "allowed"])
    call = {"name": "ask_video", "args": {"video": "videos", "question": QUESTION}, "id": "1", "type": "tool_call"}
    direct = ask_python(sleuth, home / "allowed" / "videos").as_data()
    assert without_clock(tool.invoke(call).artifact) == without_clock(direct)


def test_jobs_and_chats_over_http_look_into_them_too(home: Path, policy: str, sleuth: Sleuth) -> None:
    folder = home / "allowed" / "videos"
    part = {"type": "video_url", "video_url": {"url": "videos/"}}
    said = {"role": "user", "content": [part, {"type": "text", "text": QUESTION}]}
    with serving(home, folder.parent, policy=policy) as server, server.client() as http:
        job = http.post("/v1/jobs", json={"video": "videos", "question": QUESTION}).json()["id"]
        ended = http.get(f"/v1/jobs/{job}", params={"wait_seconds": 60}).json()
        saved = from_json(http.get(f"/v1/jobs/{job}/trajectory").text)
        chatted = http.post("/v1/chat/completions", json={"model": "video-sleuth", "messages": [said]}).json()
        said = {"role": "user", "content": "Where is it green in videos/?"}
        named = http.post("/v1/chat/completions", json={"model": "video-sleuth", "messages": [said]}).json()
        listed = [one["name"] for one in http.get("/v1/videos").json()["folders"]]
        told = http.get(f"/v1/jobs/{job}/events").text
        follow = {"video": "videos", "question": "Where is it red?", "after": job}
        after = http.get(
            f"/v1/jobs/{http.post('/v1/jobs', json=follow).json()['id']}", params={"wait_seconds": 60}
        ).json()
        played = http.get(f"/v1/jobs/{job}/video").content
        shown = http.get(f"/v1/jobs/{job}/frame", params={"call_id": "t1c1"})
        report = http.get(f"/v1/jobs/{job}/report")
        verified = http.post(f"/v1/jobs/{job}/verify").json()
        refused = http.post("/v1/jobs", json={"video": "../allowed/..", "question": QUESTION})
        both = http.post("/v1/jobs", json={"video": ["videos", "videos/red.mp4"], "question": QUESTION}).json()["id"]
        alone = http.get(f"/v1/jobs/{both}", params={"wait_seconds": 60}).json()
    assert ended["status"] == "answered", ended
    assert saved.question.videos == tuple(f"videos/{Path(video).name}" for video in saved.question.videos)
    direct = timeless(ask_python(sleuth, folder).trajectory)
    assert timeless(saved).steps == direct.steps
    assert saved.content_hashes == direct.content_hashes
    assert chatted["video_sleuth"]["status"] == "answered"
    assert named["video_sleuth"]["status"] == "answered"
    assert listed == [".", "videos"]
    assert '"found_videos", "value": ["videos/green.mp4", ' in told
    assert after["status"] == "answered"
    assert played == (folder / "green.mp4").read_bytes()
    assert shown.headers["content-type"] == "image/jpeg"
    assert "videos/green.mp4" in report.text
    assert verified["is_found"] is True
    assert refused.status_code == 403
    assert (alone["status"], str(home) in json.dumps(alone)) == ("refused", False)


def test_what_the_server_takes_by_no_other_way_is_no_part_of_a_folder(
    home: Path, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "videos"
    (folder / "uploads").mkdir(parents=True)
    write_colours(folder / "long.mp4", ["green"] * 3)
    write_colours(folder / "uploads" / "mine.mp4", ["green"])
    told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    limits = {"running": 1, "memory_bytes": 0, "max_duration_seconds": 2.0, "max_pixels": 9999}
    places = {"folders": (str(folder),), "private": str(folder / "uploads")}
    worker = Worker(
        WorkerSetup(policy=policy, captioner="", encoder="hashing", **limits, **places),
        lambda line: told.put(json.loads(line)),
    )
    saved = (str(tmp_path / "saved.json"), str(tmp_path / "reached.json"))
    request = WorkRequest("job", ((str(folder), "videos"),), QUESTION, {"max_seconds": 60}, "", *saved)
    worker.handle(json.dumps(vars(request)).encode())
    ended = told.get(timeout=60)
    assert ended["kind"] == "refused"
    assert "none of the 1 videos in videos" in ended["message"]
    assert "videos/long.mp4 was not searched: the video is 3 s long; this server takes up to 2 s" in ended["message"]


def test_a_host_searches_a_folder_and_sees_what_was_found(sleuth: Sleuth, home: Path) -> None:
    folder = home / "allowed" / "videos"
    (folder / "torn.mp4").write_bytes(b"no video")

    async def play(client: Client) -> tuple[dict[str, Any], str, list[str]]:
        found = await client.call_tool("search", {"video": "videos", "query": "blue", "count": 3})
        assert found.structured_content is not None
        await client.read_resource(found.structured_content["frames"][0]["link"])
        told = []
        for tool, given in (
            ("search", {"query": "blue", "start": 1}),
            ("overview", {}),
            ("ask_video", {"question": "What?", "video": ["videos", "videos/red.mp4"]}),
        ):
            (said,) = (await client.call_tool(tool, {"video": "videos", **given})).content
            assert isinstance(said, TextContent)
            told.append(said.text)
        (words,) = found.content
        assert isinstance(words, TextContent)
        return found.structured_content, words.text, told

    found, words, told = in_mcp(sleuth, folder, play)
    (folder / "torn.mp4").unlink()
    assert found["moments"][0]["video"] == "videos/blue.mp4"
    assert len(found["moments"]) == 3
    assert "videos/torn.mp4 was not searched" in found["gaps"][0]
    assert words.startswith("videos/blue.mp4 0.00-")
    assert "green.mkv" not in words
    assert ["is a folder" in one or "this is a folder" in one for one in told] == [True] * 3


def test_a_path_is_hidden_unless_it_is_or_lies_in_one_that_was_named() -> None:
    names = {"/srv/v": "v", "/srv/v/a b.mp4": "a b.mp4"}
    assert hide_paths("/srv/v/c.mp4: no; /srv/v/a b.mp4; /srv/v2/c.mp4", names) == "v/c.mp4: no; a b.mp4; [path]"
