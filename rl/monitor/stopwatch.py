"""Seconds of runs that are played at once, by what they went into; together they are the time on the wall.

Threads overlap, so their seconds can't be summed. Instead, every moment is one of three things: `generate` while the
model is at work, for whichever run; else `idle` while every run in play waits for the model (a batch that still
gathers, threads that are being woken); else `tools`, since at least one run is with us: videos being opened, tools,
prompts and replies.
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
    """Seconds."""

    generate: float = 0.0
    tools: float = 0.0
    idle: float = 0.0


class Stopwatch:
    """Shared by all threads of a sampler."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Stands still.

        Args:
            clock: tells seconds.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._split = StageSeconds()
        self._since: float | None = None
        """None while nothing is played."""
        self._at_once = self._unended = self._waiting = self._generating = 0

    @contextmanager
    def playing(self, runs: int, at_once: int) -> Iterator[None]:
        """So many runs are played, at most so many of them at the same time; time counts from here to the end."""
        with self._lock:
            self._at_once, self._unended, self._since = at_once, runs, self._clock()
        try:
            yield
        finally:
            with self._lock:
                self._count()
                self._since = None

    def ended(self) -> None:
        """One run has ended."""
        with self._lock:
            self._count()
            self._unended -= 1

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """One run waits for the model, which may be at work for it."""
        with self._lock:
            self._count()
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._count()
                self._waiting -= 1

    @contextmanager
    def generating(self) -> Iterator[None]:
        """The model is at work; twice at once counts once."""
        with self._lock:
            self._count()
            self._generating += 1
        try:
            yield
        finally:
            with self._lock:
                self._count()
                self._generating -= 1

    def in_play(self) -> int:
        """Runs that are being played now; each of them waits for the model or will ask it again, or ends."""
        return min(self._at_once, self._unended)

    def taken(self) -> StageSeconds:
        """The seconds since they were last taken."""
        with self._lock:
            self._count()
            split, self._split = self._split, StageSeconds()
        return split

    def _count(self) -> None:
        """The time since the last change goes to what it was."""
        if self._since is None:
            return
        now = self._clock()
        part, seconds = self._now(), now - self._since
        self._split = replace(self._split, **{part: getattr(self._split, part) + seconds})
        self._since = now

    def _now(self) -> Now:
        if self._generating:
            return "generate"
        return "idle" if self.in_play() and self._waiting >= self.in_play() else "tools"
