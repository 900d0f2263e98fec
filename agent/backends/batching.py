"""Requests of several threads, gathered into one call: a model answers eight at about the price of one.

No thread of its own: the first to come leads, waits a moment for others, and runs the batch for all. While it runs,
the next batch gathers.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass
class _Waiting(Generic[Request, Response]):
    request: Request
    is_done: bool = False
    responses: list[Response] = field(default_factory=list)
    """One, once it is done; none if that failed."""
    failure: BaseException | None = None


class Batcher(Generic[Request, Response]):
    """Calls `run` with what has gathered; to each caller it's a function of one request."""

    def __init__(
        self, run: Callable[[Sequence[Request]], Sequence[Response]], size: int, gather_seconds: float = 0.01
    ) -> None:
        """Waits for nobody yet.

        Args:
            run: a response for each request, in order; never called from two threads at once.
            size: requests a call, at most.
            gather_seconds: how long the first one waits for others.
        """
        self._run = run
        self._size = size
        self._gather_seconds = gather_seconds
        self._changed = threading.Condition()
        self._queue: list[_Waiting[Request, Response]] = []
        self._has_leader = False

    def __len__(self) -> int:
        """How many wait for a batch."""
        with self._changed:
            return len(self._queue)

    def __call__(self, request: Request) -> Response:
        """The response; raises what `run` raised for the batch that the request was in."""
        mine: _Waiting[Request, Response] = _Waiting(request)
        with self._changed:
            self._queue.append(mine)
            self._changed.wait_for(lambda: mine.is_done or not self._has_leader)
            leads = not mine.is_done
            self._has_leader = self._has_leader or leads
        if leads:
            self._lead(mine)
        if mine.failure is not None:
            raise mine.failure
        return mine.responses[0]

    def _lead(self, mine: _Waiting[Request, Response]) -> None:
        try:
            time.sleep(self._gather_seconds)
            while not mine.is_done:  # those who came before go first
                self._run_batch()
        finally:
            with self._changed:
                self._has_leader = False
                self._changed.notify_all()

    def _run_batch(self) -> None:
        with self._changed:
            batch, self._queue = self._queue[: self._size], self._queue[self._size :]
        try:
            for waiting, response in zip(batch, self._run([w.request for w in batch]), strict=True):
                waiting.responses.append(response)
        except BaseException as failure:  # not handled: handed to each caller, who raises it
            for waiting in batch:
                waiting.failure = failure
        with self._changed:
            for waiting in batch:
                waiting.is_done = True
            self._changed.notify_all()
