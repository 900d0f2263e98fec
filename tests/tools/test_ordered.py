"""Two workers, results in the order of the jobs."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tools.ordered import OrderedRun


def test_results_come_in_the_order_of_the_jobs_although_later_jobs_end_first() -> None:
    def work(job: int, is_cancelled: Callable[[], bool]) -> Iterator[tuple[int, int]]:
        time.sleep(0.02 if job % 2 == 0 else 0)
        yield from ((job, part) for part in range(3))

    assert list(OrderedRun(range(6), work, 10).results()) == [(job, part) for job in range(6) for part in range(3)]


def test_a_worker_waits_while_its_results_are_not_taken() -> None:
    made = [0, 0]

    def work(job: int, is_cancelled: Callable[[], bool]) -> Iterator[int]:
        for part in range(100):
            made[job] += 1
            yield part

    results = OrderedRun([0, 1], work, 4).results()
    next(results)
    time.sleep(0.1)
    assert max(made) <= 7  # four that wait, one taken, one that waits to be put down, one being made
    assert len(list(results)) == 199


def test_an_error_reaches_the_one_who_reads_and_stops_the_workers() -> None:
    def work(job: int, is_cancelled: Callable[[], bool]) -> Iterator[int]:
        yield job
        if job == 1:
            raise OSError("the disk is gone")

    before = threading.active_count()
    results = OrderedRun(range(4), work, 4).results()
    assert next(results) == 0
    with pytest.raises(OSError, match="the disk is gone"):
        list(results)
    assert threading.active_count() == before


def test_closing_tells_the_work_to_stop() -> None:
    stopped = threading.Event()

    def work(job: int, is_cancelled: Callable[[], bool]) -> Iterator[int]:
        yield job
        while not is_cancelled():
            time.sleep(0.001)
        stopped.set()

    results = OrderedRun(range(2), work, 4).results()
    next(results)
    results.close()
    assert stopped.is_set()
