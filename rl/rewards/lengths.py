"""Rewards for the length of thoughts and replies."""

from agent.trajectory import Trajectory
from evals.example import Example
from rl.rewards.formats import format_all
from rl.rewards.turns import count_thought_characters, own_steps


def format_and_length(
    example: Example,
    trajectory: Trajectory,
    *,
    base: float = 0.5,
    for_length: float = 0.5,
    full_at_characters: int = 1200,
) -> float | None:
    """TinyLLaVA-Video-R1's format reward FR: r0 + r1 min(1, Len / ML) where the form is kept (equation 3), else 0.

    Len is the characters of thinking, of all turns together where there are several.

    Args:
        example: not used.
        trajectory: the run that is scored.
        base: r0, the reward for the form alone.
        for_length: r1, the reward for a full length.
        full_at_characters: ML, characters of thought that earn all of r1.
    """
    in_form = format_all(example, trajectory)
    if not in_form:
        return in_form
    return base + for_length * min(1.0, count_thought_characters(trajectory) / full_at_characters)


def tokens_within(example: Example, trajectory: Trajectory, *, least: int = 320, most: int = 512) -> float | None:  # noqa: ARG001
    """1 if the policy sampled from `least` to `most` tokens in all, else 0 (Video-R1); None without counts.

    Args:
        example: not used.
        trajectory: the run that is scored.
        least: fewest tokens rewarded.
        most: most tokens rewarded.
    """
    count = count_sampled_tokens(trajectory)
    return None if count is None else float(least <= count <= most)


def overlong(
    example: Example,  # noqa: ARG001 (a reward's signature)
    trajectory: Trajectory,
    *,
    most_tokens: int = 4096,
    soft_tokens: int = 1024,
) -> float | None:
    """DAPO's soft overlong punishment, 0 down to -1, by the tokens sampled (arXiv 2503.14476, equation 13).

    0 up to most - soft, then linear down to -1 at `most`, and -1 beyond. DAPO has 20,480 and 4,096 for one long
    thought; here the tokens of all replies count. None without token counts.

    Args:
        example: not used.
        trajectory: the run that is scored.
        most_tokens: tokens from which the reward is -1.
        soft_tokens: tokens over which it falls from 0 to -1.
    """
    count = count_sampled_tokens(trajectory)
    if count is None:
        return None
    return min(0.0, max(-1.0, (most_tokens - soft_tokens - count) / soft_tokens))


def count_sampled_tokens(trajectory: Trajectory) -> int | None:
    """Tokens of all replies; None unless every one was counted."""
    counts = []
    for step in own_steps(trajectory):
        ids = step.turn.reply.token_ids if step.turn.reply else None
        counts.append(step.turn.usage.completion_tokens if ids is None else len(ids))
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None
