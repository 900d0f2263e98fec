"""Measures the speed goals: `python -m evals.perf.speed [--goals P1,P3] [--quick] [--folder FOLDER]`.

Makes its own videos, runs every job in a process of its own, interleaved and in random order, and compares medians of
CPU seconds, children included: unlike wall seconds these hold on a busy machine. Ratios are what counts; the bound is
ffmpeg decoding everything and throwing it away. Where a peer is not installed it says "not run".
"""

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from agent.ending import Parser, end_process
from evals.perf.speed_clips import ClipSpec, specs
from evals.perf.speed_jobs import Measured, find_ffmpeg
from tools.encoders.registry import describe_encoders

Run = tuple[str, str]
"""One measured run, as (job, video)."""


class Results:
    """Results of all runs, as medians over the repeats."""

    def __init__(self, runs: dict[Run, list[Measured]]) -> None:
        self._runs = runs

    def median(self, job: str, video: str, key: str = "cpu_seconds") -> float | None:
        """The median of one measured value; None where the job was not run.

        Args:
            job: name of the job.
            video: name of the video.
            key: name of the value.
        """
        values = [measured[key] for measured in self._runs.get((job, video), [])]
        return statistics.median(values) if values else None

    def ratio(self, job: Run, to: Run, key: str = "cpu_seconds") -> float | None:
        """The ratio of two medians; None where one was not run.

        Args:
            job: run of the numerator.
            to: run of the denominator.
            key: name of the value.
        """
        above, below = self.median(*job, key), self.median(*to, key)
        return above / below if above is not None and below else None

    def exactness(self) -> tuple[int, int]:
        """Numbers of correct frames and of frames asked for, over all our own reads."""
        ours = [m for (job, _), repeats in self._runs.items() if job in ("each_second", "random") for m in repeats]
        return int(sum(m["right"] for m in ours)), int(sum(m["asked"] for m in ours))


