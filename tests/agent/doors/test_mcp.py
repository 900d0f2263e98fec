"""The MCP door, by the SDK's own client: in memory, over stdio and over streamable HTTP."""

import asyncio
import base64
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest
import uvicorn
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp_types import BlobResourceContents, CallToolResult, ImageContent, TextContent, TextResourceContents
from PIL import Image

from agent import Sleuth
from agent.doors.allowed_folders import AllowedFolders
from agent.doors.mcp.pictures import MOST_BASE64_BYTES, fit_pictures, measure_base64
from agent.doors.mcp.server import VideoServer
from agent.doors.mcp.serving import build_guarded_app
from agent.policies.scripted import ScriptedPolicy
from agent.policy import Policy, PolicyError, ToolAccess
from agent.trajectory import Answer, Calls, Evidence, ToolCall, Trajectory, Turn, from_json, to_json
from tests.agent.test_sleuth import WaitingPolicy
from tests.clips import counter, write_clip
from tools.observation import FrameRef
from tools.sampling import format_seconds

LOOK = Turn("a look", Calls((ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2}),)))
SEEN = Evidence(0.0, 1.0, ("t1c1",), (FrameRef(0.0, 96, 128),))
TURNS = (LOOK, Turn("enough", Answer("four", confidence=0.8, evidence=(SEEN,))))
TOKEN = "a token of twenty-six signs"


class FailingPolicy:
    """Can't be reached."""

    spec = "failing"
    setup = None

    def __call__(self, trajectory: Trajectory, sight: ToolAccess) -> Turn:
        raise PolicyError("the server at /srv/models says no")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("videos") / "clip.mp4", frames=40).parent


@pytest.fixture
def waiting() -> Iterator[WaitingPolicy]:
    policy = WaitingPolicy()
    yield policy
    policy.go_on.set()


@contextmanager
def video_server(folder: Path, policy: Policy | None = None) -> Iterator[VideoServer]:
    with (
        Sleuth(policy or ScriptedPolicy(TURNS), encoder="hashing", cache=folder.parent / "cache") as sleuth,
        VideoServer(sleuth, AllowedFolders([folder])) as served,
    ):
        yield served


def played(folder: Path, play: Callable[[Client], Awaitable[Any]], policy: Policy | None = None, **options: Any) -> Any:
    """What comes of calls to a server in memory."""

    async def connect(served: VideoServer) -> Any:
        async with Client(served.server, **options) as client:
            return await play(client)

    with video_server(folder, policy) as served:
        return asyncio.run(connect(served))


def called(folder: Path, tool: str, policy: Policy | None = None, **arguments: Any) -> CallToolResult:
    result: CallToolResult = played(folder, lambda client: client.call_tool(tool, arguments), policy)
    return result


def words(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))


def pictures(result: CallToolResult) -> list[Image.Image]:
    parts = [part for part in result.content if isinstance(part, ImageContent)]
    return [Image.open(io.BytesIO(base64.b64decode(part.data))) for part in parts]


