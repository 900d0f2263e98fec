"""Goal P7: what the loop itself costs a turn, with model and tools faked, and what a checkpointed question stores.

    python -m evals.loop_cost

CPU milliseconds a turn outside policy and tools, without and with the SQLite checkpointer, and the bytes that it
wrote for one question beside the bytes of the frames that the question showed.
"""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.checkpoint import sqlite_checkpointer
from agent.graph import Graph, Players, build_graph, run
from agent.policy import ScriptedPolicy
from agent.trajectory import Answer, Calls, Limits, Question, Stop, ToolCall, Trajectory, Turn, VideoFacts
from tools.observation import Finding, FrameRef, Observation
from tools.schema import ToolSpec

TURNS = 10
FRAMES_A_TURN = 4
FRAME_BYTES = 48_000
"""A 640x360 JPEG of film at quality 85."""


@dataclass(frozen=True)
class LoopCost:
    """CPU milliseconds a turn, and bytes a question."""

    bare_ms: float
    kept_ms: float
    stored_bytes: int
    frame_bytes: int


class FakeTools:
    """Answers every call at once with frames and findings of the usual number."""

    specs: tuple[ToolSpec, ...] = ()

    def picture(self, ref: FrameRef) -> bytes | None:
        """Nothing to be seen."""

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """Four frames from `start` on."""
        seconds = [arguments["start"] + i for i in range(FRAMES_A_TURN)]
        frames = tuple(FrameRef(s, 360, 640) for s in seconds)
        findings = tuple(Finding("moment", s, s + 1, name, 0.2, (0.0, 0.0, 0.5, 0.5)) for s in seconds)
        return Observation("Frames at " + ", ".join(f"{s:.2f} s" for s in seconds), frames, findings)


def measure(repeats: int = 30) -> LoopCost:
    """The costs, as means over `repeats` runs of ten turns."""
    bare = _cpu_ms_a_turn(build_graph(), repeats)
    with tempfile.TemporaryDirectory() as folder, sqlite_checkpointer(Path(folder) / "runs.sqlite") as saver:
        kept = _cpu_ms_a_turn(build_graph(saver), repeats)
    return LoopCost(bare, kept, _stored_bytes(), (TURNS - 1) * FRAMES_A_TURN * FRAME_BYTES)


def _stored_bytes() -> int:
    """The most that the database and its log take while a question is played."""
    with tempfile.TemporaryDirectory() as folder, sqlite_checkpointer(Path(folder) / "runs.sqlite") as saver:
        sizes = []

        def look(_: Turn | Trajectory) -> None:
            sizes.append(sum(path.stat().st_size for path in Path(folder).iterdir()))

        _play(build_graph(saver), look)
        return max(sizes)


def _cpu_ms_a_turn(graph: Graph, repeats: int) -> float:
    _play(graph)
    started = time.process_time()
    for _ in range(repeats):
        _play(graph)
    return (time.process_time() - started) / repeats / TURNS * 1000


def _play(graph: Graph, on_event: Any = lambda _: None) -> None:
    thought = "I look at the next four seconds, because nothing so far answers the question. " * 3
    turns = [Turn(thought, Calls((ToolCall(f"t{n}c1", "select_frames", {"start": 4.0 * n}),))) for n in range(1, TURNS)]
    players = Players(ScriptedPolicy([*turns, Turn("", Answer("yes", confidence=0.5))]), FakeTools(), verify=False)
    start = Trajectory(
        Question("v.mp4", "what?"), VideoFacts("0" * 32, 100.0, 640, 360), limits=Limits(TURNS + 2, None)
    )
    ended = run(start, players, graph=graph, thread_id="cost", on_event=on_event)
    assert ended.stop is Stop.ANSWERED, ended.error


def main() -> None:
    """Prints the costs against the goal."""
    cost = measure()
    print("| P7 | measured | goal |\n|---|---|---|")
    print(f"| CPU ms a turn, nothing kept | {cost.bare_ms:.2f} | <= 0.5 |")
    print(f"| CPU ms a turn, every step kept in SQLite | {cost.kept_ms:.2f} | <= 2 |")
    ratio = cost.stored_bytes / cost.frame_bytes
    print(f"| bytes kept a question, to the bytes of its {(TURNS - 1) * FRAMES_A_TURN} frames | {ratio:.2f} | <= 1.2 |")


if __name__ == "__main__":
    main()
