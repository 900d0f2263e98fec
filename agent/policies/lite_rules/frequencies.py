"""Probabilities of events from their frequency in earlier windows of equal length: counted, never invented.

The estimate is Laplace's rule of succession, (hits + 1) / (trials + 2): the mean of a uniform prior after the trials
(E. T. Jaynes, Probability Theory, 2003, chapter 18). It is never 0 or 1, and 1/2 where nothing was seen. It takes the
windows for exchangeable, which those of a video are not quite: states last. So for events with a state, speech or text,
only windows count that followed one in the same state as the last (a two-state Markov chain).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.policies.lite_rules.reading import AskedSpan


@dataclass(frozen=True)
class Frequency:
    """Counts of an event: hits in trials."""

    hits: int
    trials: int

    @property
    def probability(self) -> float:
        """Probability of the event in the next window, by the rule of succession; in 0..1, both ends out of reach."""
        return (self.hits + 1) / (self.trials + 2)

    @property
    def complement(self) -> "Frequency":
        """Counts of the event's absence."""
        return Frequency(self.trials - self.hits, self.trials)

    @property
    def sum(self) -> str:
        """The sum behind the estimate, written out so that a reader can check it."""
        return f"({self.hits} + 1) / ({self.trials} + 2) = {self.probability:.2f}"


def split_windows(start_seconds: float, stop_seconds: float, length_seconds: float) -> list[AskedSpan]:
    """Whole windows of equal length, the last of which ends at `stop_seconds`, the oldest first.

    Args:
        start_seconds: where the first window may begin.
        stop_seconds: where the last window ends.
        length_seconds: length of each.
    """
    count = int((stop_seconds - start_seconds) / length_seconds + 1e-9)
    ends = (stop_seconds - i * length_seconds for i in reversed(range(count)))
    return [AskedSpan(max(0.0, end - length_seconds), end) for end in ends]


def count_states(states: Sequence[bool]) -> Frequency:
    """The counts of an event over all windows."""
    return Frequency(sum(states), len(states))


def count_states_after_last(states: Sequence[bool]) -> Frequency:
    """The counts of an event over the windows that follow one in the state of the last."""
    after = [later for earlier, later in pairwise(states) if earlier == states[-1]]
    return Frequency(sum(after), len(after))