def data(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, words(result)
    assert result.structured_content is not None
    return result.structured_content


def test_every_tool_only_reads_and_says_what_it_gives(folder: Path) -> None:
    listed = played(folder, lambda client: client.list_tools()).tools
    assert [tool.name for tool in listed] == [
        *("ask_video", "get_answer", "verify_answer", "overview", "search", "look", "zoom", "read", "listen")
    ]
    for tool in listed:
        assert tool.annotations.read_only_hint
        assert not tool.annotations.open_world_hint
        assert tool.output_schema["type"] == "object"
        described = tool.input_schema["properties"]
        assert all("description" in given for given in described.values()), tool.name


def test_the_answer_comes_with_its_evidence_as_words_as_data_and_as_pictures(folder: Path) -> None:
    result = called(folder, "ask_video", video="clip.mp4", question="How many?")
    answer = data(result)
    assert (answer["status"], answer["answer"], answer["confidence"]) == ("answered", "four", 0.8)
    assert answer["evidence"][0]["frames"][0]["link"].endswith("/0.000")
    assert words(result).startswith("four\nconfidence 80 %")
    assert answer["evidence"][0]["frames"][0]["link"] in words(result)
    assert [picture.size for picture in pictures(result)] == [(128, 96)]
    assert {part.type for part in result.content} == {"text", "image"}


def test_a_long_question_becomes_a_job_that_a_retry_joins(folder: Path, waiting: WaitingPolicy) -> None:
    (folder / "copy.mp4").write_bytes((folder / "clip.mp4").read_bytes())

    async def play(client: Client) -> list[dict[str, Any]]:
        asked = {"video": "clip.mp4", "question": "How many?", "wait_seconds": 0.2}
        first = data(await client.call_tool("ask_video", asked))
        again = data(await client.call_tool("ask_video", asked | {"video": "copy.mp4"}))
        other = data(await client.call_tool("ask_video", asked | {"question": "How few?"}))
        waiting.go_on.set()
        last = data(await client.call_tool("get_answer", {"job": first["job"]}))
        return [first, again, other, last]

    first, again, other, last = played(folder, play, waiting)
    assert [reply["status"] for reply in (first, again, other, last)] == ["working", "working", "working", "answered"]
    assert first["job"] == again["job"] == last["job"] != other["job"]


def test_progress_tells_each_turn_once(folder: Path, waiting: WaitingPolicy) -> None:
    told: list[tuple[float, str | None]] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    async def play(client: Client) -> None:
        asked = {"video": "clip.mp4", "question": "How many?", "wait_seconds": 0.0}
        job = data(await client.call_tool("ask_video", asked))["job"]
        await asyncio.to_thread(waiting.is_waiting.wait, 30)
        await client.call_tool("get_answer", {"job": job, "wait_seconds": 0.5}, progress_callback=tell)
        assert [progress for progress, _ in told] == [1, 2]
        waiting.go_on.set()
        await client.call_tool("get_answer", {"job": job}, progress_callback=tell)

    played(folder, play, waiting)
    assert [message for _, message in told] == [
        "opened 1.3 s of video",
        "turn 1: select_frames(start=0.0, stop=1.0, count=2)",
        "turn 2: answer proposed",
    ]


async def cancel(call: Awaitable[Any]) -> None:
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_call_that_is_cancelled_stops_the_work_unless_another_waits_for_it(
    folder: Path, waiting: WaitingPolicy
) -> None:
    async def play(client: Client) -> str:
        asked = {"video": "clip.mp4", "question": "How many?"}
        job = data(await client.call_tool("ask_video", asked | {"wait_seconds": 0}))["job"]
        other = asyncio.ensure_future(client.call_tool("get_answer", {"job": job, "wait_seconds": 1.5}))
        await cancel(client.call_tool("ask_video", asked))
        assert data(await other)["status"] == "working"
        await cancel(client.call_tool("ask_video", asked))
        return words(await client.call_tool("get_answer", {"job": job, "wait_seconds": 5}))

    assert "the work was cancelled" in played(folder, play, waiting)
    assert not waiting.go_on.is_set()


def test_a_failed_job_is_not_kept(folder: Path) -> None:
    async def play(client: Client) -> list[CallToolResult]:
        return [await client.call_tool("ask_video", {"video": "clip.mp4", "question": "Why?"}) for _ in range(2)]

    for result in played(folder, play, FailingPolicy()):
        assert result.is_error
        assert "the server at [path] says no" in words(result)


@pytest.mark.parametrize(
    ("tool", "arguments", "reason"),
    [
        (
            "ask_video",
            {"video": "no.mp4", "question": "?"},
            "'no.mp4' is no file in a folder that this server may read",
        ),
        ("look", {"video": "../secret.mp4", "start": 0, "stop": 1}, "'../secret.mp4' is no file in a folder"),
        ("ask_video", {"video": "text.mp4", "question": "?"}, "text.mp4"),
        ("overview", {"video": "text.mp4"}, "text.mp4"),
        ("ask_video", {"video": "clip.mp4", "question": " "}, "the question is empty"),
        ("ask_video", {"video": "clip.mp4", "question": "?", "options": ["a"]}, "one option is not a choice"),
        ("get_answer", {"job": "abc"}, "there is no job 'abc'"),
        ("look", {"video": "clip.mp4", "start": 5, "stop": 6}, "start < 1.33 (the duration)"),
        ("zoom", {"video": "clip.mp4", "seconds": 0, "box": [0.5, 0, 0.5, 1]}, "need 0 <= left < right"),
        ("search", {"video": "clip.mp4", "query": " "}, "search: the query is empty"),
        ("search", {"video": "clip.mp4", "query": "a", "where": "speech", "start": 1}, "`listen` gives all"),
    ],
)
def test_an_error_says_its_reason_and_no_path_of_ours(
    tool: str, arguments: dict[str, Any], reason: str, folder: Path
) -> None:
    (folder / "text.mp4").write_text("no video")
    (folder.parent / "secret.mp4").write_bytes((folder / "clip.mp4").read_bytes())
    result = called(folder, tool, **arguments)
    assert result.is_error
    assert reason in words(result)
    assert str(folder.parent) not in words(result)
    assert "Traceback" not in words(result)


@pytest.mark.parametrize(
    ("tool", "arguments", "count"),
    [
        ("overview", {"count": 3}, 3),
        ("search", {"query": "a number", "count": 2}, 2),
        ("look", {"start": 0.2, "stop": 1.0, "count": 2, "size": "large"}, 2),
        ("zoom", {"seconds": 0.4, "box": [0, 0, 0.5, 0.5]}, 1),
    ],
)
def test_a_host_that_thinks_for_itself_gets_pictures_with_their_times(
    tool: str, arguments: dict[str, Any], count: int, folder: Path
) -> None:
    result = called(folder, tool, video=str(folder / "clip.mp4"), **arguments)
    assert len(pictures(result)) == len(data(result)["frames"]) == count
    for frame in data(result)["frames"]:
        assert f"frame at {format_seconds(frame['seconds'])} s: {frame['link']}" in words(result)


def test_a_link_gives_the_very_frame(folder: Path) -> None:
    async def play(client: Client) -> tuple[float, bytes]:
        look = {"video": "clip.mp4", "start": 0.9, "stop": 1.0, "count": 1}
        (frame,) = data(await client.call_tool("look", look))["frames"]
        (read,) = (await client.read_resource(frame["link"])).contents
        assert isinstance(read, BlobResourceContents)
        return frame["seconds"], base64.b64decode(read.blob)

    seconds, jpeg = played(folder, play)
    assert counter(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))) == round(seconds * 30)


