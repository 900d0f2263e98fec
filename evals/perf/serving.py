"""Measures what `agent serve` adds and holds: `python -m evals.perf.serving [--quick] [--encoder SPEC]`.

A real server with one worker and a policy whose turns are written beforehand, so that all time is the server's and the
tools'. Three goals: two hundred questions at a time on twenty videos are all answered, with nothing but bounded 429s
between; one question alone takes little more than by `Sleuth.ask` in this process, the two asked in turn; and server
and worker hold no more memory after thousands of questions. Videos are indexed before anything is measured.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from agent import Sleuth
from agent.ending import Parser, end_process
from agent.trajectory import Answer, Calls, Evidence, Question, Step, ToolCall, Trajectory, Turn, VideoFacts, to_json
from evals.perf.speed import SpeedRow
from evals.perf.speed_clips import ClipSpec
from tools.plain_data import loads_json

QUESTION = "How many?"
_LOOKS = (
    ToolCall("t1c1", "overview", {"count": 4}),
    ToolCall("t1c2", "select_frames", {"start": 0.0, "stop": 1.0, "count": 2}),
)
_TURNS = (
    Turn("a look", Calls(_LOOKS)),
    Turn("enough", Answer("four", confidence=0.8, evidence=(Evidence(0.0, 1.0, ("t1c2",)),))),
)
_FEW = 4
"""Questions at a time while memory is watched."""
_LONGEST_SECONDS = 600.0
"""Patience with one reply, behind hundreds of others on a busy machine."""


@dataclass(frozen=True)
class Amounts:
    """How much is asked."""

    videos: int = 20
    at_once: int = 200
    alone: int = 200
    """Questions one after the other, over HTTP and directly."""
    first: int = 1000
    """Questions after which memory is measured first: caches are full by then."""
    many: int = 5000


@dataclass(frozen=True)
class MeasuredServer:
    """A server with its process and its worker's."""

    url: str
    pids: tuple[int, int]

    @property
    def megabytes(self) -> float:
        """Resident memory of server and worker."""
        lines = (Path(f"/proc/{pid}/status").read_text(encoding="utf-8") for pid in self.pids)
        return sum(int(text.partition("VmRSS:")[2].split()[0]) for text in lines) / 1024


@contextmanager
def serving(folder: Path, policy: str, encoder: str) -> Iterator[MeasuredServer]:
    """A server for as long as the `with` lasts.

    Args:
        folder: holds its videos, and takes its state, its cache and its log.
        policy: specification of the policy.
        encoder: name of the encoder; the default one if empty.
    """
    given = {"policy": policy, "encoder": encoder, "port": 0, "allow": folder, "state": folder / "state"}
    environment = {f"VIDEOSLEUTH_SERVE_{name.upper()}": str(value) for name, value in given.items() if value != ""}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "agent.cli", "serve"],
            env={**os.environ, **environment, "VIDEOSLEUTH_CACHE": str(folder / "cache")},
            stderr=log,
        )
        try:
            port, worker = _read_log(folder / "log", process)
            yield MeasuredServer(f"http://127.0.0.1:{port}", (process.pid, worker))
        finally:
            process.terminate()
            process.wait(60)


