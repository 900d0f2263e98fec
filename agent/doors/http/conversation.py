"""A chat as a question: the last thing that the user says, about the video, or the videos, that were sent last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agent.doors.http.errors import RequestRefusedError
from agent.doors.http.schemas import ChatMessage
from agent.doors.http.video_parts import GivenVideo, VideoSources


@dataclass(frozen=True)
class ChatQuestion:
    """A question of a chat, and its videos."""

    text: str
    videos: tuple[GivenVideo, ...]
    before: tuple[str, str] | None = None
    """The question before it, and its answer."""


def read_chat(messages: Sequence[ChatMessage], sources: VideoSources) -> ChatQuestion:
    """The question that a chat ends with. A follow-up need not send its video again.

    Args:
        messages: the chat.
        sources: where videos may come from.

    Raises:
        RequestRefusedError: there is no question or no video in it, or a video that can't be had.
    """
    said = [message for message in messages if message.role == "user"]
    if not said or messages[-1].role not in ("user", "tool"):
        raise RequestRefusedError(400, "the last message must be the user's question", "no_question")
    text = _read_text(said[-1])
    videos: tuple[GivenVideo, ...] = ()
    for message in reversed(said):
        videos = _find_videos(message, sources)
        if not videos:
            videos, without = sources.find_in_text(_read_text(message))
            text = without if message is said[-1] else text
        if videos:
            break
    if not videos:
        raise RequestRefusedError(
            400,
            "there is no video: send it as a part of type video_url or file, upload it with POST /v1/files, or name a "
            "file in an allowed folder",
            "no_video",
        )
    if not text.strip():
        raise RequestRefusedError(400, "there is no question beside the video", "no_question")
    return ChatQuestion(text.strip(), videos, _find_before(messages, sources))


def _find_before(messages: Sequence[ChatMessage], sources: VideoSources) -> tuple[str, str] | None:
    """The last question that was answered, as it was asked then, and its answer."""
    answers = [number for number, message in enumerate(messages) if message.role == "assistant"]
    said = [message for message in messages[: answers[-1]] if message.role == "user"] if answers else []
    if not said:
        return None
    return sources.find_in_text(_read_text(said[-1]))[1].strip(), _read_text(messages[answers[-1]])


def _find_videos(message: ChatMessage, sources: VideoSources) -> tuple[GivenVideo, ...]:
    videos = [video for part in _list_parts(message) if (video := sources.open_part(part)) is not None]
    return tuple({video.path: video for video in videos}.values())


def _read_text(message: ChatMessage) -> str:
    if isinstance(message.content, str):
        return message.content
    texts = [part.get("text") for part in _list_parts(message) if part.get("type") in ("text", "input_text")]
    return "\n".join(text for text in texts if isinstance(text, str))


def _list_parts(message: ChatMessage) -> Sequence[Mapping[str, Any]]:
    return message.content if isinstance(message.content, list) else ()
