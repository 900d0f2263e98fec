"""Scored outcomes of a run, and figures as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent.trajectory import Trajectory
from evals.example import Example
from evals.scoring.scoring import Score, score
from evals.statistics.bootstrap import BootstrapEstimate


@dataclass(frozen=True)
class Outcome:
    """One example with its trajectory and score."""

    example: Example
    trajectory: Trajectory
    score: Score


def score_outcomes(examples: Sequence[Example], trajectories: Mapping[str, Trajectory]) -> tuple[Outcome, ...]:
    """Scores the examples that were run."""
    return tuple(
        Outcome(example, played, score(example, played))
        for example in examples
        if (played := trajectories.get(example.question.id)) is not None
    )


def format_percent(share: float) -> str:
    """A share as text in percent, `62.5 %`."""
    return f"{100 * share:.1f} %"


def format_interval(estimate: BootstrapEstimate) -> str:
    """The interval as text in percent, `[50.1, 74.9]`."""
    if estimate.low is None or estimate.high is None:
        return "none: one video" if estimate.clusters < 2 else "none"
    return f"[{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up in plain text too."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[i]) for row in cells)) for i in range(len(header))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])
