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


def overlong(
    example: Example,  # noqa: ARG001 (a reward's signature)
    trajectory: Trajectory,
    *,
    most_tokens: int = 4096,
    soft_tokens: int = 1024,
) -> float | None:
    """0 down to -1 for a run that samples more than is wanted: DAPO's soft punishment (arXiv 2503.14476, equation 13).

    0 up to most - soft, then down in a line to -1 at `most`, and -1 beyond. DAPO has 20,480 and 4,096 for one long
    thought; here it is the tokens of all replies. None where nobody counted.
    """
    count = sampled_tokens(trajectory)
    if count is None:
        return None
    return min(0.0, max(-1.0, (most_tokens - soft_tokens - count) / soft_tokens))


def sampled_tokens(trajectory: Trajectory) -> int | None:
    """Tokens of all replies; None unless every one was counted."""
    counts = []
    for step in own_steps(trajectory):
        ids = step.turn.reply.token_ids if step.turn.reply else None
        counts.append(step.turn.usage.completion_tokens if ids is None else len(ids))
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
