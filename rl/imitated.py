"""What SFT learns from: conversations in a model's ids, with the tokens that the policy chose.

Rendered by `agent.messages` and written by `agent.tokens`, as when the model plays: what is trained on is what it will
see, to the token.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from agent.messages import Conversation, Message, Text, render
from agent.policy import PolicyOptions
from agent.tokens import Scribe
from agent.trajectory import Reply, from_json
from evals.run_file import TRAJECTORIES
from rl.spoken import told
from tools.schema import ToolSpec


@dataclass(frozen=True)
class Row:
    """One conversation."""

    ids: tuple[int, ...]
    is_policy: tuple[bool, ...]
    """True for the tokens that the policy chose; the loss counts these and no others."""


@dataclass(frozen=True)
class Rows:
    """All conversations that fit, and how many did not."""

    rows: tuple[Row, ...]
    too_long: int


def read_rows(paths: Sequence[Path], scribe: Scribe, specs: Sequence[ToolSpec], max_tokens: int) -> Rows:
    """The conversations of runs and files, in order.

    Args:
        paths: runs, their files, or files of `{"messages": [...]}` lines.
        scribe: writes in the ids of the model.
        specs: the tools that the system message of a run offers.
        max_tokens: what is longer is left out.

    Raises:
        ValueError: a file or a line can't be read, pictures are in it, or nothing is left.
    """
    rows = [_row(conversation, scribe) for path in paths for conversation in _conversations(path, specs)]
    fit = tuple(row for row in rows if len(row.ids) <= max_tokens)
    if not fit:
        raise ValueError(f"nothing to learn: {len(rows)} conversations, {len(rows)} longer than {max_tokens} tokens")
    return Rows(fit, len(rows) - len(fit))


def _row(conversation: Conversation, scribe: Scribe) -> Row:
    tokens = scribe.write(conversation)
    return Row(tokens.ids, tokens.sampled)


def _conversations(path: Path, specs: Sequence[ToolSpec]) -> Iterator[Conversation]:
    file = path / TRAJECTORIES if path.is_dir() else path
    if not file.is_file():
        raise ValueError(f"nothing to learn from at {path}: need a run, or a file of JSON lines")
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield _conversation(line, specs)
        except ValueError as error:
            raise ValueError(f"{file}, line {number}: {error}") from error


def _conversation(line: str, specs: Sequence[ToolSpec]) -> Conversation:
    if '"messages"' in line[:200]:
        return _chat(line)
    return render(told(from_json(line)), specs, "text", PolicyOptions(), sees_pictures=False)


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "user", "assistant"]
    content: str


class _Chat(BaseModel):
    """A line of one's own."""

    model_config = ConfigDict(extra="forbid")

    messages: Annotated[list[_Message], Field(min_length=2)]


_CHAT: TypeAdapter[_Chat] = TypeAdapter(_Chat)


def _chat(line: str) -> Conversation:
    try:
        messages = _CHAT.validate_json(line).messages
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    roles = [message.role for message in messages]
    if roles[0] == "assistant" or "assistant" not in roles:
        raise ValueError(f"need a user's message and then an assistant's, got {', '.join(roles)}")
    return Conversation(tuple(_said(message) for message in messages), ())


def _said(message: _Message) -> Message:
    if message.role == "assistant":
        return Message("assistant", reply=Reply(message.content))
    return Message(message.role, (Text(message.content),))