def test_the_page_beside_the_answer_is_an_app_and_the_report_a_resource(folder: Path) -> None:
    async def play(client: Client) -> tuple[str, str, str]:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["get_answer"].meta == tools["ask_video"].meta
        (app,) = (await client.read_resource((tools["ask_video"].meta or {})["ui"]["resourceUri"])).contents
        answer = data(await client.call_tool("ask_video", {"video": "clip.mp4", "question": "How many?"}))
        (report,) = (await client.read_resource(answer["report"])).contents
        assert isinstance(app, TextResourceContents)
        assert isinstance(report, TextResourceContents)
        return str(app.mime_type), app.text, report.text

    kind, app, report = played(folder, play)
    assert kind == "text/html;profile=mcp-app"
    assert "ui/initialize" in app
    assert "http" not in app
    assert "How many?" in report
    assert "<!doctype html>" in report


def noise(side: int, seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), np.uint8)
    coded = io.BytesIO()
    Image.fromarray(pixels).save(coded, "JPEG", quality=90)
    return coded.getvalue()


def test_pictures_fit_the_reply_and_what_was_done_to_them_is_said() -> None:
    refs = [FrameRef(float(second), 1280, 1280) for second in range(8)]
    fitted = fit_pictures(refs, lambda ref: None if ref.seconds == 1 else noise(1280, int(ref.seconds)))
    assert [ref.seconds for ref in fitted.by_ref] == [0, 2, 3, 4, 5]
    assert sum(len(base64.b64encode(jpeg)) for jpeg in fitted.by_ref.values()) <= MOST_BASE64_BYTES
    assert [note.partition(":")[0] for note in fitted.notes] == [
        "The frame at 1.00 s can't be had.",
        "A reply has at most 6 pictures; left out are those at 6.00, 7.00 s.",
        "Pictures were made smaller to fit a reply",
    ]


def test_a_picture_that_fits_is_sent_as_it_is_and_one_that_is_too_long_is_not() -> None:
    small, long = noise(64, 1), noise(1600, 2)
    ref = FrameRef(0.0, 64, 64)
    assert fit_pictures([ref], lambda _: small).by_ref == {ref: small}
    (jpeg,) = fit_pictures([ref], lambda _: long).by_ref.values()
    assert max(Image.open(io.BytesIO(jpeg)).size) <= 1568


@pytest.mark.parametrize("length", range(7))
def test_the_size_in_base64_is_that_of_base64(length: int) -> None:
    assert measure_base64(bytes(length)) == len(base64.b64encode(bytes(length)))


# over stdio


