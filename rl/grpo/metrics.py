"""Rollout metrics: does the policy call tools, does that help, can its turns be parsed, how long are they.

Each rollout is summarised by itself, in a few numbers that processes can send each other; means are taken over all
processes. A metric that nothing was measured for is not in the log. Shares are 0..1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.trajectory import Malformed, Step
from evals.example import Example
from evals.scoring.scoring import evidence_hit
from rl.grpo.rows import RolloutRow
from rl.rewards.catalogue import find_failed_opening
from rl.sampling.sampler import Rollout


@dataclass(frozen=True)
class ToldTurn:
    """Summary of one turn of the policy: its calls, its tokens, whether it could be parsed."""

    is_readable: bool
    calls: int
    repeats: int
    """Calls of the turn that had been made before, with the same arguments."""
    tokens: int | None
    """Tokens of the reply; None where the engine does not say."""
    is_cut: bool
    """Whether the reply ran into its limit of tokens."""


@dataclass(frozen=True)
class RolloutSummary:
    """Summary of one rollout, small enough to be gathered across processes."""

    counts: bool
    is_trained_on: bool
    turns: tuple[ToldTurn, ...]
    """The policy's own turns, without the initial looks, which the loop makes."""
    is_answered: bool
    hits_evidence: bool | None
    """Whether the evidence of the answer overlaps the reference; None without an answer, or where none is known."""
    score: float | None
    """Reward of the rollout; None where it does not count."""
    pictures: int
    chosen_tokens: int
    """Tokens that the policy chose, and the loss sees."""
    completion_tokens: int
    """Tokens after the prompt, with those of the observations."""
    tokens: int
    """All tokens, prompt included; 0 where none was sampled."""
    is_too_long: bool
    """Whether the rollout is left out because it has more tokens than are trained on."""
    error: str
    """Why the rollout broke off; empty where it did not."""

    @property
    def calls(self) -> int:
        """Number of tool calls in all turns."""
        return sum(turn.calls for turn in self.turns)


def summarize_rollout(
    rollout: Rollout, row: RolloutRow, example: Example, score: float | None, max_tokens: int | None = None
) -> RolloutSummary:
    """Summarises one rollout for the metrics of its step.

    Args:
        rollout: the rollout, with its trajectory.
        row: the rollout's row of the loss.
        example: the question, with its reference.
        score: the reward; None where the rollout does not count.
        max_tokens: most tokens of a rollout that is trained on; None for no limit.
    """
    run, tokens = rollout.trajectory, 0 if rollout.tokens is None else len(rollout.tokens.ids)
    return RolloutSummary(
        counts=rollout.counts,
        is_trained_on=row.is_trained_on,
        turns=tuple(_summarize_turn(step) for step in run.steps if not step.turn.is_opening),
        is_answered=run.answer is not None,
        hits_evidence=None if run.answer is None else evidence_hit(example, run.answer),
        score=score,
        pictures=len(run.frames_seen),
        chosen_tokens=sum(row.mask),
        completion_tokens=len(row.completion),
        tokens=tokens,
        is_too_long=rollout.counts and max_tokens is not None and tokens > max_tokens,
        error="" if rollout.counts else run.error or find_failed_opening(run) or f"it was never asked ({run.stop})",
    )


def compute_metrics(runs: Sequence[RolloutSummary]) -> dict[str, float]:
    """Means over rollouts, by the name of the metric in the log.

    `tool_gap` is the mean reward of rollouts that call tools minus that of those that do not: the benefit of tools as
    the policy uses them, if it does not choose to call for other reasons. `readable_turn_3` is the share among third
    turns.
    """
    counted = [run for run in runs if run.counts]
    turns = [turn for run in counted for turn in run.turns]
    measures = {
        "runs/counted": _mean([run.counts for run in runs]),
        "runs/trained_on": _mean([run.is_trained_on for run in runs]),
        "runs/too_long": _mean([run.is_too_long for run in counted]),
        "runs/turns": _mean([len(run.turns) for run in counted]),
        "runs/calls": _mean([run.calls for run in counted]),
        "runs/with_calls": _mean([run.calls > 0 for run in counted]),
        "runs/repeated_calls": _mean([sum(turn.repeats for turn in run.turns) for run in counted]),
        "runs/tool_gap": _gap(counted),
        "runs/answered": _mean([run.is_answered for run in counted]),
        "runs/evidence_hit": _mean([run.hits_evidence for run in counted]),
        "runs/readable_turns": _mean([turn.is_readable for turn in turns]),
        "runs/cut_replies": _mean([turn.is_cut for turn in turns]),
        "runs/reply_tokens": _mean([turn.tokens for turn in turns]),
        "runs/sampled_tokens": _mean([_tokens(run) for run in counted]),
        "runs/pictures": _mean([run.pictures for run in counted]),
        "runs/sampled_share": _sampled_share(runs) if counted else None,
    }
    for number in range(max((len(run.turns) for run in counted), default=0)):
        those = [run.turns[number].is_readable for run in counted if len(run.turns) > number]
        measures[f"runs/readable_turn_{number + 1}"] = _mean(those)
    return {name: value for name, value in measures.items() if value is not None}


def list_troubles(runs: Sequence[RolloutSummary], unmeasured: Sequence[str]) -> tuple[str, ...]:
    """What went wrong in a step, in a line or with the first traceback for each kind.

    Args:
        runs: all rollouts of the step.
        unmeasured: components of the reward for want of which groups are left out.
    """
    troubles = []
    if broken := [run for run in runs if not run.counts]:
        troubles.append(f"{len(broken)} of {len(runs)} runs broke off, the first with: {broken[0].error.rstrip()}")
    if long := [run.tokens for run in runs if run.is_too_long]:
        troubles.append(
            f"{len(long)} of {len(runs)} runs are longer than update.max_tokens, up to {max(long)} tokens, and are not "
            "trained on"
        )
    if unmeasured:
        troubles.append(f"groups are left out, since these rewards could not be measured: {', '.join(unmeasured)}")
    return tuple(troubles)


def _summarize_turn(step: Step) -> ToldTurn:
    turn = step.turn
    return ToldTurn(
        is_readable=not isinstance(turn.move, Malformed),
        calls=len(turn.move.calls) if turn.move.kind == "calls" else 0,
        repeats=sum(result.repeat_of is not None for result in step.results),
        tokens=turn.usage.completion_tokens,
        is_cut=turn.reply is not None and turn.reply.is_cut,
    )


def _gap(runs: Sequence[RolloutSummary]) -> float | None:
    with_calls = _mean([run.score for run in runs if run.calls])
    without = _mean([run.score for run in runs if not run.calls])
    return None if with_calls is None or without is None else with_calls - without


def _tokens(run: RolloutSummary) -> int | None:
    """Tokens of all replies; None if one is not known."""
    known = [turn.tokens for turn in run.turns if turn.tokens is not None]
    return sum(known) if len(known) == len(run.turns) else None


def _sampled_share(runs: Sequence[RolloutSummary]) -> float | None:
    tokens = sum(run.completion_tokens for run in runs)
    return sum(run.chosen_tokens for run in runs) / tokens if tokens else None


def _mean(values: Sequence[float | None]) -> float | None:
    """The mean of the values that were measured; None if none was."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
