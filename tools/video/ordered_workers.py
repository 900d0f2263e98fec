"""Runs jobs in two threads and gives their results in the order of the jobs, with a bound on what waits."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")

WORKERS = 2
"""Threads that decode one video; each has a decoder of its own."""


class _JobQueue(Generic[Result]):
    """Results of one job on their way to the consumer."""

    def __init__(self) -> None:
        self.waiting: deque[Result] = deque()
        self.is_done = False
        self.error: BaseException | None = None


class OrderedWorkers(Generic[Job, Result]):
    """One run over `jobs`: `work(job, is_cancelled)` is called in one of the workers and gives the job's results.

    A worker waits while its job has `waiting_limit` results that nobody has taken; one that works ahead of the consumer
    waits already while all jobs together have so many. The first unfinished job always has a worker, so the consumer,
    who drains that job first, is never stuck.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        work: Callable[[Job, Callable[[], bool]], Iterator[Result]],
        waiting_limit: int,
    ) -> None:
        self._jobs, self._work, self._waiting_limit = jobs, work, waiting_limit
        self._lanes: list[_JobQueue[Result]] = [_JobQueue() for _ in jobs]
        self._next_job = 0
        self._draining = 0
        self._changed = threading.Condition()
        self._is_cancelled = False

    def results(self) -> Generator[Result, None, None]:
        """Runs the jobs: gives the results of job 0, then of job 1, ... Closing the iterator stops the workers."""
        threads = [
            threading.Thread(target=self._serve, name=f"decode-{n}", daemon=True)
            for n in range(min(WORKERS, len(self._jobs)))
        ]
        for thread in threads:
            thread.start()
        try:
            for number, lane in enumerate(self._lanes):
                with self._changed:
                    self._draining = number
                    self._changed.notify_all()
                yield from self._drain(lane)
        finally:
            with self._changed:
                self._is_cancelled = True
                self._changed.notify_all()
            for thread in threads:
                thread.join()

    def _drain(self, lane: _JobQueue[Result]) -> Iterator[Result]:
        while True:
            with self._changed:
                while not lane.waiting and not lane.is_done:
                    self._changed.wait()
                if lane.error is not None:
                    raise lane.error
                if not lane.waiting:
                    return
                result = lane.waiting.popleft()
                self._changed.notify_all()
            yield result

    def _serve(self) -> None:
        while True:
            with self._changed:
                if self._is_cancelled or self._next_job == len(self._jobs):
                    return
                number = self._next_job
                self._next_job += 1
            lane = self._lanes[number]
            try:
                for result in self._work(self._jobs[number], lambda: self._is_cancelled):
                    if not self._put(number, result):
                        return
            except BaseException as error:  # carried to the consumer, who raises it
                lane.error = error
            finally:
                with self._changed:
                    lane.is_done = True
                    self._changed.notify_all()

    def _put(self, number: int, result: Result) -> bool:
        with self._changed:
            while self._count_waiting(number) >= self._waiting_limit and not self._is_cancelled:
                self._changed.wait()
            self._lanes[number].waiting.append(result)
            self._changed.notify_all()
            return not self._is_cancelled

    def _count_waiting(self, number: int) -> int:
        """Number of waiting results that count against the limit of a job."""
        ahead = self._lanes[self._draining : self._next_job] if number != self._draining else [self._lanes[number]]
        return sum(len(lane.waiting) for lane in ahead)