@pytest.fixture(scope="module")
def command(folder: Path) -> StdioServerParameters:
    with Sleuth(ScriptedPolicy(TURNS), encoder="hashing", cache=folder.parent / "cache") as sleuth:
        played = sleuth.ask(folder / "clip.mp4", "How many?").trajectory
    script = folder.parent / "script.json"
    script.write_text(to_json(played))
    arguments = ["-m", "agent.cli", "mcp", "--allow", str(folder), "--policy", f"scripted:{script}"]
    environment = {"VIDEOSLEUTH_CACHE": str(folder.parent / "cache"), "VIDEOSLEUTH_ENCODER": "hashing"}
    return StdioServerParameters(command=sys.executable, args=arguments, env={**os.environ, **environment})


def test_a_host_that_starts_the_command_is_answered(folder: Path, command: StdioServerParameters) -> None:
    async def play() -> CallToolResult:
        async with Client(command) as client:
            return await client.call_tool("ask_video", {"video": "clip.mp4", "question": "How many?"})

    assert data(asyncio.run(play()))["answer"] == "four"


def test_nothing_but_the_protocol_is_on_stdout_and_the_end_of_the_input_is_the_end(
    command: StdioServerParameters,
) -> None:
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    }
    look = {"name": "overview", "arguments": {"video": "clip.mp4", "count": 1}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": look},
    ]
    process = subprocess.Popen(
        [command.command, *command.args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=command.env, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(json.dumps(message) + "\n" for message in messages))
        process.stdin.flush()
        lines = [process.stdout.readline(), process.stdout.readline()]
        process.stdin.close()
        lines += process.stdout.readlines()
        assert process.wait(20) == 0
    assert [json.loads(line)["id"] for line in lines] == [1, 2]


# over streamable HTTP


@contextmanager
def serving(folder: Path, host: str, token: str, policy: Policy | None = None) -> Iterator[int]:
    """The port of a server that listens."""
    with video_server(folder, policy) as served, socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(build_guarded_app(served.server, host, token), log_config=None)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join()


@asynccontextmanager
async def connected(port: int, token: str = "") -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30) as http,
        Client(streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http)) as client,
    ):
        yield client


