"""
title: Video Sleuth
description: Answers questions about the videos that are attached to the chat, with times and evidence.
version: 0.2.0
license: Apache-2.0
requirements: httpx
"""

# A model for Open WebUI (Admin Panel, Functions, New Function: paste this file), beside a running `agent serve`, whose
# address and token go into the function's valves. Tried against that server with a stand-in for Open WebUI; not run
# here inside Open WebUI.

import inspect
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel, Field

_THINKING = re.compile(r'<details type="(?:reasoning|tool_calls)".*?</details>\s*', re.DOTALL)
_MEDIA = (".mp4", ".mkv", ".webm", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".ts", ".gif", ".mp3", ".wav", ".m4a")
_STATUS_LETTERS = 100
Emitter = Callable[[dict[str, Any]], Awaitable[None]]


class Pipe:
    """A chat model that passes questions and their videos on to `agent serve`."""

    class Valves(BaseModel):
        url: str = Field(default="http://127.0.0.1:8000", description="where agent serve listens")
        token: str = Field(default="", description="its token, where it wants one")
        max_seconds: float = Field(default=300.0, gt=0, description="time of a question at most")

    def __init__(self) -> None:
        self.valves = self.Valves()
        self._uploaded: dict[str, str] = {}

    async def pipe(
        self,
        body: dict[str, Any],
        __files__: list[dict[str, Any]] | None = None,
        __event_emitter__: Emitter | None = None,
        __task__: str | None = None,
    ) -> AsyncIterator[str | dict[str, Any]]:
        if __task__:  # a title or tags are wanted: no question about the video
            return
        headers = {"authorization": f"Bearer {self.valves.token}"} if self.valves.token else {}
        timeout = httpx.Timeout(30.0, read=120.0)  # the server is never silent for so long
        async with httpx.AsyncClient(base_url=self.valves.url, headers=headers, timeout=timeout) as server:
            try:
                attached = [file for file in __files__ or [] if is_media(file)]
                file_ids = [await self._upload(server, file) for file in attached]
                asked = {
                    "model": "video-sleuth",
                    "stream": True,
                    "messages": list_messages(body["messages"], list(dict.fromkeys(file_ids))),
                    "video_sleuth": {"max_seconds": self.valves.max_seconds},
                }
                async for piece in self._ask(server, asked, __event_emitter__):
                    yield piece
            except httpx.HTTPStatusError as error:
                yield read_error(error.response.content)
            except httpx.HTTPError as error:
                yield f"Video Sleuth at {self.valves.url} can't be reached ({type(error).__name__})."
        if __event_emitter__ is not None:
            await __event_emitter__({"type": "status", "data": {"description": "Done", "done": True}})

    async def _ask(
        self, server: httpx.AsyncClient, asked: dict[str, Any], emitter: Emitter | None
    ) -> AsyncIterator[str | dict[str, Any]]:
        async with server.stream("POST", "/v1/chat/completions", json=asked) as response:
            if response.status_code != 200:
                yield read_error(await response.aread())
                return
            async for line in response.aiter_lines():
                if not line.startswith("data: {"):
                    continue
                chunk = json.loads(line.removeprefix("data: "))
                if "error" in chunk:
                    yield read_error(line.removeprefix("data: "))
                    return
                thought = chunk["choices"][0]["delta"].get("reasoning_content") if chunk["choices"] else None
                if thought and emitter is not None:
                    said = thought.strip().splitlines()[0][:_STATUS_LETTERS]
                    await emitter({"type": "status", "data": {"description": said, "done": False}})
                chunk.pop("video_sleuth", None)
                yield chunk

    async def _upload(self, server: httpx.AsyncClient, attached: dict[str, Any]) -> str:
        """The server's id of a video that was attached."""
        name = str(attached.get("id") or attached.get("file", {}).get("id"))
        known = self._uploaded.get(name)
        if known is not None and (await server.get(f"/v1/files/{known}")).status_code == 200:
            return known
        with (await find_path(attached, name)).open("rb") as content:
            sent = {"file": (str(attached.get("name") or "video.mp4"), content)}
            answered = await server.post("/v1/files", files=sent, data={"purpose": "user_data"}, timeout=600.0)
        answered.raise_for_status()
        self._uploaded[name] = answered.json()["id"]
        return self._uploaded[name]


def is_media(file: dict[str, Any]) -> bool:
    kind = str(file.get("content_type") or file.get("file", {}).get("meta", {}).get("content_type") or "")
    return kind.startswith(("video/", "audio/")) or str(file.get("name", "")).lower().endswith(_MEDIA)


async def find_path(file: dict[str, Any], name: str) -> Path:
    """Where Open WebUI keeps an attached file."""
    path = file.get("file", {}).get("path")
    if path is None:
        from open_webui.models.files import Files  # type: ignore[import-not-found]

        found = Files.get_file_by_id(name)
        path = (await found if inspect.isawaitable(found) else found).path
    if not Path(path).exists():  # it lies in an object store
        from open_webui.storage.provider import Storage  # type: ignore[import-not-found]

        path = Storage.get_file(path)
    return Path(path)


def list_messages(messages: list[dict[str, Any]], file_ids: list[str]) -> list[dict[str, Any]]:
    """The chat in words, as the server said them itself, with the videos beside the last question, in their order."""
    chat = [{"role": message["role"], "content": read_text(message)} for message in messages]
    if file_ids:
        words = {"type": "text", "text": chat[-1]["content"]}
        chat[-1]["content"] = [words, *({"type": "file", "file": {"file_id": name}} for name in file_ids)]
    return chat


def read_text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, list):
        content = "\n".join(part["text"] for part in content if part.get("type") == "text")
    return _THINKING.sub("", content)


def read_error(body: str | bytes) -> str:
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return "Video Sleuth gave no answer."
