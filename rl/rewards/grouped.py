"""Rewards that compare the runs of one question, and so can't be computed from one of them.

Lists are `_G`, one for each run of the group, in order; None is a run that does not count, and stays None.
"""

from collections.abc import Sequence

Rewards = tuple[float | None, ...]


def shuffle_bonus(
    answers_G: Sequence[float | None],  # noqa: N803 (nested by run)
    shuffled_S: Sequence[float | None],  # noqa: N803 (nested by run on shuffled frames)
    *,
    bonus: float = 0.3,
    ratio: float = 0.8,
    above: float = 0.1,
) -> Rewards:
    """T-GRPO (Video-R1, arXiv 2503.21776, section 3): `bonus` for each answer over `above`, if order matters here.

    Order matters if the mean answer is at least `ratio` times that of runs on the same frames, shuffled. So no run gets
    it where all are wrong, and each correct one does where order is of no use. None where no run on shuffled frames
    counts: there is nothing to compare with.

    Args:
        answers_G: the answer rewards of the group.
        shuffled_S: the answer rewards of the runs on shuffled frames.
        bonus: the reward.
        ratio: least ratio of the two means for which order matters.
        above: reward above which an answer is correct.

    """
    ordered, shuffled = _drop_none(answers_G), _drop_none(shuffled_S)
    if not shuffled:
        return (None,) * len(answers_G)
    is_paid = bool(ordered) and _mean(ordered) >= ratio * _mean(shuffled)
    return tuple(None if a is None else bonus * (is_paid and a > above) for a in answers_G)


def length_bonus(
    answers_G: Sequence[float | None],  # noqa: N803
    lengths_G: Sequence[float | None],  # noqa: N803
    *,
    bonus: float = 0.2,
    above: float = 0.1,
) -> Rewards:
    """Video-R1's length reward: `bonus` for a correct answer of the wanted length, if at least two of the group are
    correct.

    Args:
        answers_G: the answer rewards.
        lengths_G: `rl.rewards.lengths.tokens_within`, 1 or 0.
        bonus: the reward.
        above: reward above which an answer is correct.
    """
    right = [a is not None and a > above for a in answers_G]
    return tuple(
        None if a is None or length is None else bonus * (sum(right) > 1 and is_right and length > 0)
        for a, length, is_right in zip(answers_G, lengths_G, right, strict=True)
    )


def curiosity(uses_G: Sequence[float | None], *, target: float = 0.3, scale: float = 0.5) -> Rewards:  # noqa: N803
    """Pixel-Reasoner's curiosity (arXiv 2505.15966): scale max(target - rate, 0) for runs that use tools, rate their
    share.

    Tool use is rewarded while it is rare, and no more once it is common: against its collapse.

    Args:
        uses_G: whether each run uses tools, 1 or 0.
        target: share of runs with tools from which nothing is paid.
        scale: reward for each point below the target.
    """
    known = _drop_none(uses_G)
    rate = _mean(known) if known else 0.0
    return tuple(None if use is None else scale * max(target - rate, 0.0) * use for use in uses_G)


def _drop_none(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
