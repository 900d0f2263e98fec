"""One scored answer as statistics see it: a value, the video it belongs to, what it cost, and what it is sorted by."""

from dataclasses import dataclass
from typing import Literal

from agent.trajectory import Answer, Trajectory
from evals.example import Example
from evals.scoring.scoring import Score

DURATIONS = ("under 2 min", "2 to 15 min", "15 to 60 min", "an hour and more")
"""Video-MME's short, medium (4 to 15 min) and long (30 to 60 min), without the gaps between them."""

_DURATION_SECONDS = (120.0, 900.0, 3600.0)

End = Literal["answered", "abstained", "cannot tell", "nothing"]
"""`abstained` is "not shown", which claims that the video does not have it; "cannot tell" claims nothing."""


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One question played once."""

    question: str
    """Its id: the same in every run of it and under every control."""
    cluster: str
    """Its video."""
    value: float | None
    """0..1; None where it can't be scored."""
    run: int = 0
    said: str = ""
    """What was scored, for votes and for changes between runs."""
    end: End = "answered"
    is_answerable: bool = True
    """False where "not shown" is the right answer."""
    options: int = 0
    """How many there are to guess from; 0 for an open question."""
    groups: tuple[tuple[str, str], ...] = ()
    """What tables are broken down by, as (key, label); a key may have several labels, as `needs` has."""
    seconds: float | None = None
    tokens: int | None = None
    """Of prompts and replies, of all samples; None where they were not measured."""
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
    """The row of a question that was played; `groups` are added to its duration, kind and needs.

    `duration_seconds` is that of the question's video, where a control showed another; None takes what was shown.
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
    """Which of `DURATIONS` a video belongs to; a bound belongs to the longer ones."""
    if seconds < 0:
        raise ValueError(f"need a duration >= 0 seconds, got {seconds:g}")
    return DURATIONS[sum(seconds >= bound for bound in _DURATION_SECONDS)]


def _end(answer: Answer | None) -> End:
    if answer is None:
        return "nothing"
    if answer.cannot_tell:
        return "cannot tell"
    return "abstained" if answer.not_shown else "answered"
