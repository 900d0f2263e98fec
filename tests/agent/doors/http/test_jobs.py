"""Jobs with events named by AG-UI, faults of processes and clients, and an end in order."""

import asyncio
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agent.doors.http.serve import serve
from agent.doors.http.settings import ServeSettings
from agent.trajectory import Stop, from_json
from tests.agent.doors.http.server import RunningServer, serving
from tests.clips import write_clip

KEPT = Path(__file__).parent / "kept_by_first_version.json"
"""What the first version of the server wrote of a job; FOLDER is that of the video."""
QUESTION = {"video": "clip.mp4", "question": "How many?"}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "clip.mp4", frames=40)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("server"), videos, keep_alive_seconds=0.2) as running:
        yield running


def wait_until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    ends_at = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def start(http: httpx2.Client, **more: Any) -> str:
    started = http.post("/v1/jobs", json=QUESTION | more)
    assert started.status_code == 202, started.text
    return str(started.json()["id"])


def end_of(http: httpx2.Client, job: str) -> dict[str, Any]:
    ended: dict[str, Any] = http.get(f"/v1/jobs/{job}", params={"wait_seconds": 60}).json()
    return ended


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def test_a_job_is_followed_by_events_of_ag_ui_and_fetched_later(server: RunningServer) -> None:
    with server.client() as http:
        job = start(http)
        text = http.get(f"/v1/jobs/{job}/events").text
        ended = end_of(http, job)
        rest = http.get(f"/v1/jobs/{job}/events", headers={"last-event-id": "3"}).text
    events = events_of(text)
    kinds = [event["type"] for event in events]
    assert [kind for kind in kinds if kind != "CUSTOM"] == [
        *(
            "RUN_STARTED",
            "STEP_STARTED",
            "REASONING_MESSAGE_START",
            "REASONING_MESSAGE_CONTENT",
            "REASONING_MESSAGE_END",
        ),
        *("TOOL_CALL_START", "TOOL_CALL_ARGS", "TOOL_CALL_END", "TOOL_CALL_RESULT", "STEP_FINISHED", "STEP_STARTED"),
        *("REASONING_MESSAGE_START", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_END", "STEP_FINISHED"),
        *("TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END", "RUN_FINISHED"),
    ]
    assert {event["runId"] for event in events if "runId" in event} == {job}
    assert events[-1]["result"]["answer"] == ended["result"]["answer"] == "four"
    assert events_of(rest) == events[3:]


def test_a_job_may_follow_another_and_know_what_it_saw(server: RunningServer, videos: Path) -> None:
    write_clip(videos / "other.mp4", frames=10)
    with server.client() as http:
        first = start(http)
        end_of(http, first)
        second = start(http, question="And then?", after=first)
        assert end_of(http, second)["status"] == "answered"
        third = start(http, question="And then?", after=second)
        end_of(http, third)
        text = http.get(f"/v1/jobs/{third}/trajectory").text
        other = start(http, video="other.mp4", after=first)
        assert "another video" in end_of(http, other)["error"]
        assert http.post("/v1/jobs", json=QUESTION | {"after": "job-1"}).status_code == 404
    assert [run.question.text for run in from_json(text).earlier] == ["How many?", "And then?"]
    assert str(videos) not in text


def test_what_is_no_job_is_said_so(server: RunningServer) -> None:
    with server.client() as http:
        for name in ("job-1", f"job-{'0' * 32}", "..%2f..%2fscript", "%00"):
            for path in (name, f"{name}/events", f"{name}/trajectory"):
                refused = http.get(f"/v1/jobs/{path}")
                assert refused.status_code == 404, path
                assert "error" in refused.json()
        for body in (
            {},
            {"video": "clip.mp4"},
            QUESTION | {"question": " "},
            QUESTION | {"max_frames": 0},
            [1],
            QUESTION | {"x": 1},
        ):
            refused = http.post("/v1/jobs", json=body)
            assert refused.status_code == 400, body
            assert refused.json()["error"]["message"]


@pytest.mark.parametrize("outcome", ["[1", "{}", "[" * 100_000, '{"video": "clip.mp4"}', "3", "\xff"])
def test_a_damaged_outcome_is_no_job(server: RunningServer, outcome: str) -> None:
    folder = server.state / "jobs" / f"job-{'a' * 32}"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "outcome.json").write_text(outcome, encoding="latin-1")
    with server.client() as http:
        assert http.get(f"/v1/jobs/{folder.name}").status_code == 404


