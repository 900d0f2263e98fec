"""A question on its way: accepted, waiting, running, ended; its events can be read from any of them on.

Belongs to one event loop.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from agent.doors.http.video_parts import GivenVideo

RUNNING = ("waiting", "running")
_VERSION = 2
"""Version of the form in which a job is kept. Version 1, which is not named, knew one video and no policy."""


@dataclass(frozen=True)
class AskedJob:
    """What is asked, checked and with its paths resolved."""

    videos: tuple[GivenVideo, ...]
    """Videos of the question, in the order of their numbers."""
    question: str
    options: dict[str, Any]
    after: str | None = None
    """Id of the job that it follows."""
    policy: str = ""
    """Spec of the policy that answers; empty for the server's own."""

    def as_data(self) -> dict[str, Any]:
        """The job as plain JSON, for disk."""
        return vars(self) | {"version": _VERSION, "videos": [(str(video.path), video.name) for video in self.videos]}

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Self:
        """The job that `as_data` wrote, now or in an earlier version, with more beside it.

        Raises:
            KeyError: it did not.
            TypeError: it did not.
            ValueError: it did not, or in a later version.
        """
        if data.get("version", _VERSION) > _VERSION:
            raise ValueError(f"the job was kept by a later version of the server, in form {data['version']}")
        named = data["videos"] if "videos" in data else [(data["video"], data["name"])]
        videos = tuple(GivenVideo(Path(path), name) for path, name in named)
        return cls(videos, data["question"], data["options"], data.get("after"), data.get("policy", ""))


@dataclass(eq=False)
class ServerJob:
    """A question with its events and its end."""

    id: str
    asked: AskedJob
    client: str = ""
    is_kept: bool = False
    """Whether it outlives the server: one that somebody waits for on a connection doesn't."""
    status: str = "waiting"
    """`waiting` or `running`, then a status of `RunResult`, or `refused`, `failed`, `lost`."""
    error: str = ""
    """Why there is no answer."""
    events: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] | None = None
    created_at: float = field(default_factory=time.time)
    is_suspect: bool = False
    """Whether a worker died while it ran: it is then tried once more, alone."""
    _news: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def is_done(self) -> bool:
        """Whether it has ended."""
        return self.status not in RUNNING

    @property
    def content(self) -> str:
        """The answer in words; empty where there is no result."""
        last = self.events[-1] if self.events else {}
        return str(last.get("content", ""))

    def tell(self, event: dict[str, Any]) -> None:
        """Adds an event, which all followers see."""
        self.events.append(event)
        if event["event"] == "run_finished":
            self.result = event["result"]
        self.wake()

    def end(self, status: str, error: str = "") -> None:
        """Ends the job, however it went."""
        self.status, self.error = status, error
        self.wake()

    def restart(self) -> None:
        """Puts it back to its beginning, after its worker died."""
        self.status, self.is_suspect, self.result = "waiting", True, None
        self.tell({"event": "restarted", "run_id": self.id})

    def wake(self) -> None:
        """Wakes whoever waits for news."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """Waits for its end; says whether it came in time."""
        try:
            async with asyncio.timeout(seconds):
                while not self.is_done:
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def follow(
        self, first: int = 0, silence_seconds: float | None = None
    ) -> AsyncIterator[dict[str, Any] | None]:
        """The events as they come, until its end; None for each silence.

        Args:
            first: number of events to leave out.
            silence_seconds: length of a silence; None for any.
        """
        read = first
        while True:
            news, is_done = self._news, self.is_done
            while read < len(self.events):
                yield self.events[read]
                read += 1
            if is_done:
                return
            try:
                async with asyncio.timeout(silence_seconds):
                    await news.wait()
            except TimeoutError:
                yield None

    def as_data(self) -> dict[str, Any]:
        """The state as clients see it."""
        names = [video.name for video in self.asked.videos]
        return {
            "id": self.id,
            "object": "video_sleuth.job",
            "created_at": int(self.created_at),
            "status": self.status,
            "question": self.asked.question,
            "policy": self.asked.policy or "default",
            "video": names[0] if len(names) == 1 else names,
            "error": self.error or None,
            "result": self.result,
        }
