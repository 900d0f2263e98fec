"""The agent as a LangChain tool: words for the model that calls it, the whole record as the artifact."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Unpack

from langchain_core.tools import BaseTool, StructuredTool, ToolException

from agent.doors.allowed_folders import AllowedFolders
from agent.report.console import format_answer
from agent.run_result import RunResult
from agent.sessions.options import AskOptions
from agent.sleuth import Sleuth

Reply = tuple[str, dict[str, Any]]
"""Content for the model, and the artifact: `RunResult.as_data`, plain JSON."""


def make_video_tool(sleuth: Sleuth, folders: Iterable[str | Path], **options: Unpack[AskOptions]) -> BaseTool:
    """The tool `ask_video`, whose arguments are a video, or a list of them, and a question.

    Args:
        sleuth: answers the questions; it must stay open as long as the tool is used.
        folders: folders whose videos may be named: the name comes from a model.
        options: the options of every question, as `Sleuth.ask` takes them.

    Raises:
        ValueError: one of the folders is none.
    """
    allowed = AllowedFolders(folders)

    sleuth = sleuth.with_refusals(allowed.refuse)

    def find(video: str | list[str]) -> list[Path]:
        return [allowed.find_videos(video)] if isinstance(video, str) else [allowed.find(name) for name in video]

    def ask_video(video: str | list[str], question: str) -> Reply:
        """Answer a question about a video by looking at it, with the times that the answer rests on.

        Args:
            video: Name or path of the video file, or of a folder of pictures; a list of them asks about several,
                numbered from 1. Of a folder of videos those that fit the question are looked into.
            question: The question, in words.
        """
        try:
            return _make_reply(sleuth.ask(find(video), question, **options))
        except ValueError as error:
            raise ToolException(str(error)) from error

    async def ask_video_async(video: str | list[str], question: str) -> Reply:
        try:
            found = await asyncio.to_thread(find, video)
            return _make_reply(await sleuth.aask(found, question, **options))
        except ValueError as error:
            raise ToolException(str(error)) from error

    return StructuredTool.from_function(
        ask_video,
        ask_video_async,
        response_format="content_and_artifact",
        parse_docstring=True,
        handle_tool_error=True,
    )


def _make_reply(result: RunResult) -> Reply:
    return format_answer(result.trajectory), result.as_data()
