"""What breaks around the server: model, disk, cache, workers, clients. Accepted jobs end, and nothing is left over."""

import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from agent.trajectory import Stop, from_json
from tests.agent.doors.http.server import Held, RunningServer, serving, wait_for_calm
from tests.agent.doors.http.test_jobs import end_of, ends, start, wait_until
from tests.agent.fake_server import FakeServer, Handler, Request
from tests.clips import write_clip

CHAT = {"model": "video-sleuth", "messages": [{"role": "user", "content": "How many in clip.mp4?"}]}


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "clip.mp4", frames=40)
    write_clip(folder / "long.mp4", frames=600, size=(320, 240))
    return folder


@pytest.fixture
def server(tmp_path: Path, videos: Path) -> Iterator[RunningServer]:
    """A server that has answered a question, and holds as much afterwards as it did then."""
    with serving(tmp_path, videos, keep_alive_seconds=0.2) as running:
        with running.client() as http:
            assert end_of(http, start(http))["status"] == "answered"
        before = Held.of(running)
        yield running
        assert wait_for_calm(running, before).is_within(before)


def trajectory_of(http: httpx2.Client, job: str) -> Any:
    return from_json(http.get(f"/v1/jobs/{job}/trajectory").content)


def test_a_model_whose_server_dies_in_the_middle_costs_the_answer_and_not_what_was_seen(
    tmp_path: Path, videos: Path
) -> None:
    def call(handler: Handler, request: Request) -> None:
        asked = {"name": "select_frames", "arguments": '{"start": 0, "stop": 1, "count": 2}'}
        message = {"content": "a look", "tool_calls": [{"id": "c1", "type": "function", "function": asked}]}
        handler.start_stream()
        handler.event({"choices": [{"index": 0, "delta": message, "finish_reason": "tool_calls"}]})
        handler.event("[DONE]")
        threading.Thread(target=model.server_close).start()

    with (
        FakeServer(call) as model,
        serving(tmp_path, videos, policy=f"http:m@{model.url}") as running,
        running.client() as http,
    ):
        job = start(http, max_seconds=10)
        ended = end_of(http, job)
        saved = trajectory_of(http, job)
    assert ended["status"] in ("policy_failed", "cannot_tell"), ended
    assert ended["status"] != "policy_failed" or ended["error"]
    assert "a look" in [step.turn.thought for step in saved.steps]


def limit_files(server: RunningServer, size: int) -> None:
    """Makes the disk seem full to the server and its worker: no file may grow beyond the size."""
    for pid in (server.process.pid, server.worker_pid()):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_full_disk_takes_no_job_but_answers_and_is_said(server: RunningServer, videos: Path) -> None:
    kept = sorted((server.state / "jobs").iterdir())
    with server.client() as http:
        limit_files(server, 0)
        for refused in (
            http.post("/v1/jobs", json={"video": "clip.mp4", "question": "How many?"}),
            http.post("/v1/files", files={"file": ("a.mp4", b"x" * 1000)}),
            http.post("/v1/files", files={"file": ("a.mp4", b"x" * 3_000_000)}),
            http.post("/v1/jobs", json={"video": "data:video/mp4;base64,AAAA", "question": "How many?"}),
        ):
            assert refused.status_code == 507, refused.text
            assert "disk" in refused.json()["error"]["message"]
        assert sorted((server.state / "jobs").iterdir()) == kept
        write_clip(videos / "new.mp4", frames=30)
        for name in ("clip.mp4", "new.mp4"):
            told = {"messages": [{"role": "user", "content": f"How many in {name}?"}]}
            answered = http.post("/v1/chat/completions", json=CHAT | told)
            assert answered.status_code == 200, answered.text
            assert answered.json()["video_sleuth"]["answer"] == "four"
        limit_files(server, resource.RLIM_INFINITY)
        job = start(http)
        assert end_of(http, job)["status"] == "answered"
        assert trajectory_of(http, job).stop is Stop.ANSWERED
    assert not list((server.state / "files").iterdir())


@pytest.mark.parametrize("damage", [b"", b"\xff" * 5000])
def test_a_cache_that_is_damaged_under_a_running_server_costs_no_answer(server: RunningServer, damage: bytes) -> None:
    cache = server.state.parent / "cache"
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert files
    for path in files:
        path.write_bytes(damage)
    with server.client() as http:
        job = start(http)
        assert end_of(http, job)["status"] == "answered"
        assert trajectory_of(http, job).stop is Stop.ANSWERED


def test_a_worker_that_is_killed_at_work_costs_no_answer(server: RunningServer) -> None:
    with server.client() as http:
        worker = server.worker_pid()
        os.kill(worker, signal.SIGSTOP)  # or it may be done before it dies
        jobs = [start(http, video="long.mp4"), start(http)]
        wait_until(lambda: all(http.get(f"/v1/jobs/{job}").json()["status"] == "running" for job in jobs))
        os.kill(worker, signal.SIGKILL)
        for job in jobs:
            assert end_of(http, job)["status"] == "answered"
            assert trajectory_of(http, job).stop is Stop.ANSWERED
        assert all("restarted" in http.get(f"/v1/jobs/{job}/events").text for job in jobs)
        wait_until(lambda: http.get("/readyz").status_code == 200)


def test_clients_that_go_at_any_moment_leave_nothing(server: RunningServer) -> None:
    address = httpx2.URL(server.url)
    host = f"{address.host}:{address.port}"
    upload = f"POST /v1/files HTTP/1.1\r\nhost: {host}\r\ncontent-type: multipart/form-data; boundary=x\r\n"
    form = '--x\r\ncontent-disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    cut = (
        f"{upload}content-length: 5000000\r\n\r\n{form}{'x' * 2_000_000}",
        f"{upload}content-length: 50",
        f"POST /v1/jobs HTTP/1.1\r\nhost: {host}\r\ncontent-length: 500\r\n\r\n{{",
        f"GET /v1/jobs/job-{'0' * 32}/events HTTP/1.1\r\nhost: {host}\r\n\r\n",
        "",
    )
    for text in cut * 3:
        with socket.create_connection((address.host, address.port or 80)) as connection:
            connection.sendall(text.encode())
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"  # the connection is reset, not closed
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    before = len(ends(server))
    for _ in range(5):
        with server.client() as http, http.stream("POST", "/v1/chat/completions", json=CHAT | {"stream": True}) as said:
            next(said.iter_lines())
    wait_until(lambda: len(ends(server)) == before + 5)
    assert not list((server.state / "files").iterdir())
