"""What of the chat-completions API a server takes: found out from its refusals, a step at a time.

The order of the rules matters; each is the wording of a real server, named beside it.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from agent.chat.client import RefusedError

OPTIONAL = ("temperature", "top_p", "seed", "stop", "stream_options", "logprobs", "return_token_ids")
"""Parameters that a request can do without."""

_STATUSES = (400, 404, 405, 415, 422, 500, 501)
_SIZE = re.compile(
    r"context (length|window|size)|maximum context|too (many|large|long)|at most \d+ (image|picture)|exceed", re.I
)
_NO_STREAM = re.compile(
    r"\bstream(ing)?\b.*(not|un)\W?(supported|available|allowed)|\bstream\b.*must be (verified|false)", re.I
)
_TOOLS = re.compile(r"\btool|\bfunction|auto-tool-choice|--jinja", re.I)


@dataclass(frozen=True)
class Dialect:
    """How a server is to be asked."""

    form: Literal["native", "text"] = "native"
    """Tool calls by its own API, or in the text."""
    tool_pictures: Literal["inline", "after"] = "inline"
    """Whether pictures may stand in tool messages, or follow in a user message."""
    streams: bool = True
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    refused: frozenset[str] = frozenset()
    """Parameters that it does not take."""


@dataclass(frozen=True)
class Asked:
    """What of it was in the request that a server refused."""

    tools: bool
    tool_pictures: bool
    parameters: frozenset[str]


def adapted(dialect: Dialect, asked: Asked, refusal: RefusedError) -> Dialect | None:
    """The dialect with the one thing changed that the refusal names; None where nothing of it can be.

    Every change takes something away, so that asking again ends.
    """
    if refusal.status not in _STATUSES or _SIZE.search(refusal.text):
        return None
    if dialect.token_limit == "max_tokens" and "max_completion_tokens" in refusal.text:  # OpenAI's reasoning models
        return replace(dialect, token_limit="max_completion_tokens")
    if (name := _blamed(refusal, asked.parameters)) is not None:
        return replace(dialect, refused=dialect.refused | {name})
    if dialect.streams and (refusal.parameter == "stream" or _NO_STREAM.search(refusal.text)):
        return replace(dialect, streams=False)
    # OpenAI: "Image URLs are only allowed for messages with role 'user', but this message with role 'tool' ..."; others
    # say no more than "invalid JSON request", so that any words will do
    if asked.tool_pictures and dialect.tool_pictures == "inline":
        return replace(dialect, tool_pictures="after")
    # vLLM: '"auto" tool choice requires --enable-auto-tool-choice'; Ollama: "... does not support tools";
    # Mistral: "Unexpected role 'user' after role 'tool'"
    if asked.tools and dialect.form == "native" and _TOOLS.search(refusal.text):
        return replace(dialect, form="text")
    return None


def _blamed(refusal: RefusedError, sent: frozenset[str]) -> str | None:
    """The optional parameter that the refusal is about; of several the first, since some repeat the whole request.

    OpenAI: "Unsupported value: 'temperature' does not support 0 with this model", "Unrecognized request argument
    supplied: seed"; Gemini: 'Unknown name "seed"'; FastAPI: "'loc': ('body', 'seed')".
    """
    if refusal.parameter in sent:
        return refusal.parameter
    found = {
        name: match.start()
        for name in sent
        if (match := re.search(rf"""['"`]{name}['"`]|\b{name}:|\barguments? supplied: {name}\b""", refusal.text))
    }
    return min(found, key=found.__getitem__) if found else None
