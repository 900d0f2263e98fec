"""Questions that are being answered or were, by what was asked: the same question of the same content is one job.

A host cuts a call off after a minute and asks again, so that a question must not begin anew with every call. A job that
failed is not kept: whoever asks again gets a new run.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from agent.events import Event
from agent.sessions.options import QuestionOptions
from agent.sessions.run import Run
from agent.sleuth import Sleuth

_MOST_KEPT = 256
"""Finished jobs that can still be fetched."""
_MOST_RUNNING = 64
"""Jobs at work or waiting at most, twice what a `Sleuth` runs at the same time."""
_FAILED = ("cancelled", "policy_failed", "crashed")


@dataclass
class Job:
    """A question with its run."""

    id: str
    files: dict[str, str]
    """What the host calls each video, by its path."""
    run: Run
    waiting: int = 0
    """Number of calls that wait for the job."""
    told: int = 0
    """Number of events that some call was told."""

    @property
    def is_failed(self) -> bool:
        """Whether the run ended without anything worth keeping."""
        if not self.run.is_done:
            return False
        try:
            return self.run.result(0).status in _FAILED
        except Exception:  # whoever waited for it was told
            return True


class JobBook:
    """The jobs of a server, for the one event loop that it runs in."""

    def __init__(self, sleuth: Sleuth) -> None:
        self._sleuth = sleuth
        self._jobs: dict[str, Job] = {}  # in the order in which they were started

    def start(
        self,
        files: dict[str, str],
        content_hashes: Sequence[str],
        question: str,
        options: QuestionOptions,
        after: str | None = None,
    ) -> Job:
        """The job of a question, started unless it is there.

        Args:
            files: what the host calls each video, by its path.
            content_hashes: hashes of their contents.
            question: the question itself.
            options: what was said with it, as plain JSON.
            after: id of the job that it follows up.

        Raises:
            ValueError: the question or an option is invalid, too many jobs are running, or there is nothing to follow.
        """
        asked = json.dumps([content_hashes, question, options, *([after] if after else [])], sort_keys=True)
        name = hashlib.blake2b(asked.encode(), digest_size=8).hexdigest()
        job = self._jobs.get(name)
        if job is None or job.is_failed:
            if sum(not job.run.is_done for job in self._jobs.values()) >= _MOST_RUNNING:
                raise ValueError(f"{_MOST_RUNNING} questions are being answered already: ask again later")
            self._jobs.pop(name, None)
            run = self._start_run(list(files), question, options, after)
            job = self._jobs[name] = Job(name, files, run)
            self._forget()
        return job

    def find(self, name: str) -> Job:
        """The job of a given id.

        Raises:
            ValueError: there is none.
        """
        if name not in self._jobs:
            raise ValueError(f"there is no job {name!r:.40}; ask_video with the same question starts it again")
        return self._jobs[name]

    async def wait(self, job: Job, seconds: float, tell: Callable[[Event], Awaitable[None]]) -> bool:
        """Waits for a job, and gives whether it is done. A call that is cancelled while no other waits ends the job.

        Args:
            job: the job.
            seconds: longest wait.
            tell: called with each event that no call was told.
        """
        job.waiting += 1
        try:
            with anyio.move_on_after(seconds):
                await self._tell_all(job, tell)
        except anyio.get_cancelled_exc_class():
            if job.waiting == 1:
                job.run.cancel()
            raise
        finally:
            job.waiting -= 1
        return job.run.is_done

    def _start_run(self, files: list[str], question: str, options: QuestionOptions, after: str | None) -> Run:
        if after is None:
            return self._sleuth.start(files, question, **options)
        before = self.find(after)
        if not before.run.is_done or before.is_failed:
            how = "failed" if before.run.is_done else "is still at work"
            raise ValueError(f"the question before, job {after}, {how}: ask again once get_answer has given its answer")
        return self._sleuth.follow(before.run.result(0).trajectory, files).start(question, **options)

    async def _tell_all(self, job: Job, tell: Callable[[Event], Awaitable[None]]) -> None:
        read = 0
        async for event in job.run:
            read += 1
            if read > job.told:
                job.told = read
                await tell(event)

    def _forget(self) -> None:
        done = [name for name, job in self._jobs.items() if job.run.is_done]
        for name in done[: max(0, len(done) - _MOST_KEPT)]:
            del self._jobs[name]
