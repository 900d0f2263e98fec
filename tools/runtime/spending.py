"""What the work at hand may still spend on a model that its tools ask, known to all that it calls.

A context variable carries it, as it carries the deadline. A request is refused once nothing is left; those that are
under way then are paid for, so that a limit is passed by at most as many requests as run at the same time.
"""

import contextvars
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tools.observation import ToolError, Usage


class Spending:
    """Tokens and dollars that are left, counted down by each request. Threads may share it."""

    def __init__(self, tokens: float = math.inf, dollars: float = math.inf) -> None:
        self.tokens = tokens
        """Tokens that are left."""
        self.dollars = dollars
        """US dollars that are left."""
        self._lock = threading.Lock()

    def check(self) -> None:
        """Does nothing while there is something left.

        Raises:
            ToolError: a limit of the run is reached; says which.
        """
        for name, left in (("token", self.tokens), ("cost", self.dollars)):
            if left <= 0:
                raise ToolError(f"the {name} limit of the run is reached: no model is asked any more")

    def add(self, usage: Usage) -> None:
        """Counts a request that was made; what was not measured counts as nothing."""
        with self._lock:
            self.tokens -= usage.tokens or 0
            self.dollars -= usage.cost_usd or 0.0


_spending: contextvars.ContextVar[Spending | None] = contextvars.ContextVar("spending", default=None)


def get_spending() -> Spending:
    """What the work at hand may spend; without a limit where none was set."""
    return _spending.get() or Spending()


@contextmanager
def limit_spending(tokens: float, dollars: float) -> Iterator[None]:
    """Sets what the work inside may spend on models: tokens, and US dollars."""
    token = _spending.set(Spending(tokens, dollars))
    try:
        yield
    finally:
        _spending.reset(token)
