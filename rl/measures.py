"""What a batch of runs tells of the policy: does it look, does it answer, can its turns be read. Shares are 0..1."""

from collections.abc import Sequence

from agent.trajectory import Malformed, Turn
from rl.rollout import Rollout
from rl.rows import Row


def measured(rollouts: Sequence[Rollout], rows: Sequence[Row]) -> dict[str, float]:
    """Means over the runs that count, each by name; and the share of runs that do, and that are trained on."""
    counted = [rollout.trajectory for rollout in rollouts if rollout.counts]
    measures = {
        "runs/counted": len(counted) / len(rollouts),
        "runs/trained_on": sum(row.is_trained_on for row in rows) / len(rows),
    }
    if not counted:
        return measures
    turns = [step.turn for run in counted for step in run.steps if not step.turn.is_opening]
    chosen = sum(sum(row.mask) for row in rows)
    return measures | {
        "runs/turns": len(turns) / len(counted),
        "runs/calls": sum(_calls(turns_of) for turns_of in _by_run(rollouts)) / len(counted),
        "runs/with_calls": sum(_calls(turns_of) > 0 for turns_of in _by_run(rollouts)) / len(counted),
        "runs/answered": sum(run.answer is not None for run in counted) / len(counted),
        "runs/readable_turns": sum(not isinstance(turn.move, Malformed) for turn in turns) / max(1, len(turns)),
        "runs/pictures": sum(len(run.frames_seen) for run in counted) / len(counted),
        "runs/sampled_tokens": sum(turn.usage.completion_tokens or 0 for turn in turns) / len(counted),
        "runs/sampled_share": chosen / max(1, sum(len(row.completion) for row in rows)),
    }


def _by_run(rollouts: Sequence[Rollout]) -> list[list[Turn]]:
    runs = [rollout.trajectory for rollout in rollouts if rollout.counts]
    return [[step.turn for step in run.steps if not step.turn.is_opening] for run in runs]


def _calls(turns: Sequence[Turn]) -> int:
    return sum(len(turn.move.calls) for turn in turns if turn.move.kind == "calls")
