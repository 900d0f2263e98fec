"""What bounds a run: its limits, and how many calls one turn may make."""

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.trajectory import Effort, Limits, Stop, Trajectory, Turn

MAX_CALLS_A_TURN = 12
"""Tool calls of one turn at most, so that one reply can't take the whole run's frames and time."""

CLIP_SECONDS = 600.0
"""Length up to which a question may take as much as one about a clip; picked by eye."""
_GROWTH = 0.25
"""Share by which that grows each time the length doubles past it: half as much again for 40 minutes."""
_SHARES: dict[Effort, float] = {"low": 0.5, "medium": 1.0, "high": 2.0}

_ANSWER_SHARE = 0.1
"""Share of a time limit that is kept for the answer, up to _ANSWER_SECONDS."""
_ANSWER_SECONDS = 1.0
"""Seconds that are kept for the answer at most."""


@dataclass(frozen=True)
class QuestionBudget:
    """Limits of a question before the length of its video is known: those given hold, turns and frames grow with it."""

    given: Mapping[str, Any] = field(default_factory=dict)
    """Limits that were given, by the names of `Limits`."""
    effort: Effort = "medium"

    def __post_init__(self) -> None:
        if self.effort not in _SHARES:
            raise ValueError(f"there is no effort {self.effort!r}: need one of {', '.join(_SHARES)}")

    def for_length(self, duration_seconds: float = 0.0) -> Limits:
        """The limits for a video of a length.

        Raises:
            ValueError: a given limit is out of its range.
        """
        clip, scale = Limits(), compute_scale(self.effort, duration_seconds)
        assert clip.max_frames is not None, "the default binds"
        grown = {"max_turns": round(clip.max_turns * scale), "max_frames": round(clip.max_frames * scale)}
        return Limits(**{**grown, **self.given})


def compute_scale(effort: Effort, duration_seconds: float) -> float:
    """How many times as much as one about a clip a question may take.

    Args:
        effort: low is half of it, high twice.
        duration_seconds: length of the video, or of all videos of the question.
    """
    doublings = math.log2(max(duration_seconds, CLIP_SECONDS) / CLIP_SECONDS)
    return _SHARES[effort] * (1 + _GROWTH * doublings)


def explain_effort(trajectory: Trajectory) -> str:
    """What the effort and the length allow, in words; empty where that is what every clip has."""
    duration = sum(facts.duration_seconds for facts in trajectory.facts_by_number.values())
    if compute_scale(trajectory.effort, duration) == 1:
        return ""
    limits = trajectory.limits
    frames = "any number of" if limits.max_frames is None else f"{limits.max_frames}"
    return (
        f"{limits.max_turns} turns and {frames} frames at most, by effort {trajectory.effort} and "
        f"{duration / 60:.0f} minutes of video"
    )


def find_reached_limit(trajectory: Trajectory) -> Stop | None:
    """The limit of the run that leaves room for nothing but an answer; None if there is none yet."""
    limits, usage = trajectory.limits, trajectory
    if usage.turns >= limits.max_turns - 1:
        return Stop.TURN_LIMIT
    if limits.max_frames is not None and len(usage.frames_seen) >= limits.max_frames:
        return Stop.FRAME_LIMIT
    if limits.max_tokens is not None and (usage.tokens or 0) >= limits.max_tokens:
        return Stop.TOKEN_LIMIT
    if limits.max_seconds is not None and _estimate_seconds_after_next(trajectory) >= limits.max_seconds:
        return Stop.TIME_LIMIT
    if limits.max_cost_usd is not None and _estimate_cost_after_next(trajectory) >= limits.max_cost_usd:
        return Stop.COST_LIMIT
    return None


def compute_seconds_left(limits: Limits, begun: float) -> float:
    """The seconds left for a question that began at a time of `time.monotonic`; infinite without a limit."""
    return math.inf if limits.max_seconds is None else limits.max_seconds - (time.monotonic() - begun)


def _estimate_seconds_after_next(trajectory: Trajectory) -> float:
    """The seconds that will have passed after one turn more, which is taken to last as long as the one before."""
    last = trajectory.steps[-1].turn if trajectory.steps else None
    return trajectory.seconds + estimate_answer_seconds(trajectory.limits, last)


def estimate_answer_seconds(limits: Limits, last: Turn | None) -> float:
    """The seconds to keep for an answer: as long as the last turn, and at least a share of the time limit."""
    least = 0.0 if limits.max_seconds is None else min(_ANSWER_SECONDS, _ANSWER_SHARE * limits.max_seconds)
    return max(least, 0.0 if last is None or last.is_opening else last.usage.seconds)


def _estimate_cost_after_next(trajectory: Trajectory) -> float:
    """The dollars paid after one turn more, which costs at least what the last one did: the history only grows.

    The price of a turn that is not known is 0 here: whoever sets a cost limit has to see to a price first.
    """
    steps = trajectory.as_one.steps
    last = steps[-1].turn.usage.cost_usd if steps else None
    return (trajectory.cost_usd or 0.0) + (last or 0.0)
