"""Two workers, one order, and a bound on what waits however slow the consumer is."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tools.video.ordered_workers import OrderedWorkers


def test_results_come_in_the_order_of_the_jobs_whoever_is_faster() -> None:
    def work(job: int, _: Callable[[], bool]) -> Iterator[int]:
        time.sleep(0.02 if job % 2 == 0 else 0)
        yield from (job * 10 + i for i in range(3))

    run = OrderedWorkers(range(6), work, waiting_limit=2)
    assert list(run.results()) == [job * 10 + i for job in range(6) for i in range(3)]


def test_a_slow_consumer_makes_nobody_work_far_ahead() -> None:
    made = 0
    lock = threading.Lock()

    def work(job: int, _: Callable[[], bool]) -> Iterator[int]:
        nonlocal made
        with lock:
            made += 1
        yield job

    results = OrderedWorkers(range(100), work, waiting_limit=4).results()
    taken = next(results)
    time.sleep(0.2)
    # four wait, and each worker may hold one more in its hands
    assert taken == 0
    assert made <= 1 + 4 + 2
    results.close()


def test_an_error_in_a_worker_is_raised_where_its_results_would_come() -> None:
    def work(job: int, _: Callable[[], bool]) -> Iterator[int]:
        if job == 2:
            raise ValueError("damaged")
        yield job

    results = OrderedWorkers(range(5), work, waiting_limit=2).results()
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="damaged"):
        next(results)
