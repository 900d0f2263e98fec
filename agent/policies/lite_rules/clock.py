"""A running clock or countdown on screen: from readings at a few moments to its value at any."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.words import parse_clock_seconds

_MOST_OFF_SECONDS = 1.5
"""Seconds by which a reading may differ from the median and still agree with it."""


@dataclass(frozen=True)
class RunningClock:
    """A clock with value = at_zero + slope x seconds, all in seconds; slope is 1 for a clock and -1 for a countdown."""

    slope: int
    at_zero: float

    def seconds_when(self, value: float) -> float:
        """The second of the video at which the clock shows `value`."""
        return (value - self.at_zero) / self.slope


def find_running_clock(lines: Sequence[FoundLine]) -> RunningClock | None:
    """The clock that at least three readings, and more than half of them, agree on; None without one."""
    readings = [(line.start_seconds, value) for line in lines if (value := parse_clock_seconds(line.text)) is not None]
    best: RunningClock | None = None
    most = 2
    for slope in (1, -1):
        starts = [value - slope * seconds for seconds, value in readings]
        if not starts:
            continue
        middle = statistics.median(starts)
        agreeing = [start for start in starts if abs(start - middle) <= _MOST_OFF_SECONDS]
        if len(agreeing) > max(most, len(starts) / 2):
            best, most = RunningClock(slope, statistics.median(agreeing)), len(agreeing)
    return best
