"""Training rows of SFT: conversations in a model's token ids, with the mask of the policy's tokens and the pictures.

Rendered by `agent.rendering.messages` and tokenised by `agent.rendering.tokens`, as when the model is asked: what is
trained on is what it will see, to the token and to the pixel.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.policies.local.image_processing import ImageProcessor, measure_jpeg
from agent.policy import PolicyOptions
from agent.rendering.messages import Conversation, Message, Text, render
from agent.rendering.tokens import ChatTokenizer, fetch_pictures
from agent.trajectory import Reply, from_json
from evals.runner.run_file import TRAJECTORIES
from rl.data.as_reply import write_replies
from rl.data.reopen import reopen_toolbox
from tools.plain_data import read_plain_lines
from tools.schema import ToolSpec


@dataclass(frozen=True)
class TrainingConversation:
    """One conversation as token ids, with the mask of its loss."""

    ids: tuple[int, ...]
    is_policy: tuple[bool, ...]
    """True for the tokens that the policy chose; the loss counts these and no others."""
    jpegs: tuple[bytes, ...] = ()
    """Pictures as JPEG files, in the order of their tokens."""


@dataclass(frozen=True)
class Rows:
    """The conversations that fit `max_tokens`, and the number of those that did not."""

    rows: tuple[TrainingConversation, ...]
    too_long: int


def read_rows(
    paths: Sequence[Path],
    scribe: ChatTokenizer,
    specs: Sequence[ToolSpec],
    max_tokens: int,
    eyes: ImageProcessor | None = None,
    max_frame_pixels: int = PolicyOptions().max_frame_pixels,
) -> Rows:
    """Reads the conversations of runs and files, in order.

    Args:
        paths: runs, their files, or files of `{"messages": [...]}` lines.
        scribe: tokenises for the model.
        specs: the tools that the system message of a run offers.
        max_tokens: longest conversation; longer ones are left out.
        eyes: the model's image processor; None where it only reads, and each picture is then a word.
        max_frame_pixels: pixels of the largest picture that the model is shown.

    Raises:
        ValueError: a file or a line can't be read, pictures can't be had, or nothing is left.
    """
    reader = _RowEncoder(scribe, specs, eyes, PolicyOptions(max_frame_pixels=max_frame_pixels))
    rows = [row for path in paths for row in _read_file(path, reader)]
    fit = tuple(row for row in rows if len(row.ids) <= max_tokens)
    if not fit:
        raise ValueError(f"nothing to learn: {len(rows)} conversations, {len(rows)} longer than {max_tokens} tokens")
    return Rows(fit, len(rows) - len(fit))


@dataclass(frozen=True)
class _RowEncoder:
    """Encodes lines of JSON as rows for one model."""

    scribe: ChatTokenizer
    specs: Sequence[ToolSpec]
    eyes: ImageProcessor | None
    options: PolicyOptions

    def row(self, line: str) -> TrainingConversation:
        if '"messages"' in line[:200]:
            return self._encode_conversation(_parse_chat(line))
        trajectory = write_replies(from_json(line))
        sees = self.eyes is not None
        conversation = render(trajectory, self.specs, "text", self.options, sees_pictures=sees)
        if not conversation.pictures:
            return self._encode_conversation(conversation)
        with reopen_toolbox(trajectory) as toolbox:
            shown = fetch_pictures(conversation, toolbox.picture)
        return self._encode_conversation(shown.conversation, shown.jpegs)

    def _encode_conversation(self, conversation: Conversation, jpegs: tuple[bytes, ...] = ()) -> TrainingConversation:
        tokens = self.scribe.write(conversation)
        if self.eyes is not None:
            tokens = tokens.expanded([measure_jpeg(self.eyes, jpeg).span for jpeg in jpegs])
        return TrainingConversation(tokens.ids, tokens.sampled, jpegs)


def _read_file(path: Path, reader: _RowEncoder) -> Iterator[TrainingConversation]:
    file = path / TRAJECTORIES if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"nothing to learn from at {path}: need a run, or a file of JSON lines")
    for number, line in read_plain_lines(file):
        try:
            yield reader.row(line)
        except ValueError as error:
            raise ValueError(f"{file}, line {number}: {error}") from error


class _RowMessage(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class _Chat(BaseModel):
    """A line of a user's own conversations."""

    model_config = ConfigDict(extra="forbid")

    messages: Annotated[list[_RowMessage], Field(min_length=2)]


_CHAT: TypeAdapter[_Chat] = TypeAdapter(_Chat)


def _parse_chat(line: str) -> Conversation:
    try:
        messages = _CHAT.validate_json(line).messages
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    roles = [message.role for message in messages]
    if roles[0] == "assistant" or "assistant" not in roles:
        raise ValueError(f"need a user's message and then an assistant's, got {', '.join(roles)}")
    return Conversation(tuple(_make_message(message) for message in messages), ())


def _make_message(message: _RowMessage) -> Message:
    if message.role == "assistant":
        return Message("assistant", reply=Reply(message.content))
    return Message(message.role, (Text(message.content),))
