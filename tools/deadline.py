"""How long the work at hand may still take, known to all that it calls: whoever is slow stops there with what it has.

The context carries it, so that no signature has to. Who does not stop by itself is left behind: it goes on in a thread
that nobody waits for any more.
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
"""What work that stops by itself may take past its deadline, as to finish the picture that it is at."""

_EXIT_SECONDS = 30.0
"""How long a program that embeds this one may take longer to end, for work that was left behind; commands do not wait.
"""

_ends_at: contextvars.ContextVar[float] = contextvars.ContextVar("ends_at", default=math.inf)
THREAD_NAME = "may be left behind"
"""How the names of threads begin that nobody may be waiting for."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """What runs inside may take this long at most; never longer than what is around it."""
    token = _ends_at.set(min(_ends_at.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends_at.reset(token)


def seconds_left() -> float:
    """Until the work at hand must be done, at least 0; infinite without a deadline."""
    return max(0.0, _ends_at.get() - time.monotonic())


def is_time_up() -> bool:
    """Whether the work at hand must stop now."""
    return seconds_left() <= 0


def wait_at_most() -> float | None:
    """The time left as the waits of `threading` and `concurrent.futures` take it: None for no end."""
    left = seconds_left()
    return None if math.isinf(left) else left


def until_time_is_up(items: Iterable[_T]) -> Iterator[_T]:
    """The items, as many as come in time."""
    for item in items:
        yield item
        if is_time_up():
            return


@contextmanager
def held_in_time(lock: "threading.Lock | threading._RLock") -> Iterator[bool]:
    """Holds a lock; gives False, and holds nothing, where somebody else had it until the time was up."""
    left = seconds_left()
    is_held = lock.acquire(timeout=-1 if math.isinf(left) else left)
    try:
        yield is_held
    finally:
        if is_held:
            lock.release()


class _TimedWork(Generic[_T]):
    """One piece of work in a thread."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._context = contextvars.copy_context()
        self.is_done = threading.Event()
        self._error: BaseException | None = None
        self._result: _T

    def run(self, seconds: float) -> None:
        try:
            self._result = self._context.run(self._in_time, seconds)
        except BaseException as error:
            self._error = error
        finally:
            self.is_done.set()

    def _in_time(self, seconds: float) -> _T:
        with deadline(seconds):
            return self._work()

    def result(self) -> _T:
        if self._error is not None:
            raise self._error
        return self._result


class OutOfTime:
    """Stands for the result of work that was left behind."""


def run_in_time(
    works: Sequence[Callable[[], _T]], workers: int = 4, grace_seconds: float = GRACE_SECONDS
) -> list[_T | OutOfTime]:
    """What each brings, in order; `OutOfTime` for those still at work, or not begun, when the time is up.

    Where more are to be done than workers are there, each may take an equal share of the time that is left when it
    begins. Without a deadline all are waited for.
    """
    if len(works) == 1 and math.isinf(seconds_left()):
        return [works[0]()]
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
    for _ in range(min(workers, len(works))):
        # a daemon: Python would wait for others before it ends
        threading.Thread(target=work_off, name=THREAD_NAME, daemon=True).start()
    try:
        for run in runs:
            left = ends_at + grace_seconds - time.monotonic()
            run.is_done.wait(None if math.isinf(left) else max(0.0, left))
    finally:  # after Ctrl-C, too, what has not begun never does
        with lock:
            waiting.clear()
    return [run.result() if run.is_done.is_set() else OutOfTime() for run in runs]


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
    ends_at = time.monotonic() + _EXIT_SECONDS
    for thread in _left_behind():
        thread.join(max(0.0, ends_at - time.monotonic()))
