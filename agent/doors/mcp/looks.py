"""Single tools over a video, run for a call that may be cancelled and that has less than a minute."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from agent.doors.mcp.pictures import FittedPictures, fit_pictures
from agent.paths import escape_path
from agent.sleuth import Sleuth
from tools.deadline import Cancellation, OutOfTime, cancellable, run_in_time, set_deadline
from tools.index.library import LibraryMoment
from tools.observation import Observation, ToolError
from tools.toolbox import Toolbox

LOOK_SECONDS = 45.0
"""Time of a look at most: hosts give a call a minute."""
_TOOL_SECONDS = 35.0
"""Time after which a tool goes on to nothing new and tells what it has, which takes it up to a few seconds."""
_THREADS = 8
"""Looks at the same time; more wait."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Look:
    """What a tool gave, with its pictures."""

    content_hash: str
    """Hash of the video's content."""
    seen: Observation
    pictures: FittedPictures


@dataclass(frozen=True)
class FoundMoment:
    """A moment of a video of a folder."""

    content_hash: str
    """Hash of the video's content."""
    moment: LibraryMoment


@dataclass(frozen=True)
class FolderSearch:
    """What was found in a folder."""

    moments: tuple[FoundMoment, ...]
    problems: tuple[str, ...]
    """Videos that were not searched, and why, a sentence each."""


class Looker:
    """Runs tools in threads of its own. Close it in the end."""

    def __init__(self, sleuth: Sleuth) -> None:
        self._sleuth = sleuth
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="look")

    async def look(self, file: Path, tool: str, arguments: Mapping[str, Any]) -> Look:
        """The observation of a tool.

        Args:
            file: the video.
            tool: name of a tool of the toolbox.
            arguments: its arguments.

        Raises:
            ToolError: the tool refuses, found nothing to look at, or the time was up.
            ValueError: the video can't be opened.
        """
        return await self.run(partial(self._look, file, tool, arguments))

    async def search_folder(self, folder: Path, query: str, count: int) -> FolderSearch:
        """The moments of a folder's videos that fit a query best; new and changed ones are indexed as the time allows.

        Args:
            folder: the folder.
            query: what should be seen, read or heard.
            count: moments at most.

        Raises:
            ValueError: the folder holds no video.
        """
        return await self.run(partial(self._search_folder, folder, query, count))

    async def read_frame(self, file: Path, content_hash: str, seconds: float) -> bytes:
        """The whole frame on screen at a time, as a JPEG.

        Args:
            file: the video.
            content_hash: hash that its content must have.
            seconds: the time.

        Raises:
            ToolError: there is no such frame.
            ValueError: the video can't be opened.
        """
        return await self.run(partial(self._read_frame, file, content_hash, seconds))

    async def run(self, work: Callable[[], _T]) -> _T:
        """The result of work in a thread, which is cancelled with the task that waits for it."""
        cancellation = Cancellation()

        def run() -> _T:
            with cancellable(cancellation), set_deadline(LOOK_SECONDS):
                return work()

        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, run)
        finally:
            cancellation.cancel()

    def close(self) -> None:
        """Ends the threads."""
        self._executor.shutdown(cancel_futures=True)

    def _look(self, file: Path, tool: str, arguments: Mapping[str, Any]) -> Look:
        with self._sleuth.borrow_toolbox(file) as toolbox:
            toolbox = _require_opened(toolbox)
            seen = _call(toolbox, tool, arguments)
            return Look(toolbox.video.content_hash, seen, fit_pictures(seen.frames, toolbox.picture))

    def _search_folder(self, folder: Path, query: str, count: int) -> FolderSearch:
        with set_deadline(_TOOL_SECONDS):
            library = self._sleuth.open_library(folder)
        found = tuple(FoundMoment(library.get_content_hash(m.video), m) for m in library.search(query, count))
        problems = tuple(f"{escape_path(str(path))} was not searched: {why}" for path, why in library.problems.items())
        return FolderSearch(found, problems)

    def _read_frame(self, file: Path, content_hash: str, seconds: float) -> bytes:
        with self._sleuth.borrow_toolbox(file) as toolbox:
            toolbox = _require_opened(toolbox)
            if toolbox.video.content_hash != content_hash:
                raise ToolError("the video has changed since")
            # the middle of a window of a millisecond: links name their frames to the nearest one
            window = {"start": seconds, "stop": seconds + 0.001, "count": 1, "size": "large"}
            pictures = fit_pictures(_call(toolbox, "select_frames", window).frames, toolbox.picture)
        if not pictures.by_ref:
            raise ToolError(" ".join(pictures.notes))
        (jpeg,) = pictures.by_ref.values()
        return jpeg


def _require_opened(toolbox: Toolbox | None) -> Toolbox:
    if toolbox is None:
        raise ToolError("the video is still being opened, which goes on: call again")
    return toolbox


def _call(toolbox: Toolbox, tool: str, arguments: Mapping[str, Any]) -> Observation:
    def call() -> Observation:
        with set_deadline(_TOOL_SECONDS):
            return toolbox.call(tool, dict(arguments))

    (seen,) = run_in_time([call])
    if isinstance(seen, OutOfTime):
        raise ToolError(f"this took more than {LOOK_SECONDS:g} s: ask for a shorter window, or call again")
    if seen.is_error:
        raise ToolError(seen.text)
    return seen
