"""What bounds a run: its limits, and how many calls one turn may make."""

import math
import time

from agent.trajectory import Limits, Stop, Trajectory, Turn

MAX_CALLS_A_TURN = 12
"""Tool calls of one turn at most, so that one reply can't take the whole run's frames and time."""


_ANSWER_SHARE = 0.1
"""Share of a time limit that is kept for the answer, up to _ANSWER_SECONDS."""
_ANSWER_SECONDS = 1.0
"""Seconds that are kept for the answer at most."""


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
