"""Rows of statistics: one scored answer with its video, cost and groups."""

from dataclasses import dataclass
from typing import Literal

from agent.trajectory import Answer, Trajectory
from evals.example import Example
from evals.scoring.scoring import Score

DURATIONS = ("under 2 min", "2 to 15 min", "15 to 60 min", "an hour and more")
"""Labels of video lengths: Video-MME's short, medium (4 to 15 min) and long (30 to 60 min), without its gaps."""

_DURATION_SECONDS = (120.0, 900.0, 3600.0)

End = Literal["answered", "abstained", "cannot tell", "nothing"]
"""How an answer ended: `abstained` is "not shown", a claim about the video; "cannot tell" claims nothing."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One run of one question, scored."""

    question: str
    """Id of the question, the same in every run and under every control."""
    cluster: str
    """Name of the video, by which intervals are clustered."""
    value: float | None
    """Score, 0..1; None where the answer can't be scored."""
    run: int = 0
    said: str = ""
    """Text that was scored, for votes and for changes between runs."""
    end: End = "answered"
    is_answerable: bool = True
    """False where "not shown" is the correct answer."""
    options: int = 0
    """Number of options; 0 for an open question."""
    groups: tuple[tuple[str, str], ...] = ()
    """Groups by which tables are broken down, as (key, label); a key may have several labels, as `needs` has."""
    seconds: float | None = None
    tokens: int | None = None
    """Tokens of prompts and replies of all samples; None where they were not measured."""
    cost_usd: float | None = None
    frames: int | None = None
    turns: int | None = None


def row_of(
    example: Example,
    trajectory: Trajectory,
    score: Score,
    *,
    groups: tuple[tuple[str, str], ...] = (),
    run: int = 0,
    duration_seconds: float | None = None,
) -> ResultRow:
    """The row of one run of a question, with groups by duration, kind and needs.

    Args:
        example: the question with its reference.
        trajectory: the run of the question.
        score: the score of the run.
        groups: further groups.
        run: number of the run.
        duration_seconds: length of the question's video, where a control showed another; None takes the shown one's.
    """
    shown_seconds = trajectory.facts.duration_seconds
    spent, samples = trajectory.spent, trajectory.samples
    counts = [n for n in (spent.prompt_tokens, spent.completion_tokens) if n is not None]
    return ResultRow(
        question=example.question.id,
        cluster=example.cluster,
        value=score.value,
        run=run,
        said=score.extracted,
        end=_end(trajectory.answer),
        is_answerable=example.answer is not None,
        options=len(example.question.options),
        groups=(
            ("duration", duration_label(shown_seconds if duration_seconds is None else duration_seconds)),
            ("kind", "multiple choice" if example.question.options else "open"),
            *(("needs", need) for need in example.needs),
            *groups,
        ),
        seconds=spent.seconds,
        tokens=sum(counts) if counts else None,
        cost_usd=spent.cost_usd,
        frames=sum(sample.frames for sample in samples) if samples else len(trajectory.frames_seen),
        turns=trajectory.turns,
    )


def duration_label(seconds: float) -> str:
    """The label of `DURATIONS` for a video's length; a bound belongs to the longer ones.

    Raises:
        ValueError: the length is negative.
    """
    if seconds < 0:
        raise ValueError(f"need a duration >= 0 seconds, got {seconds:g}")
    return DURATIONS[sum(seconds >= bound for bound in _DURATION_SECONDS)]


def _end(answer: Answer | None) -> End:
    if answer is None:
        return "nothing"
    if answer.cannot_tell:
        return "cannot tell"
    return "abstained" if answer.not_shown else "answered"
