"""What bounds a run: its limits, and how many calls one turn may make."""

from agent.trajectory import Limits, Stop, Trajectory, Turn

MAX_CALLS_A_TURN = 12


_ANSWER_SHARE = 0.1
_ANSWER_SECONDS = 1.0
"""Of a time limit this share, this long at most, is kept for the answer."""


def limit_reached(trajectory: Trajectory) -> Stop | None:
    """The limit that leaves room for nothing but an answer, or None."""
    limits, usage = trajectory.limits, trajectory
    if usage.turns >= limits.max_turns - 1:
        return Stop.TURN_LIMIT
    if limits.max_frames is not None and len(usage.frames_seen) >= limits.max_frames:
        return Stop.FRAME_LIMIT
    if limits.max_tokens is not None and (usage.tokens or 0) >= limits.max_tokens:
        return Stop.TOKEN_LIMIT
    if limits.max_seconds is not None and _seconds_after_next(trajectory) >= limits.max_seconds:
        return Stop.TIME_LIMIT
    if limits.max_cost_usd is not None and _cost_after_next(trajectory) >= limits.max_cost_usd:
        return Stop.COST_LIMIT
    return None


def _seconds_after_next(trajectory: Trajectory) -> float:
    """What will have passed after one turn more, if it takes as long as the last one: the answer needs its time."""
    last = trajectory.steps[-1].turn if trajectory.steps else None
    return trajectory.seconds + seconds_for_answer(trajectory.limits, last)


def seconds_for_answer(limits: Limits, last: Turn | None) -> float:
    """What an answer is taken to need: as long as the last turn, and a share of the limit where that was shorter."""
    least = 0.0 if limits.max_seconds is None else min(_ANSWER_SECONDS, _ANSWER_SHARE * limits.max_seconds)
    return max(least, 0.0 if last is None or last.is_opening else last.usage.seconds)


def _cost_after_next(trajectory: Trajectory) -> float:
    """What will have been paid after one turn more, which costs at least what the last one did: history only grows.

    The price of a turn that is not known is 0 here: whoever sets a cost limit has to see to a price first.
    """
    last = trajectory.steps[-1].turn.usage.cost_usd if trajectory.steps else None
    return (trajectory.cost_usd or 0.0) + (last or 0.0)
