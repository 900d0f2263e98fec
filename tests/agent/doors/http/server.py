"""A real server in a process of its own, on a free port of loopback."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from agent.doors.http.settings import PREFIX
from agent.trajectory import Answer, Calls, Evidence, Question, Step, ToolCall, Trajectory, Turn, VideoFacts, to_json

TURNS = (
    Turn("a look", Calls((ToolCall("t1c1", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2}),))),
    Turn("enough", Answer("four", confidence=0.8, evidence=(Evidence(0.0, 1.0, ("t1c1",)),))),
)
ROOT = Path(__file__).parents[4]


@dataclass
class RunningServer:
    """A server with what it has logged."""

    url: str
    process: "subprocess.Popen[str]"
    state: Path
    log: list[dict[str, Any]] = field(default_factory=list)

    def client(self, **more: Any) -> httpx2.Client:
        return httpx2.Client(base_url=self.url, timeout=120, trust_env=False, **more)

    def worker_pid(self) -> int:
        return next(int(line["pid"]) for line in reversed(self.log) if line["message"] == "worker started")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@dataclass(frozen=True)
class Held:
    """What the server's process holds."""

    threads: int
    files: int
    processes: int

    @classmethod
    def of(cls, server: "RunningServer") -> "Held":
        process = Path(f"/proc/{server.process.pid}")
        tasks = list((process / "task").iterdir())
        children = sum(len((task / "children").read_text().split()) for task in tasks)
        return cls(len(tasks), len(list((process / "fd").iterdir())), children)

    def is_within(self, before: "Held") -> bool:
        """Whether it is no more than before, but for the threads of asyncio's own executor, which stay."""
        pool = min(32, (os.cpu_count() or 1) + 4)
        is_more = self.files > before.files or self.processes > before.processes
        return not is_more and self.threads <= before.threads + pool


def wait_for_calm(server: RunningServer, before: Held) -> Held:
    """What the server holds once it holds no more than before, or after half a minute."""
    ends_at = time.monotonic() + 30
    while not (held := Held.of(server)).is_within(before) and time.monotonic() < ends_at:
        time.sleep(0.5)
    return held


def write_script(path: Path, turns: tuple[Turn, ...] = TURNS, others: tuple[str, ...] = ()) -> str:
    """The spec of a policy that takes these turns; `others`: names of further videos that they are about."""
    steps, facts = tuple(Step(turn) for turn in turns), VideoFacts("", 1.0, 1, 1)
    question = Question("v.mp4", "what?", other_videos=others)
    path.write_text(to_json(Trajectory(question, facts, steps=steps, other_facts=(facts,) * len(others))))
    return f"scripted:{path}"


@contextmanager
def serving(
    folder: Path, videos: Path | str, environment: Mapping[str, str] | None = None, **settings: Any
) -> Iterator[RunningServer]:
    """A server with the hashing encoder, a cache of its own and a scripted policy."""
    settings = {"policy": write_script(folder / "script.json"), "encoder": "hashing", "port": 0} | settings
    settings |= {"allow": str(videos), "state": str(folder / "state")}
    process = subprocess.Popen(
        [sys.executable, "-m", "agent.cli", "serve"],
        cwd=ROOT,
        env={
            **os.environ,
            "VIDEOSLEUTH_CACHE": str(folder / "cache"),
            **{PREFIX + name.upper(): str(value) for name, value in settings.items()},
            **(environment or {}),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    server = RunningServer("", process, folder / "state")
    listening = threading.Event()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            try:
                server.log.append(json.loads(line))
            except ValueError:
                server.log.append({"message": line})
            if server.log[-1]["message"] == "server listens":
                server.url = f"http://127.0.0.1:{server.log[-1]['port']}"
                listening.set()
        listening.set()

    reading = threading.Thread(target=read, daemon=True)
    reading.start()
    try:
        listening.wait(120)
        assert server.url, server.log
        yield server
    finally:
        process.kill()
        process.wait()
        reading.join()
        process.stderr.close() if process.stderr else None