@dataclass(frozen=True)
class SpeedRow:
    """One line of the table: a value with its goal."""

    goal: str
    what: str
    value: float | None
    unit: str
    limit: float | None
    """Bound of the value; None where it is only reported."""
    is_floor: bool = False
    """Whether the value has to be at least the limit."""

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where it was not run, or is only reported."""
        if self.value is None or self.limit is None:
            return None
        return self.value >= self.limit if self.is_floor else self.value <= self.limit

    def line(self) -> str:
        """The line as Markdown."""
        value = "not run" if self.value is None else f"{self.value:.3g} {self.unit}"
        met = {None: "", True: "yes", False: "NO"}[self.is_met]
        limit = "" if self.limit is None else f"{'>=' if self.is_floor else '<='} {self.limit:g}"
        return f"| {self.goal} | {self.what} | {value} | {limit} | {met} |"


@dataclass(frozen=True)
class Goal:
    """The runs that a goal needs, and the function from results to its rows."""

    runs: tuple[Run, ...]
    rows: Callable[[Results], list[SpeedRow]]


def _p1(r: Results) -> list[SpeedRow]:
    long, no_b = (r.ratio(("each_second", v), ("null", v)) for v in ("long", "long_no_b"))
    return [
        SpeedRow("P1", "exact 1-fps frames / ffmpeg null, 10 min 720p H.264, 3 B-frames", long, "x CPU", 0.65),
        SpeedRow("P1", "the same without B-frames", no_b, "x CPU", 0.85),
    ]


def _p2(r: Results) -> list[SpeedRow]:
    cpu, wall = (r.ratio(("index_clip", "long"), ("null", "long"), key) for key in ("cpu_seconds", "wall_seconds"))
    return [
        SpeedRow("P2", "whole index with ViT-B/32 / ffmpeg null, 10 min", wall, "x wall", 1.0),
        SpeedRow("P2", "the same in CPU seconds", cpu, "x CPU", None),
        SpeedRow("P2", "whole frames with the default encoder", _state(r, "frames", "long"), "x wall", 1.0),
    ]


def _state(r: Results, state: str, video: str) -> float | None:
    """Wall time until a state of the index, over that of ffmpeg null."""
    reached, bound = r.median("film", video, f"{state}_wall_seconds"), r.median("null", video, "wall_seconds")
    return reached / bound if reached is not None and bound else None


def _long(r: Results) -> list[SpeedRow]:
    rows = []
    for video, what, limits in (
        ("hour", "60 min 720p", {"first": 0.08, "frames": 0.9, "tiles": 1.8}),
        ("two_hours", "120 min 720p", {"first": 0.08, "frames": 0.9, "tiles": 1.8}),
        ("small", "8 min 360p", {"frames": 2.5, "tiles": 6.0}),
    ):
        for state, limit in limits.items():
            name = {"first": "first search result", "frames": "whole frames", "tiles": "tiles too"}[state]
            rows.append(SpeedRow("long", f"{name} / ffmpeg null, {what}", _state(r, state, video), "x wall", limit))
        memory = r.median("film", video, "extra_mb")
        rows.append(SpeedRow("long", f"peak memory above imports, {what}", memory, "MB", 200))
    return rows


def _load(r: Results) -> list[SpeedRow]:
    ratio = r.ratio(("film_beside_others", "small"), ("film", "small"))
    return [
        SpeedRow("load", "index beside twice as many busy processes as cores / alone, 8 min 360p", ratio, "x CPU", 1.1)
    ]


def _p3(r: Results) -> list[SpeedRow]:
    rows = []
    for video, limit in (("long", 1.8), ("short", 3.5), ("hevc", 6.0)):
        gain = r.ratio(("random_opencv", video), ("random", video))
        rows.append(SpeedRow("P3", f"OpenCV / ours, 32 random frames, {video}", gain, "x CPU", limit, is_floor=True))
        peer = r.ratio(("random_torchcodec", video), ("random", video))
        rows.append(SpeedRow("P3", f"torchcodec / ours, {video}", peer, "x CPU", 1.0, is_floor=True))
    return rows


def _p4(r: Results) -> list[SpeedRow]:
    right, asked = r.exactness()
    share = right / asked if asked else None
    return [SpeedRow("P4", f"frames that are the right one, {right} of {asked}", share, "", 1.0, is_floor=True)]


def _p5(r: Results) -> list[SpeedRow]:
    pixels, data = r.median("stored", "short"), r.median("stored", "short", "bytes_cpu_seconds")
    return [
        SpeedRow("P5", "32 stored frames as pixels", None if pixels is None else pixels * 1e3, "ms CPU", 30),
        SpeedRow("P5", "32 stored frames as bytes", None if data is None else data * 1e3, "ms CPU", 2),
    ]


def _p6(r: Results) -> list[SpeedRow]:
    search, opening = (r.median("search", "short", f"{key}_cpu_seconds") for key in ("search", "open"))
    return [
        SpeedRow("P6", "search over 1 h at 1 fps", None if search is None else search * 1e3, "ms CPU", 0.5),
        SpeedRow("P6", "open a finished index", None if opening is None else opening * 1e3, "ms CPU", 5),
    ]


def _p8(r: Results) -> list[SpeedRow]:
    memory = [(video, r.median("index_memory", video, "extra_mb")) for video in ("short", "long")]
    return [
        SpeedRow("P8", f"peak memory of indexing above imports, {video}", value, "MB", 150) for video, value in memory
    ]


def _p10(r: Results) -> list[SpeedRow]:
    bound = r.median("null", "long")
    first, keyframes = (r.median("first_result", "long", key) for key in ("cpu_seconds", "keyframes_cpu_seconds"))
    rows = []
    for what, value in (("first search result", first), ("search knows all keyframes", keyframes)):
        ratio = None if value is None or not bound else value / bound
        rows.append(SpeedRow("P10", f"{what} / ffmpeg null, 10 min", ratio, "x CPU", 0.15))
    return rows


P3_VIDEOS = ("long", "short", "hevc")

GOALS: dict[str, Goal] = {
    "P1": Goal(tuple((job, video) for job in ("null", "each_second") for video in ("long", "long_no_b")), _p1),
    "P2": Goal((("null", "long"), ("index_clip", "long"), ("film", "long")), _p2),
    "P3": Goal(
        tuple((job, v) for job in ("random", "random_opencv", "random_torchcodec") for v in P3_VIDEOS),
        _p3,
    ),
    "P4": Goal((("each_second", "long"), *(("random", video) for video in P3_VIDEOS)), _p4),
    "P5": Goal((("stored", "short"),), _p5),
    "P6": Goal((("search", "short"),), _p6),
    "P8": Goal((("index_memory", "short"), ("index_memory", "long")), _p8),
    "P10": Goal((("null", "long"), ("first_result", "long")), _p10),
    "long": Goal(tuple((job, video) for job in ("null", "film") for video in ("hour", "two_hours", "small")), _long),
    "load": Goal((("film", "small"), ("film_beside_others", "small")), _load),
}

_USUAL = tuple(name for name in GOALS if name not in ("long", "load"))
"""Default goals, which take minutes and not hours."""


def measure(runs: Sequence[Run], repeats: int, folder: Path, clips: dict[str, ClipSpec]) -> Results:
    """Runs every job `repeats` times, shuffled anew each time, so that load on the machine meets all alike.

    Args:
        runs: the runs.
        repeats: number of repeats.
        folder: folder of the videos, which are made if need be.
        clips: the videos by name.
    """
    results: dict[Run, list[Measured]] = {}
    for video in sorted({video for _, video in runs}):
        print(f"video {video}: {clips[video].make(folder)}", file=sys.stderr)
    for repeat in range(repeats):
        for job, video in random.Random(repeat).sample(sorted(set(runs)), len(set(runs))):
            if is_missing(job):
                continue
            measured = _run(job, clips[video].make(folder), clips[video].frames)
            print(f"{repeat + 1}/{repeats} {job} {video}: {measured}", file=sys.stderr)
            results.setdefault((job, video), []).append(measured)
    return Results(results)


def is_missing(job: str) -> bool:
    """Whether the program with which a job compares is not installed."""
    if job == "null":
        return find_ffmpeg() is None
    if job.startswith("film"):
        return not any(encoder.is_auto for encoder in describe_encoders())
    return job == "random_torchcodec" and find_spec("torchcodec") is None


def _run(job: str, path: Path, period: int) -> Measured:
    # one thread in numpy and torch: with busy cores, spinning threads would be counted otherwise
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "evals.perf.speed_jobs", job, str(path), str(period)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    return measured


def main(arguments: Sequence[str] | None = None) -> list[SpeedRow]:
    """Measures the goals and prints the table; gives its rows."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--goals", default=",".join(_USUAL), help=f"of {', '.join(GOALS)}; {', '.join(_USUAL)} by default"
    )
    parser.add_argument("--repeats", type=int, default=5, help="runs of each job; the median counts")
    parser.add_argument("--quick", action="store_true", help="two-second clips: shows that it runs, measures nothing")
    parser.add_argument("--folder", type=Path, help="where the videos are kept for the next time")
    chosen = parser.parse_args(arguments)
    names = chosen.goals.split(",")
    unknown = [name for name in names if name not in GOALS]
    if unknown:
        parser.error(f"unknown goals {', '.join(unknown)}; known: {', '.join(GOALS)}")
    runs = [run for name in names for run in GOALS[name].runs]
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = measure(runs, chosen.repeats, folder, specs(chosen.quick))
    rows = [row for name in names for row in GOALS[name].rows(results)]
    print("| goal | what | measured | limit | met |\n|---|---|---|---|---|")
    print("\n".join(row.line() for row in rows))
    return rows


def _command_line() -> None:
    main()


if __name__ == "__main__":
    end_process("evals.perf.speed", _command_line)
