"""Says how far a step is, since one can take an hour: at most a line in ten seconds."""

import threading
import time
from collections.abc import Callable

_PAUSE_SECONDS = 10.0
"""Seconds between two lines: often enough to be seen alive, seldom enough to be read."""


class StepProgress:
    """Progress within a step as lines for the screen; threads may share it."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Says nothing yet.

        Args:
            say: prints a line.
            clock: gives seconds.
        """
        self._say, self._clock = say, clock
        self._lock = threading.Lock()
        self._last = clock()

    def __call__(self, step: int, what: str, done: int, of: int) -> None:
        """Notes how much of a part of a step is done; says it where the pause since the last line is over."""
        now = self._clock()
        with self._lock:
            if now - self._last < _PAUSE_SECONDS:
                return
            self._last = now
        self._say(f"step {step}: {what} {done} of {of}")
