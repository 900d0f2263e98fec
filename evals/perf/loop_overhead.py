"""Goal P7: what the loop itself costs a turn, with model and tools faked, and what a checkpointed question stores.

    python -m evals.perf.loop_overhead

CPU milliseconds a turn outside policy and tools, without and with the SQLite checkpointer, and the bytes that it
wrote for one question beside the bytes of the frames that the question showed. Apart from that, what it takes to write
the record down for a model and to read its reply: a mean over the ten turns, the last of which shows 36 pictures.
"""

import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.ending import Parser, end_process
from agent.loop.checkpoint import open_sqlite_checkpointer
from agent.loop.graph import Graph, RunContext, build_graph, run_graph
from agent.policies.scripted import ScriptedPolicy
from agent.policy import PolicyOptions
from agent.rendering.messages import render, render_openai_messages
from agent.rendering.reply_parser import parse_reply
from agent.trajectory import (
    Answer,
    Calls,
    Limits,
    Question,
    Reply,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    Usage,
    VideoFacts,
)
from evals.perf.prefix_cache import describe_tools
from tools.observation import Finding, FrameRef, Observation
from tools.schema import ToolSpec

TURNS = 10
"""Turns of the measured question."""
FRAMES_A_TURN = 4
"""Frames that each turn shows."""
FRAME_BYTES = 48_000
"""Size of a 640x360 JPEG of film at quality 85."""


@dataclass(frozen=True)
class LoopCost:
    """Cost of the loop: CPU milliseconds a turn, and bytes a question."""

    bare_ms: float
    kept_ms: float
    stored_bytes: int
    frame_bytes: int
    words_ms: float
    """Cost of rendering the trajectory as messages and parsing a reply."""
    request_ms: float
    """Cost of `words_ms` with every picture as a data URI, as a server takes it."""


class FakeTools:
    """Fake tools that answer every call at once with the usual number of frames and findings."""

    specs: tuple[ToolSpec, ...] = ()

    def picture(self, ref: FrameRef) -> bytes | None:
        """Zero bytes in the size of a usual frame."""
        return bytes(FRAME_BYTES)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """An observation of four frames from `start` on."""
        seconds = [arguments["start"] + i for i in range(FRAMES_A_TURN)]
        frames = tuple(FrameRef(s, 360, 640) for s in seconds)
        findings = tuple(Finding("moment", s, s + 1, name, 0.2, (0.0, 0.0, 0.5, 0.5)) for s in seconds)
        return Observation("Frames at " + ", ".join(f"{s:.2f} s" for s in seconds), frames, findings)


def measure(repeats: int = 30) -> LoopCost:
    """Measures the costs, as means over `repeats` runs of ten turns."""
    bare = _measure_cpu_ms(build_graph(), repeats)
    with tempfile.TemporaryDirectory() as folder, open_sqlite_checkpointer(Path(folder) / "runs.sqlite") as saver:
        kept = _measure_cpu_ms(build_graph(saver), repeats)
    frame_bytes = (TURNS - 1) * FRAMES_A_TURN * FRAME_BYTES
    words, request = _measure_message_ms(repeats, False), _measure_message_ms(repeats, True)
    return LoopCost(bare, kept, _measure_stored_bytes(), frame_bytes, words, request)


def run_ten_turns() -> Trajectory:
    """A trajectory of ten turns with four frames each but the last, as of a model."""
    return _play(build_graph())


def _measure_stored_bytes() -> int:
    """Greatest size of the database and its log while a question is run, in bytes."""
    with tempfile.TemporaryDirectory() as folder, open_sqlite_checkpointer(Path(folder) / "runs.sqlite") as saver:
        sizes = []

        def look(_: Turn | Trajectory) -> None:
            sizes.append(sum(path.stat().st_size for path in Path(folder).iterdir()))

        _play(build_graph(saver), look)
        return max(sizes)


def _measure_cpu_ms(graph: Graph, repeats: int) -> float:
    _play(graph)
    started = time.process_time()
    for _ in range(repeats):
        _play(graph)
    return (time.process_time() - started) / repeats / TURNS * 1000


def _measure_message_ms(repeats: int, as_request: bool) -> float:
    played, specs, options, tools = run_ten_turns(), describe_tools(), PolicyOptions(), FakeTools()
    started = time.process_time()
    for _ in range(repeats):
        for number in range(TURNS):
            shown = replace(played, steps=played.steps[:number], stop=None)
            conversation = render(shown, specs, "text", options)
            if as_request:
                render_openai_messages(conversation, tools.picture)
            parse_reply(_REPLY, Usage(), shown)
    return (time.process_time() - started) / repeats / TURNS * 1000


_REPLY = Reply(
    '<think>\nI look closer.\n</think>\n<tool_call>\n{"name": "select_frames", "arguments": {"start": 4, "stop": 8}}\n'
    "</tool_call>"
)


def _play(graph: Graph, on_event: Any = lambda _: None) -> Trajectory:
    thought = "I look at the next four seconds, because nothing so far answers the question. " * 3
    turns = [Turn(thought, Calls((ToolCall(f"t{n}c1", "select_frames", {"start": 4.0 * n}),))) for n in range(1, TURNS)]
    context = RunContext(ScriptedPolicy([*turns, Turn("", Answer("yes", confidence=0.5))]), FakeTools(), verify=False)
    start = Trajectory(
        Question("v.mp4", "what?"), VideoFacts("0" * 32, 100.0, 640, 360), limits=Limits(TURNS + 2, None)
    )
    ended = run_graph(start, context, graph=graph, thread_id="cost", on_event=on_event)
    assert ended.stop is Stop.ANSWERED, ended.error
    return ended


def main() -> None:
    """Prints the costs beside the goals."""
    cost = measure()
    print("| P7 | measured | goal |\n|---|---|---|")
    print(f"| CPU ms a turn, nothing kept | {cost.bare_ms:.2f} | <= 0.5 |")
    print(f"| CPU ms a turn, every step kept in SQLite | {cost.kept_ms:.2f} | <= 2 |")
    print(f"| CPU ms a turn, messages written and reply read | {cost.words_ms:.2f} | none: apart |")
    print(f"| CPU ms a turn, the same with pictures as data URIs | {cost.request_ms:.2f} | none: apart |")
    ratio = cost.stored_bytes / cost.frame_bytes
    print(f"| bytes kept a question, to the bytes of its {(TURNS - 1) * FRAMES_A_TURN} frames | {ratio:.2f} | <= 1.2 |")


def _command_line() -> None:
    Parser("python -m evals.perf.loop_overhead", description=(__doc__ or "").partition("\n")[0]).parse_args()
    main()


if __name__ == "__main__":
    end_process("evals.perf.loop_overhead", _command_line)
