"""A deadline for the work at hand, known to all that it calls: what is slow stops there with what it has.

A context variable carries it, so that no signature has to. Work that does not stop by itself is left behind: it goes on
in a thread that nobody waits for any more. Work that is cancelled has no time left from then on.
"""

import atexit
import contextvars
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Generic, TypeVar

_T = TypeVar("_T")

GRACE_SECONDS = 0.5
"""Time past its deadline that work which stops by itself may take, to finish the picture that it is at."""

_LEAVING_SECONDS = 30.0
"""How long a program that embeds this one may take longer to end, for work that was left behind; commands do not wait.
"""

_ends_at: contextvars.ContextVar[float] = contextvars.ContextVar("ends_at", default=math.inf)
THREAD_NAME = "may be left behind"
"""Prefix of the names of threads that may go on when nobody waits for them any more."""


class WorkCancelledError(Exception):
    """Whoever wanted the work at hand wants it no more."""


class Cancellation:
    """Ends work from any thread: its time is up at once, and who waits in `run_in_time` for a part of it is woken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_cancelled = False
        self._calls: list[Callable[[], object]] = []

    @property
    def is_cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._is_cancelled

    def cancel(self) -> None:
        """Ends the work; once is enough."""
        with self._lock:
            self._is_cancelled = True
            for call in self._calls:
                call()

    def check(self) -> None:
        """Does nothing unless the work was cancelled.

        Raises:
            WorkCancelledError: it was.
        """
        if self._is_cancelled:
            raise WorkCancelledError

    @contextmanager
    def calling(self, call: Callable[[], object]) -> Iterator[None]:
        """Calls it if the work is cancelled while what is inside runs.

        Raises:
            WorkCancelledError: it was cancelled before.
        """
        with self._lock:
            self.check()
            self._calls.append(call)
        try:
            yield
        finally:
            with self._lock:
                self._calls.remove(call)


_cancellation: contextvars.ContextVar[Cancellation | None] = contextvars.ContextVar("cancellation", default=None)


def cancellation_at_hand() -> Cancellation:
    """What can end the work at hand; one that nobody knows where there is none."""
    return _cancellation.get() or Cancellation()


@contextmanager
def cancellable(cancellation: Cancellation) -> Iterator[None]:
    """What runs inside can be cancelled."""
    token = _cancellation.set(cancellation)
    try:
        yield
    finally:
        _cancellation.reset(token)


@contextmanager
def set_deadline(seconds: float) -> Iterator[None]:
    """Sets the deadline of what runs inside, never later than one that is already set."""
    token = _ends_at.set(min(_ends_at.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends_at.reset(token)


def get_seconds_left() -> float:
    """Seconds until the deadline of the work at hand, at least 0; infinite without a deadline."""
    if cancellation_at_hand().is_cancelled:
        return 0.0
    return max(0.0, _ends_at.get() - time.monotonic())


def is_time_up() -> bool:
    """Whether the deadline of the work at hand has passed."""
    return get_seconds_left() <= 0


def get_timeout_left() -> float | None:
    """Seconds left in the form that the waits of `threading` and `concurrent.futures` take: None without a deadline."""
    left = get_seconds_left()
    return None if math.isinf(left) else left


def take_until_deadline(items: Iterable[_T]) -> Iterator[_T]:
    """The items until the deadline has passed; the one at hand then is still given."""
    for item in items:
        yield item
        if is_time_up():
            return


@contextmanager
def acquire_in_time(lock: "threading.Lock | threading._RLock") -> Iterator[bool]:
    """Holds a lock; gives False, and holds nothing, where somebody else had it until the time was up."""
    left = get_seconds_left()
    is_held = lock.acquire(timeout=-1 if math.isinf(left) else left)
    try:
        yield is_held
    finally:
        if is_held:
            lock.release()


class _TimedWork(Generic[_T]):
    """A function that runs in a thread with the caller's context, and its result or error."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self.is_done = False
        self.is_over = threading.Event()
        """Set when it is done, or nobody wants it any more."""
        self._error: BaseException | None = None
        self._result: _T

    def run(self, seconds: float) -> None:
        try:
            self._result = self._context.run(self._run_with_deadline, seconds)
        except BaseException as error:
            self._error = error
        self.is_done = True
        self.is_over.set()

    def _run_with_deadline(self, seconds: float) -> _T:
        with set_deadline(seconds):
            return self._work()

    def result(self) -> _T:
        if self._error is not None:
            raise self._error
        return self._result


class OutOfTime:
    """Stands for the result of work that was not done when its deadline passed."""


def run_in_time(
    works: Sequence[Callable[[], _T]], workers: int = 4, grace_seconds: float = GRACE_SECONDS
) -> list[_T | OutOfTime]:
    """Results of functions run in threads, in order; `OutOfTime` for those that the deadline found undone or not begun.

    Where there are more functions than workers, each may take an equal share of the time that is left when it begins.
    Without a deadline all are waited for. What a function raises is raised here.

    Args:
        works: the functions.
        workers: number of threads at most.
        grace_seconds: how long past the deadline the running ones are waited for.

    Raises:
        WorkCancelledError: the work was cancelled; what has begun is left behind.
    """
    if _cancellation.get() is None and len(works) == 1 and math.isinf(get_seconds_left()):
        return [works[0]()]
    cancellation = cancellation_at_hand()
    runs = [_TimedWork(work) for work in works]
    waiting = list(reversed(runs))
    lock = threading.Lock()
    ends_at = _ends_at.get()

    def work_off() -> None:
        while True:
            with lock:
                if not waiting:
                    return
                rounds = math.ceil(len(waiting) / workers)
                run = waiting.pop()
            left = ends_at - time.monotonic()
            run.run(left / rounds if left > 0 else 0.0)

    _join_at_exit()

    def leave_behind() -> None:
        for run in runs:
            run.is_over.set()

    with cancellation.calling(leave_behind):
        for _ in range(min(workers, len(works))):
            # a daemon: Python would wait for others before it ends
            threading.Thread(target=work_off, name=THREAD_NAME, daemon=True).start()
        try:
            for run in runs:
                left = ends_at + grace_seconds - time.monotonic()
                run.is_over.wait(None if math.isinf(left) else max(0.0, left))
        finally:  # after Ctrl-C, too, what has not begun never does
            with lock:
                waiting.clear()
        cancellation.check()
    return [run.result() if run.is_done else OutOfTime() for run in runs]


def is_anyone_left_behind() -> bool:
    """Whether work that nobody waits for is still going on."""
    return bool(_left_behind())


def _left_behind() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(THREAD_NAME)]


@cache
def _join_at_exit() -> None:
    """Has Python wait a while before it ends: a thread that it kills in C++ aborts the whole program."""
    atexit.register(_join_left_behind)


def _join_left_behind() -> None:
    ends_at = time.monotonic() + _LEAVING_SECONDS
    for thread in _left_behind():
        thread.join(max(0.0, ends_at - time.monotonic()))
