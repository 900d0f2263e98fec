"""Measures what a question takes: turns, frames, and the prompt tokens that a model would be sent.

    python -m evals.perf.budget RUN

The goals are at most 5 turns and 32 frames a question, and 300 tokens a frame. For policies that report tokens
these are the engine's own; for others, as `lite`, the trajectory is rendered as for a model and counted by
`evals.perf.prefix_cache`, whose tokens are near those of today's vocabularies and no model's own.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.ending import Parser
from agent.policy import PolicyOptions
from agent.rendering.messages import fit_pixels
from agent.trajectory import Trajectory
from evals.command_line import end_with_page
from evals.perf.prefix_cache import describe_tools, measure_trajectory
from evals.runner.run_file import read_stored
from evals.statistics.tables import render_table
from tools.observation import FrameRef
from tools.schema import ToolSpec
from tools.toolbox import SIZES

MAX_FRAME_TOKENS, MAX_FRAMES, MAX_TURNS = 300, 32, 5

_CELL_SIDES = {"Qwen2.5-VL": 28, "Qwen3-VL": 32}
"""Side of a token's cell in pixels, from the models' preprocessor settings: patch size times merge size."""


@dataclass(frozen=True)
class Budget:
    """Turns, frames and tokens of one question."""

    turns: int
    frames: int
    """Number of distinct pictures."""
    tokens: int
    """Prompt tokens of all turns together, those from a cache included."""


def frame_tokens(ref: FrameRef, cell_side: int) -> int:
    """Tokens of one picture whose sides are rounded to whole cells, as Qwen's processors do."""
    sent = fit_pixels(ref, PolicyOptions().max_frame_pixels)
    return max(1, round(sent.width / cell_side)) * max(1, round(sent.height / cell_side))


def default_frame() -> FrameRef:
    """A reference to a frame of a landscape video at the default size."""
    width, height = SIZES["medium"]
    return FrameRef(0.0, height, width)


def measure_budget(trajectory: Trajectory, specs: Sequence[ToolSpec]) -> Budget:
    """Counts turns, frames and tokens of a trajectory."""
    reported = [step.turn.usage.prompt_tokens for step in trajectory.steps if not step.turn.is_opening]
    known = [count for count in reported if count is not None]
    tokens = (
        sum(known) if known and len(known) == len(reported) else measure_trajectory(trajectory, specs, "text").prompt
    )
    return Budget(trajectory.turns, len(trajectory.frames_seen), tokens)


def render_page(trajectories: Sequence[Trajectory]) -> str:
    """Markdown table of the budgets of a run beside the goal.

    Raises:
        ValueError: the run is empty.
    """
    if not trajectories:
        raise ValueError("the run has no question in it")
    specs = describe_tools()
    taken = [measure_budget(trajectory, specs) for trajectory in trajectories]
    frame = default_frame()
    frames = [
        [f"tokens of a {frame.width}x{frame.height} frame, {model}", str(frame_tokens(frame, side)), "", "", ""]
        for model, side in _CELL_SIDES.items()
    ]
    rows = [
        _row("turns", [b.turns for b in taken], MAX_TURNS),
        _row("frames", [b.frames for b in taken], MAX_FRAMES),
        _row("prompt tokens", [b.tokens for b in taken], None),
    ]
    goal = f"<= {MAX_FRAME_TOKENS}"
    header = [f"a question, n = {len(taken)}", "median", "mean", "most", "goal"]
    return render_table(header, [*([*row[:-1], goal] for row in frames), *rows]) + "\n"


def _row(name: str, values: Sequence[int], most: int | None) -> list[str]:
    share = "" if most is None else f"<= {most}: {sum(v <= most for v in values)} of {len(values)}"
    return [name, f"{statistics.median(values):g}", f"{statistics.mean(values):.1f}", str(max(values)), share]


def main(arguments: Sequence[str] | None = None) -> str:
    """The report on the budgets of a run as Markdown.

    Raises:
        ValueError: there is no such run, or it can't be read.
    """
    parser = Parser("python -m evals.perf.budget", description="What a question takes.")
    parser.add_argument("run", type=Path, metavar="RUN", help="what evals.run --out wrote")
    path: Path = parser.parse_args(arguments).run
    return render_page(read_stored(path))


if __name__ == "__main__":
    end_with_page("evals.perf.budget", main)