@pytest.mark.parametrize("saved", ["[1", "[]", "{}", "[" * 100_000, '{"question": 1}'])
def test_a_damaged_trajectory_is_none(server: RunningServer, saved: str) -> None:
    with server.client() as http:
        end_of(http, job := start(http))
        (server.state / "jobs" / job / "trajectory.json").write_text(saved)
        assert http.get(f"/v1/jobs/{job}/trajectory").status_code == 404


def test_metrics_count_jobs_and_requests(server: RunningServer) -> None:
    with server.client() as http:
        end_of(http, start(http))
        page = http.get("/metrics").text
        assert http.get("/healthz").json() == {"status": "ok"}
        assert http.get("/readyz").status_code == 200
    assert 'videosleuth_jobs_total{status="answered"}' in page
    assert 'videosleuth_http_requests_total{route="/v1/jobs/{job_id}",status="200"}' in page


@pytest.fixture
def slow(tmp_path: Path, videos: Path) -> Iterator[RunningServer]:
    """A server that takes one question at a time, and whose model never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        policy = f"http:model@http://127.0.0.1:{silent.getsockname()[1]}/v1"
        few = {"running": 1, "waiting": 1, "stop_seconds": 1, "keep_alive_seconds": 0.1}
        with serving(tmp_path, videos, policy=policy, **few) as running:
            yield running


def test_a_full_queue_is_said_with_when_to_come_again_and_a_cancelled_job_makes_room(slow: RunningServer) -> None:
    with slow.client() as http:
        running = start(http)
        waiting = start(http)
        refused = http.post("/v1/jobs", json=QUESTION)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert http.post(f"/v1/jobs/{waiting}/cancel").json()["status"] == "cancelled"
        wait_until(lambda: http.get(f"/v1/jobs/{running}").json()["status"] == "running")
        http.post(f"/v1/jobs/{running}/cancel")
        assert end_of(http, running)["status"] == "cancelled"
        start(http)


def test_a_client_that_goes_ends_its_question(slow: RunningServer) -> None:
    chat = {
        "model": "video-sleuth",
        "messages": [{"role": "user", "content": "How many in clip.mp4?"}],
    }
    for is_stream in (True, False):
        before = len(ends(slow))
        with slow.client() as http:
            if is_stream:
                with http.stream("POST", "/v1/chat/completions", json=chat | {"stream": True}) as response:
                    assert next(response.iter_lines()).startswith("data: ")
            else:
                with pytest.raises(httpx2.TimeoutException):
                    http.post("/v1/chat/completions", json=chat, timeout=5)
        wait_until(lambda count=before: len(ends(slow)) > count)
        assert ends(slow)[-1] == "cancelled"


def ends(server: RunningServer) -> list[str]:
    return [line["status"] for line in server.log if line["message"] == "job ended"]


def test_a_worker_that_is_killed_costs_no_other_question_and_a_second_death_is_told(slow: RunningServer) -> None:
    with slow.client() as http:
        job = start(http)
        for _ in range(2):
            wait_until(lambda: http.get(f"/v1/jobs/{job}").json()["status"] == "running")
            wait_until(lambda: any(e["type"] == "TOOL_CALL_RESULT" for e in events_so_far(slow, job)))
            os.kill(slow.worker_pid(), signal.SIGKILL)
            wait_until(lambda: http.get(f"/v1/jobs/{job}").json()["status"] != "running")
        ended = end_of(http, job)
        assert ended["status"] == "failed"
        assert "died twice" in ended["error"]
        saved = from_json(http.get(f"/v1/jobs/{job}/trajectory").content)
        assert (saved.stop, len(saved.steps)) == (Stop.CRASHED, 1)
        assert http.post("/v1/jobs", json=QUESTION).status_code == 422
        assert http.get("/healthz").status_code == 200


def events_so_far(server: RunningServer, job: str) -> list[dict[str, Any]]:
    read: list[str] = []
    with server.client() as http, http.stream("GET", f"/v1/jobs/{job}/events") as response:
        for line in response.iter_lines():
            if line.startswith(":"):  # silence
                break
            read.append(line)
            if len(read) > 200:
                break
    return events_of("\n".join(read))


def test_after_sigterm_a_job_is_kept_and_taken_up_again_and_a_chat_is_told(slow: RunningServer, videos: Path) -> None:
    said: list[str] = []

    def chat() -> None:
        with slow.client() as http:
            body = {"model": "video-sleuth", "messages": [{"role": "user", "content": "How many in clip.mp4?"}]}
            said.append(http.post("/v1/chat/completions", json=body).text)

    with slow.client() as http:
        job = start(http)
        chatting = threading.Thread(target=chat)
        chatting.start()
        wait_until(lambda: http.get(f"/v1/jobs/{job}").json()["status"] == "running")
        wait_until(lambda: "videosleuth_jobs_waiting 1.0" in http.get("/metrics").text)
    worker = slow.worker_pid()
    assert slow.stop() in (0, -signal.SIGTERM)
    chatting.join()
    assert "error" in json.loads(said[0])
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)
    with serving(slow.state.parent, videos) as again, again.client() as http:
        assert end_of(http, job)["status"] == "answered"


def test_jobs_that_an_earlier_server_kept_are_answered_and_what_can_t_be_read_ends(
    videos: Path, tmp_path: Path
) -> None:
    kept = KEPT.read_text().replace("FOLDER", str(videos))
    names = [f"job-{digit * 32}" for digit in "0123"]
    newer = json.dumps({"version": 9, "clips": []})
    for name, written in zip(names, (kept, newer, "[]", "{"), strict=True):
        (tmp_path / "state" / "jobs" / name).mkdir(parents=True)
        (tmp_path / "state" / "jobs" / name / "request.json").write_text(written)
    with serving(tmp_path, videos) as server, server.client() as http:
        ended = [end_of(http, name) for name in names]
        saved = [from_json(http.get(f"/v1/jobs/{name}/trajectory").text) for name in names]
    assert [one["status"] for one in ended] == ["answered", "lost", "lost", "lost"]
    assert (ended[0]["question"], ended[0]["video"], ended[0]["created_at"]) == ("How many?", "clip.mp4", 1795000000)
    for one, trajectory in zip(ended[1:], saved[1:], strict=True):
        assert "another version of the server kept it" in one["error"]
        assert trajectory.error == one["error"]


def test_replies_do_not_wait_for_the_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reply in two pieces would take 40 ms more, until the client's kernel has acknowledged the first."""
    has_no_delay = []

    async def accept(sockets: list[socket.socket]) -> None:
        async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            has_no_delay.append(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        sockets[0].setblocking(False)
        async with await asyncio.start_server(note, sock=sockets[0]):
            reader, writer = await asyncio.open_connection(*sockets[0].getsockname())
            await reader.read()
            writer.close()
            await writer.wait_closed()

    monkeypatch.setattr("agent.doors.http.serve.set_up_logs", lambda: None)
    monkeypatch.setattr("uvicorn.Server.run", lambda _, sockets: asyncio.run(accept(sockets)))
    serve(ServeSettings(port=0, allow=(str(tmp_path),), state=str(tmp_path / "state")))
    assert has_no_delay == [1]