def _read_log(path: Path, process: "subprocess.Popen[bytes]") -> tuple[int, int]:
    """Port of the server and id of its worker, once it has both."""
    while process.poll() is None:
        told = [loads_json(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
        ports, workers = [one["port"] for one in told if "port" in one], [one["pid"] for one in told if "pid" in one]
        if ports and workers:
            return ports[0], workers[0]
        time.sleep(0.1)
    raise ValueError(f"the server did not start: {path.read_text(encoding='utf-8')[-500:]}")


def _make_chat(video: str) -> dict[str, Any]:
    return {"model": "video-sleuth", "messages": [{"role": "user", "content": f"{QUESTION} {video}"}]}


async def ask_all(url: str, videos: Sequence[str], count: int, at_once: int) -> Counter[int]:
    """Asks questions, and each again that was told to wait; gives the statuses of all replies.

    Args:
        url: address of the server.
        videos: names of the videos, taken in turn.
        count: number of questions.
        at_once: number of questions that are open at the same time.
    """
    seen: Counter[int] = Counter()
    left = iter(range(count))
    limits = httpx2.Limits(max_connections=at_once)
    async with httpx2.AsyncClient(base_url=url, timeout=_LONGEST_SECONDS, trust_env=False, limits=limits) as http:

        async def ask_next() -> None:
            for number in left:
                while True:
                    reply = await http.post("/v1/chat/completions", json=_make_chat(videos[number % len(videos)]))
                    seen[reply.status_code] += 1
                    if reply.status_code != 429:
                        break
                    await asyncio.sleep(float(reply.headers["retry-after"]))

        await asyncio.gather(*(ask_next() for _ in range(at_once)))
    return seen


def measure_alone(server: MeasuredServer, sleuth: Sleuth, video: Path, count: int) -> list[float]:
    """What each question takes more over HTTP than directly, in milliseconds.

    Args:
        server: answers over HTTP.
        sleuth: answers directly.
        video: the video that is asked about.
        count: number of questions, one after the other.
    """
    more = []
    with httpx2.Client(base_url=server.url, timeout=_LONGEST_SECONDS, trust_env=False) as http:
        for _ in range(count):
            begun = time.perf_counter()
            http.post("/v1/chat/completions", json=_make_chat(video.name)).raise_for_status()
            between = time.perf_counter()
            sleuth.ask(video, QUESTION)
            more.append(1e3 * (2 * between - begun - time.perf_counter()))
    return more


def measure(folder: Path, amounts: Amounts, encoder: str) -> list[SpeedRow]:
    """Measures all goals.

    Args:
        folder: takes the videos, and all that the server writes.
        amounts: how much is asked.
        encoder: name of the encoder; the default one if empty.
    """
    steps = tuple(Step(turn) for turn in _TURNS)
    script = folder / "turns.json"
    script.write_text(to_json(Trajectory(Question("v.mp4", QUESTION), VideoFacts("", 1.0, 1, 1), steps=steps)))
    options = {"preset": "veryfast", "x264-params": "keyint=30"}
    videos = [ClipSpec(f"clip{n}", 320, 180, 60 + n, "libx264", options).make(folder) for n in range(amounts.videos)]
    names = [video.name for video in videos]
    with (
        serving(folder, f"scripted:{script}", encoder) as server,
        Sleuth(f"scripted:{script}", encoder=encoder or None, cache=folder / "cache") as sleuth,
    ):
        asyncio.run(ask_all(server.url, names, len(names), 1))
        sleuth.ask(videos[0], QUESTION)
        measure_alone(server, sleuth, videos[0], 5)
        alone = measure_alone(server, sleuth, videos[0], amounts.alone)
        begun = time.perf_counter()
        loaded = asyncio.run(ask_all(server.url, names, amounts.at_once, amounts.at_once))
        seconds = time.perf_counter() - begun
        asyncio.run(ask_all(server.url, names, amounts.first, _FEW))
        before = server.megabytes
        begun = time.perf_counter()
        many = asyncio.run(ask_all(server.url, names, amounts.many, _FEW))
        rate = amounts.many / (time.perf_counter() - begun)
        growth = 100 * (server.megabytes / before - 1)
    wrong = sum(count for seen in (loaded, many) for status, count in seen.items() if status not in (200, 429))
    at_once = f"{amounts.at_once} questions at a time on {amounts.videos} videos"
    return [
        SpeedRow("load", f"{at_once}: replies that are neither answer nor 429", wrong, "", 0),
        SpeedRow("load", "answers", loaded[200], "", amounts.at_once, is_floor=True),
        SpeedRow("load", "429s, each asked again", loaded[429], "", None),
        SpeedRow("load", "until the last answer", seconds, "s", None),
        SpeedRow("overhead", "one question over HTTP less `Sleuth.ask`, p50", statistics.median(alone), "ms", 15),
        SpeedRow("overhead", "the same, p95", statistics.quantiles(alone, n=20)[-1], "ms", None),
        SpeedRow("memory", f"growth over {amounts.many} questions, {before:.0f} MB before", growth, "%", 5),
        SpeedRow("memory", f"questions a second, {_FEW} at a time", rate, "a second", None),
    ]


def main(arguments: Sequence[str] | None = None) -> list[SpeedRow]:
    """Measures the goals and prints the table; gives its rows."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few questions: shows that it runs, measures nothing")
    parser.add_argument("--encoder", default="", help="encoder of the frame index; that of `agent ask` by default")
    chosen = parser.parse_args(arguments)
    amounts = Amounts(videos=2, at_once=40, alone=4, first=4, many=4) if chosen.quick else Amounts()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder).resolve(), amounts, chosen.encoder)
    print("| goal | what | measured | limit | met |\n|---|---|---|---|---|")
    print("\n".join(row.line() for row in rows))
    return rows


def _command_line() -> None:
    main()


if __name__ == "__main__":
    end_process("evals.perf.serving", _command_line)