@pytest.mark.parametrize(("host", "token"), [("127.0.0.1", ""), ("127.0.0.1", TOKEN), ("0.0.0.0", TOKEN)])
def test_a_client_over_http_is_answered_with_progress_and_pictures(host: str, token: str, folder: Path) -> None:
    told: list[str | None] = []

    async def tell(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    async def play(port: int) -> CallToolResult:
        async with connected(port, token) as client:
            asked = {"video": "clip.mp4", "question": "How many?"}
            return await client.call_tool("ask_video", asked, progress_callback=tell)

    with serving(folder, host, token) as port:
        result = asyncio.run(play(port))
    assert data(result)["answer"] == "four"
    assert len(pictures(result)) == 1
    assert len(told) == 3


def test_a_call_over_http_that_is_cancelled_stops_the_work(folder: Path, waiting: WaitingPolicy) -> None:
    async def play(port: int) -> str:
        async with connected(port) as client:
            asked = {"video": "clip.mp4", "question": "How many?"}
            job = data(await client.call_tool("ask_video", asked | {"wait_seconds": 0}))["job"]
            await cancel(client.call_tool("ask_video", asked))
            return words(await client.call_tool("get_answer", {"job": job, "wait_seconds": 5}))

    with serving(folder, "127.0.0.1", "", waiting) as port:
        assert "the work was cancelled" in asyncio.run(play(port))


@pytest.mark.parametrize(
    ("host", "token", "headers", "status"),
    [
        ("127.0.0.1", "", {"host": "evil.example"}, 421),
        ("127.0.0.1", "", {"origin": "https://evil.example"}, 403),
        ("127.0.0.1", TOKEN, {}, 401),
        ("0.0.0.0", TOKEN, {}, 401),
        ("0.0.0.0", TOKEN, {"authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ("0.0.0.0", TOKEN, {"authorization": f"Bearer {TOKEN}", "origin": "https://evil.example"}, 403),
    ],
)
def test_who_may_not_come_in_does_not(
    host: str, token: str, headers: dict[str, str], status: int, folder: Path
) -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    accepted = {"accept": "application/json, text/event-stream"}
    with serving(folder, host, token) as port:
        reply = httpx2.post(f"http://127.0.0.1:{port}/mcp", json=asked, headers=accepted | headers)
    assert reply.status_code == status


@pytest.mark.parametrize(("host", "token"), [("0.0.0.0", ""), ("192.168.1.2", ""), ("video.example", "")])
def test_an_address_that_others_reach_needs_a_token(host: str, token: str, folder: Path) -> None:
    with video_server(folder) as served, pytest.raises(ValueError, match="VIDEOSLEUTH_MCP_TOKEN"):
        build_guarded_app(served.server, host, token)


def test_a_token_that_can_be_guessed_is_refused(folder: Path) -> None:
    with video_server(folder) as served, pytest.raises(ValueError, match="at least 16"):
        build_guarded_app(served.server, "127.0.0.1", "secret")


def test_a_question_after_a_job_follows_it_up(folder: Path) -> None:
    async def play(client: Client) -> tuple[list[str], str]:
        asked = {"video": "clip.mp4", "question": "How many?"}
        first = await client.call_tool("ask_video", asked)
        job = data(first)["job"]
        second = await client.call_tool("ask_video", {"video": "clip.mp4", "question": "And then?", "after": job})
        saved = await client.read_resource(data(second)["trajectory"])
        again = await client.call_tool("ask_video", {"video": "clip.mp4", "question": "And then?", "after": job})
        assert data(again)["job"] == data(second)["job"] != job
        alone = await client.call_tool("ask_video", {"video": "clip.mp4", "question": "And then?"})
        assert data(alone)["job"] != data(second)["job"]
        nothing = await client.call_tool("ask_video", {**asked, "after": "0123"})
        assert isinstance(saved.contents[0], TextResourceContents)
        earlier = from_json(saved.contents[0].text).earlier
        return [run.question.text for run in earlier], words(nothing)

    assert played(folder, play)[0] == ["How many?"]
    assert "there is no job" in played(folder, play)[1]


def test_a_question_may_be_about_several_videos(folder: Path) -> None:
    write_clip(folder / "longer.mp4", frames=50)
    (folder / "same.mp4").write_bytes((folder / "longer.mp4").read_bytes())
    look = ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2, "video": 2})
    seen = Evidence(0.0, 1.0, ("t1c1",), (FrameRef(0.0, 96, 128, video=2),), video=2)
    policy = ScriptedPolicy((Turn("a look", Calls((look,))), Turn("enough", Answer("the second", evidence=(seen,)))))

    async def play(client: Client) -> tuple[dict[str, Any], dict[str, Any], str, bytes, str]:
        asked = {"video": ["clip.mp4", "longer.mp4"], "question": "Which?"}
        first = await client.call_tool("ask_video", asked)
        again = await client.call_tool("ask_video", asked | {"video": ["clip.mp4", "same.mp4"]})
        (frame,) = (await client.read_resource(data(first)["evidence"][0]["frames"][0]["link"])).contents
        twice = await client.call_tool("ask_video", asked | {"video": ["clip.mp4", "./clip.mp4"]})
        assert isinstance(frame, BlobResourceContents)
        return data(first), data(again), words(first), base64.b64decode(frame.blob), words(twice)

    first, again, told, jpeg, twice = played(folder, play, policy)
    assert first["job"] == again["job"]
    assert first["evidence"][0]["video"] == 2
    assert "Video 1, clip.mp4: Nothing" in first["coverage"]
    assert "Video 2, longer.mp4: Seen" in first["coverage"]
    assert "video 2, 00:00.0-00:01.0 frame" in told
    assert "frame at video 2, 0.00 s: videosleuth://frames/" in told
    assert counter(np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))) == 0
    assert "the videos of a question must differ, got clip.mp4, ./clip.mp4" in twice


def test_the_evidence_of_an_answer_is_looked_for_again(folder: Path) -> None:
    async def play(client: Client) -> tuple[CallToolResult, CallToolResult]:
        answered = data(await client.call_tool("ask_video", {"video": "clip.mp4", "question": "How many?"}))
        verified = await client.call_tool("verify_answer", {"job": answered["job"]})
        return verified, await client.call_tool("verify_answer", {"job": "0123"})

    verified, nothing = played(folder, play)
    assert data(verified)["is_found"]
    assert [check["claim"] for check in data(verified)["checks"]] == ["frame at 0.000 s"]
    assert words(verified).splitlines()[0] == "1 of 1 frames and quotations are found again"
    assert "there is no job" in words(nothing)
