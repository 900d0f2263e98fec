"""How long the policy thinks and writes."""

from agent.trajectory import Trajectory
from evals.example import Example
from rl.rewards.formats import format_all
from rl.rewards.turns import own_steps, thought_characters


def format_and_length(
    example: Example,
    trajectory: Trajectory,
    *,
    base: float = 0.5,
    for_length: float = 0.5,
    full_at_characters: int = 1200,
) -> float | None:
    """FR of TinyLLaVA-Video-R1: r0 + r1 min(1, Len / ML) where the form is kept (equation 3), else 0.

    Len is the characters of thinking, of all turns together where there are several.
    """
    in_form = format_all(example, trajectory)
    if not in_form:
        return in_form
    return base + for_length * min(1.0, thought_characters(trajectory) / full_at_characters)


def tokens_within(example: Example, trajectory: Trajectory, *, least: int = 320, most: int = 512) -> float | None:  # noqa: ARG001
    """1 if the policy sampled from `least` to `most` tokens in all, else 0: Video-R1. None where nobody counted."""
    count = sampled_tokens(trajectory)
    return None if count is None else float(least <= count <= most)


def sampled_tokens(trajectory: Trajectory) -> int | None:
    """Tokens of all replies; None unless every one was counted."""
    counts = []
    for step in own_steps(trajectory):
        ids = step.turn.reply.token_ids if step.turn.reply else None
        counts.append(step.turn.usage.completion_tokens if ids is None else len(ids))
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
