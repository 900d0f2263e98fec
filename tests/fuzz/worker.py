"""Reads mutants as the product does, one after another, in a process that may die: a line of JSON in, one out.

What the project declares for bad input (VideoError, ToolError, ValueError of subtitles and runs, PolicyError) is an
answer. Any other exception, and any promise that is broken without one, is a finding.
"""

import faulthandler
import json
import math
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import faiss  # noqa: F401  loaded before memory is measured, with torch
import numpy as np
import torch  # noqa: F401

from agent.loop.replay import find_differences, replay
from agent.policies.openai_api.client import ChatClient, RetryClock
from agent.policies.openai_api.endpoint import parse_endpoint
from agent.policy import PolicyError
from agent.report.html import write_report
from agent.trajectory import from_json
from tests.agent.fake_server import FakeServer, Handler, Request
from tools.observation import ToolError
from tools.speech.audio import read_blocks
from tools.speech.subtitles import read_embedded_subtitles, read_subtitles
from tools.toolbox import Toolbox, open_toolbox
from tools.video.video import Frame, Video, VideoError

LOOKS: tuple[tuple[str, dict[str, object]], ...] = (
    ("overview", {"count": 4}),
    ("find_changes", {}),
    ("list_shots", {}),
    ("list_sounds", {}),
    ("search_frames", {"query": "red"}),
    ("zoom", {"seconds": 0.0, "box": [0, 0, 0.5, 0.5]}),
    ("select_frames", {"start": 0, "stop": 1e9, "count": 4, "size": "small"}),
)


class BrokenPromiseError(Exception):
    """Something was handed out that must never be."""


def read_video(path: Path, cache: Path) -> str:
    with Video(path) as video:
        _check_times(video)
        length = video.info.duration_seconds
        shown = _check_order(video.read([length * k / 9 for k in range(9)], max_height=144), length)
        _check_order(video.window(0.0, min(length, 1.0), max_height=72), length)
        samples = (
            sum(_check_sound(seconds, sound) for seconds, sound in read_blocks(video)) if video.info.has_audio else 0
        )
        lines = read_embedded_subtitles(video)
        if not all(0 <= line.start_seconds < line.stop_seconds < math.inf for line in lines):
            raise BrokenPromiseError("a subtitle without a span of time")
    with open_toolbox(path, encoder="hashing", cache=cache) as toolbox:
        toolbox.index.wait_tiled()
        _look(toolbox)
    return f"read: {shown} of 9 frames, {samples / 16000:.1f} s of sound, {len(lines)} lines"


def _check_times(video: Video) -> None:
    times, length = video.timestamps, video.info.duration_seconds
    if not (math.isfinite(length) and length > 0 and np.isfinite(times).all()):
        raise BrokenPromiseError(f"times that are not finite, length {length}")
    if len(times) != video.info.frame_count or times[0] != 0 or (np.diff(times) <= 0).any() or times[-1] >= length:
        raise BrokenPromiseError(
            f"frames are not in time order from 0 to the end: {times[:3]}...{times[-3:]}, {length}"
        )


def _check_order(frames: Iterable[Frame], length: float) -> int:
    seconds = [frame.seconds for frame in frames]
    if not all(0 <= one < length for one in seconds) or any(b <= a for a, b in pairwise(seconds)):
        raise BrokenPromiseError(f"frames out of time order: {seconds[:20]}, length {length}")
    return len(seconds)


def _check_sound(seconds: float, sound: np.ndarray) -> int:
    if not math.isfinite(seconds):
        raise BrokenPromiseError(f"sound at {seconds}")
    return len(sound)


def _look(toolbox: Toolbox) -> None:
    for name, arguments in LOOKS:
        try:
            seen = toolbox.call(name, arguments)
        except ToolError:
            continue
        for ref in seen.frames[:3]:
            toolbox.picture(ref)


def read_subtitle_file(path: Path, cache: Path) -> str:
    lines = read_subtitles(path)
    if not all(
        math.isfinite(line.start_seconds) and line.start_seconds < line.stop_seconds < math.inf for line in lines
    ):
        raise BrokenPromiseError("a subtitle without a span of time")
    return "read: lines"


def play_run(path: Path, cache: Path) -> str:
    recorded = from_json(path.read_bytes())
    with open_toolbox(path.with_name("of_run.mp4"), encoder="hashing", cache=cache) as toolbox:
        toolbox.index.wait_tiled()
        again = replay(recorded, toolbox)
        find_differences(recorded, again)
        write_report(recorded, cache / "report.html", toolbox.picture)
    return "read: played"


def use_cache(path: Path, cache: Path) -> str:
    """`path` is the video; its cache was changed. Nothing in a cache may keep a question from an answer."""
    with open_toolbox(path, encoder="hashing", cache=cache) as toolbox:
        toolbox.index.wait_tiled()
        for name, arguments in LOOKS:
            for ref in toolbox.call(name, arguments).frames[:3]:
                toolbox.picture(ref)
    return "read: used or made anew"


def take_reply(path: Path, cache: Path) -> str:
    body = path.read_bytes()
    kind = "application/json" if "whole" in path.name else "text/event-stream"

    def answer(handler: Handler, request: Request) -> None:
        handler.send(200, body, kind)

    with FakeServer(answer) as server:
        clock = RetryClock(sleep=lambda _: None)
        client = ChatClient(
            parse_endpoint(f"m@{server.url}"), timeout_seconds=5, request_seconds=10, concurrency=1, clock=clock
        )
        client.complete({"messages": []}, 100)
    return "read: a reply"


READERS: dict[str, tuple[Callable[[Path, Path], str], tuple[type[Exception], ...]]] = {
    "video": (read_video, (VideoError,)),
    "subtitles": (read_subtitle_file, (ValueError,)),
    "run": (play_run, (ValueError,)),
    "cache": (use_cache, ()),
    "reply": (take_reply, (PolicyError,)),
}


def judge(kind: str, path: Path, cache: Path | None) -> dict[str, str]:
    read, declared = READERS[kind]
    with tempfile.TemporaryDirectory() as folder:
        try:
            return {"result": read(path, cache or Path(folder)).partition(",")[0].partition(" of ")[0]}
        except Exception as error:
            # a subclass of ValueError from deep inside, such as UnicodeDecodeError, is no declared sentence
            if isinstance(error, declared) and (type(error) in (*declared, ValueError) or kind == "reply"):
                return {"result": "refused", "said": str(error)[:300]}
            return {"result": type(error).__name__, "said": str(error)[:300], "trace": traceback.format_exc()[-3000:]}
        finally:
            if cache is not None:
                shutil.rmtree(cache, ignore_errors=True)


def main() -> None:
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        told = json.loads(line)
        _forget_peak()
        found = judge(told["kind"], Path(told["path"]), Path(told["cache"]) if told["cache"] else None)
        print(json.dumps({**found, "megabytes": _peak_megabytes()}), flush=True)


def _forget_peak() -> None:
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def _peak_megabytes() -> int:
    """Since the last mutant on Linux, since the start elsewhere."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) >> 10
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20


if __name__ == "__main__":
    main()
