"""Which of more groups than are trained on are kept: those whose rewards differ most.

PyVision-RL (arXiv 2602.20739) samples twice as many groups as it trains on and ranks them by the deviation of their
rewards. What a rollout holds stays in the process that sampled it, so a group can only take the place of one
that belongs to the same processes: with one process the widest of all are kept, with several the widest of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rl.rewards.groups import Push
from rl.sampling.sampler import Rollout


@dataclass(frozen=True)
class SampledGroup:
    """A group that was sampled, its rewards and advantages in the order of its rollouts."""

    question: str
    rollouts: Mapping[int, Rollout]
    """Rollouts that this process sampled, by their place in the group."""
    rewards: Sequence[float | None]
    pushes: Sequence[Push]
    is_teaching: bool
    """Whether it has reward variance, and rollouts that are trained on."""

    @property
    def deviation(self) -> float:
        """Standard deviation of the rewards that count; 0 of a group that teaches nothing."""
        counted = [one for one in self.rewards if one is not None]
        return float(np.std(counted)) if self.is_teaching and counted else 0.0


def keep_widest(rounds: Sequence[Mapping[int, SampledGroup]], rows: int, size: int) -> dict[int, SampledGroup]:
    """The group that each place keeps, by its number.

    Args:
        rounds: what was sampled one after the other, by the number of the place where it was sampled; the first round
            has a group for each place.
        rows: rows of one process.
        size: rollouts of a group.
    """
    alike: dict[tuple[int, int], list[int]] = {}
    for number in rounds[0]:
        alike.setdefault((number * size // rows, ((number + 1) * size - 1) // rows), []).append(number)
    kept: dict[int, SampledGroup] = {}
    for places in alike.values():
        sampled = [groups[number] for groups in rounds for number in places if number in groups]
        widest = sorted(sampled, key=lambda one: -one.deviation)[: len(places)]
        # in the order in which they were sampled, so that nothing moves where the first ones are kept
        kept |= dict(zip(places, sorted(widest, key=sampled.index), strict=True))
    return kept
