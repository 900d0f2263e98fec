"""Batches fill where it is known who may still come, and nobody waits for those who don't."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from agent.policies.local.batching import BatchClock, Batcher

RUN_SECONDS, TOOL_SECONDS = 0.3, 0.06


class Table:
    """Runs that ask and use tools in turn; remembers how full each batch was, of those who were in play."""

    def __init__(self, runs: int, *, is_told: bool) -> None:
        self.left = runs
        self.fills: list[tuple[int, int]] = []
        self._lock = threading.Lock()
        in_play: Callable[[], int] | None = (lambda: self.left) if is_told else None
        self.ask = Batcher(self._answered, size=runs, in_play=in_play)

    def play(self, turns: int, tool_seconds: float) -> None:
        for _ in range(turns):
            self.ask(0)
            time.sleep(tool_seconds)
        with self._lock:
            self.left -= 1

    def share(self) -> float:
        """Of those who could have been in a batch, all batches together."""
        return sum(size for size, _ in self.fills) / sum(possible for _, possible in self.fills)

    def _answered(self, requests: Sequence[int]) -> list[int]:
        self.fills.append((len(requests), self.left))
        time.sleep(RUN_SECONDS)
        return list(requests)


def played(runs: int, turns: int, *, is_told: bool) -> Table:
    """The runs come one after the other, as videos open; their tools take 1, 2, 3, ... times as long."""
    table = Table(runs, is_told=is_told)
    with ThreadPoolExecutor(runs) as pool:
        for number in range(runs):
            pool.submit(table.play, turns, TOOL_SECONDS * (number + 1) / runs)
            time.sleep(TOOL_SECONDS)
    return table


def test_runs_with_unequal_tools_share_batches_where_it_is_known_that_they_come() -> None:
    assert played(4, 5, is_told=True).share() > 0.8
    assert played(4, 5, is_told=False).share() < 0.75


class Told:
    """A time that passes only where somebody sleeps; a batch takes a second."""

    def __init__(self) -> None:
        self.now, self.slept = 0.0, 0.0
        self.clock = BatchClock(self._sleep, lambda: self.now)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds

    def answered(self, requests: Sequence[int]) -> list[int]:
        self.now += 1.0
        return list(requests)


def test_who_is_alone_waits_for_nobody() -> None:
    told = Told()
    ask = Batcher(told.answered, size=8, in_play=lambda: 1, clock=told.clock)
    assert [ask(number) for number in range(3)] == [0, 1, 2]
    assert told.slept == 0


def test_who_does_not_come_is_waited_for_half_a_batch_and_no_longer() -> None:
    told = Told()
    ask = Batcher(told.answered, size=8, in_play=lambda: 2, clock=told.clock)
    ask(0)
    assert told.slept == pytest.approx(0.01, abs=0.006)  # nothing is known yet of how long a batch takes
    ask(0)
    assert told.slept == pytest.approx(0.51, abs=0.012)


def test_where_nobody_knows_who_may_come_the_wait_is_short() -> None:
    told = Told()
    ask = Batcher(told.answered, size=8, gather_seconds=0.01, clock=told.clock)
    assert (ask(0), ask(0), told.slept) == (0, 0, 0.02)
