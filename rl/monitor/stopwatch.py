"""Splits the wall-clock time of concurrent runs into generation, tools and idling.

Threads overlap, so their seconds can't be summed. Instead, every moment is one of three things: `generate` while the
model is at work, for whichever run; else `idle` while every active run waits for the model (a batch that still
gathers, threads that are being woken); else `tools`, since at least one run is outside the model: videos being opened,
tools, prompts and replies.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

Now = Literal["generate", "tools", "idle"]


@dataclass(frozen=True)
class StageSeconds:
    """Wall-clock seconds by stage."""

    generate: float = 0.0
    tools: float = 0.0
    idle: float = 0.0


class Stopwatch:
    """Stopwatch that all threads of a sampler share."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Stands still until `playing`.

        Args:
            clock: gives seconds.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._split = StageSeconds()
        self._since: float | None = None
        """Clock time of the last change; None while no run is active."""
        self._at_once = self._unended = self._waiting = self._generating = 0

    @contextmanager
    def playing(self, runs: int, at_once: int) -> Iterator[None]:
        """A context in which `runs` runs are active, at most `at_once` at the same time, and time is counted."""
        with self._lock:
            self._at_once, self._unended, self._since = at_once, runs, self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._add_elapsed()
                self._since = None

    def ended(self) -> None:
        """Marks the end of one run."""
        with self._lock:
            self._add_elapsed()
            self._unended -= 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A context in which one run waits for the model, which may be at work for it."""
        with self._lock:
            self._add_elapsed()
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._add_elapsed()
                self._waiting -= 1

    @contextmanager
    def generating(self) -> Iterator[None]:
        """A context in which the model is at work; two at the same time count once."""
        with self._lock:
            self._add_elapsed()
            self._generating += 1
        try:
            yield
        finally:
            with self._lock:
                self._add_elapsed()
                self._generating -= 1

    def count_active(self) -> int:
        """Number of active runs; each of them waits for the model, will ask it again, or ends."""
        return min(self._at_once, self._unended)

    def taken(self) -> StageSeconds:
        """The seconds by stage since the last call."""
        with self._lock:
            self._add_elapsed()
            split, self._split = self._split, StageSeconds()
        return split

    def _add_elapsed(self) -> None:
        """Adds the time since the last change to the stage of that time."""
        if self._since is None:
            return
        now = self._clock()
        part, seconds = self._now(), now - self._since
        self._split = replace(self._split, **{part: getattr(self._split, part) + seconds})
        self._since = now

    def _now(self) -> Now:
        if self._generating:
            return "generate"
        return "idle" if self.count_active() and self._waiting >= self.count_active() else "tools"
