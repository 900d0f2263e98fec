"""A run of a question: its events as they come, its result, and a way to end it early.

`run.result()`, `await run`, `for event in run` and `async for event in run` may be used side by side, from any thread
or loop: each reader gets all events from the first one on.
"""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tools.deadline import Cancellation, cancellable

if TYPE_CHECKING:
    from agent.events import Event
    from agent.run_result import RunResult
    from agent.trajectory import Trajectory


_CTRL_C_SECONDS = 0.5
"""Seconds of one wait: Ctrl-C does not end a longer one where another thread receives its signal."""


class Run:
    """A question that is being answered, or waits to be. `Sleuth.start` makes one."""

    def __init__(self, work: "Callable[[Run], RunResult]") -> None:
        self.id = uuid.uuid4().hex
        """Id of the run, which every event bears."""
        self.reached: Trajectory | None = None
        """What has been reached so far; None before the video is open."""
        self._work = work
        self._cancellation = Cancellation()
        self._events: list[Event] = []
        self._news = threading.Condition()
        self._listeners: list[Callable[[], None]] = []
        self._done: Future[RunResult] = Future()

    @property
    def is_done(self) -> bool:
        """True once the run is over."""
        return self._done.done()

    @property
    def is_cancelled(self) -> bool:
        """True once `cancel` was called; the result may still be an answer that came before."""
        return self._cancellation.is_cancelled

    def cancel(self) -> None:
        """Ends the run, from any thread, within about a second; its result then holds what was reached."""
        self._cancellation.cancel()

    def result(self, timeout_seconds: float | None = None) -> "RunResult":
        """Waits for the result of the run.

        Raises:
            TimeoutError: the run is not over in that time, and goes on.
            ValueError: a bad input, as a file that is no video.
        """
        return self._done.result(timeout_seconds)

    def play(self) -> None:
        """Runs the question in this thread, to its result. Only `Sleuth` calls this."""
        try:
            with cancellable(self._cancellation):
                result = self._work(self)
        except BaseException as error:
            self._done.set_exception(error)
        else:
            self._done.set_result(result)
        self._wake()

    def play_here(self) -> "RunResult":
        """Plays it in this thread to its result. Only `Sleuth` calls this.

        Raises:
            ValueError: a bad input.
            KeyboardInterrupt: Ctrl-C.
        """
        self.play()
        result = self.result()
        if result.status == "cancelled" and not self.is_cancelled:
            raise KeyboardInterrupt
        return result

    async def wait(self) -> "RunResult":
        """The result; whoever cancels the task that waits for it cancels the run."""
        try:
            return await self
        finally:
            self.cancel()

    def stream(self) -> "Iterator[Event]":
        """The events; whoever stops reading cancels the run."""
        try:
            yield from self
        finally:
            self.cancel()

    async def astream(self) -> "AsyncIterator[Event]":
        """The events for asyncio; whoever stops reading cancels the run."""
        try:
            async for event in self:
                yield event
        finally:
            self.cancel()

    def tell(self, event: "Event") -> None:
        """Gives an event to all readers. Only `Sleuth` calls this."""
        self._events.append(event)
        self._wake()

    def __iter__(self) -> "Iterator[Event]":
        read = 0
        while True:
            with self._news:
                while len(self._events) == read and not self.is_done:
                    self._news.wait(_CTRL_C_SECONDS)
            if read == len(self._events):
                break
            yield self._events[read]
            read += 1
        self._done.result()  # raises the exception that ended the run, if one did

    async def __aiter__(self) -> "AsyncIterator[Event]":
        news, read = asyncio.Event(), 0
        with self._listening(news):
            while True:
                news.clear()
                is_done = self.is_done  # asked first: no event comes after that
                while read < len(self._events):
                    yield self._events[read]
                    read += 1
                if is_done:
                    break
                await news.wait()
        self._done.result()

    def __await__(self) -> "Generator[Any, None, RunResult]":
        # shielded: whoever stops waiting does not end what others wait for
        return asyncio.shield(asyncio.wrap_future(self._done)).__await__()

    @contextmanager
    def _listening(self, news: asyncio.Event) -> Iterator[None]:
        loop = asyncio.get_running_loop()

        def listener() -> None:
            with suppress(RuntimeError):  # its loop is closed
                loop.call_soon_threadsafe(news.set)

        with self._news:
            self._listeners.append(listener)
        try:
            yield
        finally:
            with self._news:
                self._listeners.remove(listener)

    def _wake(self) -> None:
        with self._news:
            self._news.notify_all()
            listeners = list(self._listeners)
        for listener in listeners:
            listener()
