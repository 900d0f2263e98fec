"""The thread pool in which networks run: one thread computes a picture, and several pictures are computed at once.

OpenMP would share out every sum, hundreds for a picture, and its threads spin while they wait for one another: beside
other work that wastes most of the processor. Threads that share pictures wait once a batch, asleep.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from tools.runtime.openmp import compute_alone

Item = TypeVar("Item")
Result = TypeVar("Result")

_USUAL_MOST = 4
"""Threads of networks at most where VIDEOSLEUTH_THREADS is not set, however many cores there are."""


def choose_thread_count() -> int:
    """Number of threads in which networks run: VIDEOSLEUTH_THREADS, else the cores that may be used, at most 4.

    Raises:
        ValueError: VIDEOSLEUTH_THREADS is not a whole number from 1 on.
    """
    configured = os.environ.get("VIDEOSLEUTH_THREADS")
    if configured is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(_USUAL_MOST, cores)
    if not configured.isascii() or not configured.isdigit() or int(configured) < 1:
        raise ValueError(f"VIDEOSLEUTH_THREADS needs a whole number from 1 on, got {configured!r:.40}")
    return int(configured)


def map_in_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Results of a function for each item, in order, computed in the pool of threads."""
    return list(_open_pool().map(work, items))


@cache
def _open_pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(choose_thread_count(), "network", compute_alone)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_open_pool.cache_clear)  # the threads are not in the child
