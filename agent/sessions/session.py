"""Questions about one video, one after the other: each sees what was asked, seen and answered before it.

A model is sent the messages of earlier questions before those of the next one, word for word, so that its prefix cache
hits, and it may cite what they brought. Each question has limits of its own. A policy that is no language model, such
as `lite`, answers each question for itself; the video and its index are shared all the same.

    session = sleuth.open("video.mp4")
    session.ask("Who comes in?")
    print(session.ask("And what do they carry?", max_seconds=60).text)
    session.save("session.json")
    session = sleuth.resume("session.json")

A saved session is a saved trajectory, that of its last question with the earlier ones inside.

A session about a folder finds the videos of each question anew; of the questions before it knows those about the same.
"""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from agent.sessions.options import QuestionOptions
from agent.sessions.run import Run
from tools.deadline import cancellation_at_hand

if TYPE_CHECKING:
    from agent.events import Event
    from agent.run_result import RunResult
    from agent.trajectory import Question, Trajectory

_PATIENCE_SECONDS = 0.2
"""How often a question that waits for the one before it looks whether it was cancelled."""


class History:
    """What was asked of a video so far; one question at a time adds to it."""

    def __init__(self, trajectories: "tuple[Trajectory, ...]" = ()) -> None:
        self.trajectories = trajectories
        self._lock = threading.Lock()

    @contextmanager
    def held(self) -> "Iterator[Callable[[Trajectory], Trajectory]]":
        """Waits for the question before; gives what adds a trajectory.

        Raises:
            WorkCancelledError: the question is cancelled meanwhile.
        """
        while not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            cancellation_at_hand().check()
        try:
            yield self._add
        finally:
            self._lock.release()

    def list_about(self, question: "Question") -> "tuple[Trajectory, ...]":
        """The trajectories that were about the very videos of a question."""
        return tuple(run for run in self.trajectories if run.question.videos == question.videos)

    def _add(self, ended: "Trajectory") -> "Trajectory":
        if ended.steps:  # of one that never began there is nothing to know
            self.trajectories = (*self.trajectories, replace(ended, earlier=()))
        return ended


def list_questions(last: "Trajectory") -> "tuple[Trajectory, ...]":
    """The trajectories of a session, oldest first, of which the last one holds those before; none that never began."""
    return (*last.earlier, replace(last, earlier=())) if last.steps else last.earlier


class Session:
    """Asks about one video. `Sleuth.open` and `Sleuth.resume` make one; it ends with its Sleuth."""

    def __init__(
        self,
        begin: "Callable[[str, QuestionOptions, History], Run]",
        submit: Callable[[Run], Run],
        history: History,
    ) -> None:
        self._begin = begin
        self._submit = submit
        self._history = history

    @property
    def trajectories(self) -> "tuple[Trajectory, ...]":
        """The trajectories of all questions that were asked, oldest first."""
        return self._history.trajectories

    def ask(self, question: str, **options: Unpack[QuestionOptions]) -> "RunResult":
        """The answer, as `Sleuth.ask` gives it."""
        return self._begin(question, options, self._history).play_here()

    async def aask(self, question: str, **options: Unpack[QuestionOptions]) -> "RunResult":
        """The answer, as `Sleuth.aask` gives it."""
        return await self.start(question, **options).wait()

    def stream(self, question: str, **options: Unpack[QuestionOptions]) -> "Iterator[Event]":
        """The events, as `Sleuth.stream` gives them."""
        return self.start(question, **options).stream()

    def astream(self, question: str, **options: Unpack[QuestionOptions]) -> "AsyncIterator[Event]":
        """The events, as `Sleuth.astream` gives them."""
        return self.start(question, **options).astream()

    def start(self, question: str, **options: Unpack[QuestionOptions]) -> Run:
        """The question, under way in the executor; it waits for the one before it."""
        return self._submit(self._begin(question, options, self._history))

    def save(self, path: str | Path) -> None:
        """Writes the session, for `Sleuth.resume`; it is a saved trajectory, too. Of a folder, the questions about the
        videos of the last one.

        Raises:
            ValueError: nothing was asked yet.
            OSError: it can't be written.
        """
        from agent.outputs import write_output
        from agent.trajectory import to_json

        if not self.trajectories:
            raise ValueError("nothing was asked yet: there is no session to save")
        last = self.trajectories[-1]
        if last.question.folder is None:
            earlier = self.trajectories[:-1]
        else:
            earlier = self._history.list_about(last.question)[:-1]
        write_output(path, to_json(replace(last, earlier=earlier), indent=1) + "\n")
