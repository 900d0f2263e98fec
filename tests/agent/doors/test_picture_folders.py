"""A folder of pictures is one video through every door, as in the command, and each picture is held to the limits."""

import json
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from mcp import Client
from mcp_types import TextContent

from agent import Sleuth
from agent.doors.chat_graph import build_chat_graph
from agent.doors.http.worker import Worker, WorkerSetup, WorkRequest
from agent.doors.langchain_tool import make_video_tool
from agent.trajectory import Trajectory, from_json
from tests.agent.doors.http.server import write_script
from tests.agent.doors.test_equality import without_clock
from tests.agent.doors.test_folders import in_mcp
from tests.agent.test_sleuth import timeless

QUESTION = "What colour is it?"


def draw_picture(path: Path, size: int = 64) -> None:
    cv2.imwrite(str(path), np.full((size, size, 3), (0, 200, 0), np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three pictures in an allowed folder; the file that a Mac puts beside one is no picture."""
    folder = tmp_path / "allowed" / "pics"
    folder.mkdir(parents=True)
    for number in range(3):
        draw_picture(folder / f"{number}.png")
    (folder / "._0.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def policy(tmp_path: Path) -> str:
    return write_script(tmp_path / "turns.json")


@pytest.fixture
def sleuth(tmp_path: Path, policy: str) -> Iterator[Sleuth]:
    with Sleuth(policy, encoder="hashing", cache=tmp_path / "cache") as asked:
        yield asked


def ask_mcp(sleuth: Sleuth, folder: Path) -> Trajectory:
    async def play(client: Client) -> Trajectory:
        answered = await client.call_tool("ask_video", {"video": ["pics"], "question": QUESTION})
        assert answered.structured_content is not None
        saved: Any = (await client.read_resource(answered.structured_content["trajectory"])).contents[0]
        for tool, more in (("overview", {}), ("search", {"query": "green"})):
            looked = await client.call_tool(tool, {"video": "pics", **more})
            assert looked.structured_content is not None
            await client.read_resource(looked.structured_content["frames"][0]["link"])
        return from_json(saved.text)

    found: Trajectory = in_mcp(sleuth, folder, play)
    return found


def ask_chat_graph(sleuth: Sleuth, folder: Path) -> Trajectory:
    graph = build_chat_graph(sleuth, [folder.parent])
    said = {"messages": [{"role": "user", "content": "What colour is pics/?"}]}
    return from_json(graph.invoke(said)["trajectory_json"])


DOORS: dict[str, tuple[Callable[[Sleuth, Path], Trajectory], str]] = {
    "MCP": (ask_mcp, QUESTION),
    "the text of a chat": (ask_chat_graph, "What colour is the video?"),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_looks_at_the_pictures_of_a_folder(door: str, sleuth: Sleuth, folder: Path) -> None:
    ask, words = DOORS[door]
    direct = sleuth.ask(folder, words).trajectory
    assert (direct.facts.duration_seconds, direct.question.folder) == (3.0, None)
    assert timeless(ask(sleuth, folder)) == timeless(direct)


def test_the_tool_of_langchain_does_too(sleuth: Sleuth, folder: Path) -> None:
    tool = make_video_tool(sleuth, [folder.parent])
    call = {"name": "ask_video", "args": {"video": ["pics"], "question": QUESTION}, "id": "1", "type": "tool_call"}
    assert without_clock(tool.invoke(call).artifact) == without_clock(sleuth.ask(folder, QUESTION).as_data())


def test_a_folder_with_a_picture_that_leads_out_is_refused(sleuth: Sleuth, folder: Path, tmp_path: Path) -> None:
    sleuth.ask(folder, QUESTION)  # it is open already
    draw_picture(tmp_path / "secret.png")
    (folder / "3.png").symlink_to(tmp_path / "secret.png")

    async def play(client: Client) -> list[str]:
        told = []
        for tool, more in (("ask_video", {"question": QUESTION}), ("overview", {}), ("search", {"query": "green"})):
            (said,) = (await client.call_tool(tool, {"video": "pics", **more})).content
            assert isinstance(said, TextContent)
            told.append(said.text)
        return told

    told = in_mcp(sleuth, folder, play)
    assert ["pics/3.png can't be a picture of the video: it may not be read" in words for words in told] == [True] * 3
    assert sleuth.ask(folder, QUESTION).status == "answered"  # who runs it may


def ask_worker(policy: str, folder: Path, **options: Any) -> list[dict[str, Any]]:
    """What a worker says of a folder of pictures, with limits of 3 seconds and 9999 pixels."""
    told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    setup = WorkerSetup(policy, "", "hashing", 1, 0, 3.0, 9999, (str(folder.parent),), str(folder.parent / "uploads"))
    worker = Worker(setup, lambda line: told.put(json.loads(line)))
    saved = [str(folder.parent / name) for name in ("saved.json", "reached.json")]
    request = WorkRequest("job", ((str(folder), "pics"),), QUESTION, {"max_seconds": 60} | options, "", *saved)
    worker.handle(json.dumps(vars(request)).encode())
    events = [told.get(timeout=60)]
    while events[-1]["kind"] not in ("ended", "refused", "failed"):
        events.append(told.get(timeout=60))
    return events


def test_the_server_shows_them_at_the_rate_that_is_said(
    policy: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(folder.parent / "cache"))
    draw_picture(folder / "3.png")
    started, *_, ended = ask_worker(policy, folder, fps=2.0)
    assert (started["event"]["facts"]["duration_seconds"], ended["kind"]) == (2.0, "ended")


def test_the_server_takes_a_single_picture(policy: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(folder.parent / "cache"))
    assert ask_worker(policy, folder / "0.png")[-1]["kind"] == "ended"
    draw_picture(folder / "0.png", 100)
    assert "pictures of 100x100 pixels" in ask_worker(policy, folder / "0.png")[-1]["message"]


def leave_too_many(folder: Path) -> str:
    draw_picture(folder / "3.png")
    return "the video is 4 s long; this server takes up to 3 s"


def leave_one_too_large(folder: Path) -> str:
    draw_picture(folder / "2.png", 100)
    return "pics/2.png can't be a picture of the video: the video has pictures of 100x100 pixels"


def leave_a_link(folder: Path) -> str:
    draw_picture(folder.parents[1] / "secret.png")
    (folder / "2.png").unlink()
    (folder / "2.png").symlink_to(folder.parents[1] / "secret.png")
    return "pics/2.png can't be a picture of the video: it may not be read"


@pytest.mark.parametrize("leave", [leave_too_many, leave_one_too_large, leave_a_link])
def test_the_limits_of_the_server_hold_for_pictures(leave: Callable[[Path], str], policy: str, folder: Path) -> None:
    why = leave(folder)
    (refused,) = ask_worker(policy, folder)
    assert refused["kind"] == "refused"
    assert why in refused["message"]
    assert str(folder.parent) not in refused["message"]
