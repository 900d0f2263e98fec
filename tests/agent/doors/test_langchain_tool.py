"""The LangChain tool: its arguments are told, its content is words, its artifact is plain JSON."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool

from agent.doors.langchain_tool import make_video_tool
from tests.agent.test_sleuth import sleuth
from tests.clips import write_clip

CALL = {
    "name": "ask_video",
    "args": {"video": "clip.mp4", "question": "How many?"},
    "id": "1",
    "type": "tool_call",
}


@pytest.fixture
def tool(tmp_path: Path) -> Iterator[BaseTool]:
    folder = tmp_path / "videos"
    folder.mkdir()
    clip = write_clip(folder / "clip.mp4", frames=40)
    with sleuth(clip) as asked:
        yield make_video_tool(asked, [folder])


def test_a_model_is_told_what_the_arguments_are(tool: BaseTool) -> None:
    assert tool.name == "ask_video"
    assert tool.description.startswith("Answer a question about a video")
    assert "Args:" not in tool.description
    assert tool.args["video"]["description"].startswith("Name or path of the video file, or of a folder of pictures;")


@pytest.mark.parametrize("is_async", [False, True])
def test_the_message_has_words_and_the_record_beside_them(tool: BaseTool, is_async: bool) -> None:
    message = asyncio.run(tool.ainvoke(CALL)) if is_async else tool.invoke(CALL)
    assert isinstance(message, ToolMessage)
    assert isinstance(message.content, str)
    assert message.content.startswith(
        "four\nconfidence 80 %\n  00:00.0-00:01.0 frame [t1c1]\nSeen: 74 % of 00:01.3, in 2 frames"
    )
    assert json.loads(json.dumps(message.artifact)) == message.artifact
    assert message.artifact["status"] == "answered"


@pytest.mark.parametrize("is_async", [False, True])
def test_a_file_outside_the_folders_is_an_error_for_the_model_to_read(tool: BaseTool, is_async: bool) -> None:
    call = {**CALL, "args": {"video": "/etc/passwd", "question": "How many?"}}
    message = asyncio.run(tool.ainvoke(call)) if is_async else tool.invoke(call)
    assert message.status == "error"
    assert "/etc/passwd" in message.content
