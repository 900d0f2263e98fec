"""The dialect of a server: which parts of the chat-completions API it takes, found out from its refusals one by one.

The order of the rules matters; each is the wording of a real server, named beside it.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from agent.policies.openai_api.cures import CURES, SIZE
from agent.policies.openai_api.troubles import RefusedError

OPTIONAL = ("temperature", "top_p", "seed", "stop", "stream_options", "logprobs", "return_token_ids")
"""Parameters that a request can leave out."""

_NO_CURE = (401, 402, 403, 408, 429)
"""Statuses about the key or the rate of requests, which another form of the request would not change."""
_NO_STREAM = re.compile(
    r"\bstream(ing)?\b.{0,200}(not|un)\W?(supported|available|allowed)|\bstream\b.{0,200}must be (verified|false)", re.I
)
_TOOLS = re.compile(r"\btool|\bfunction|auto-tool-choice|--jinja", re.I)
_MOST_TOKENS = re.compile(
    r"at most (\d{1,9}) (?:completion|output|new) tokens|max_(?:completion_)?tokens\D{0,60}"
    r"(?:less than or equal to|at most|<=|maximum(?: value)? (?:is|of)|limit of) ?`?(\d{1,9})",
    re.I,
)
_MOST_PICTURES = re.compile(
    r"(?:at most|up to|no more than|maximum(?: number)?(?: of)?(?: images)?(?: is| of)?|limit(?: of| is)?) "
    r"(\d{1,6}) ?(?:images?|pictures?)|images?\b[^.\d]{0,60}\b(?:at most|up to|limit|maximum|max)\b\D{0,20}(\d{1,6})",
    re.I,
)
_SHORTER = (2000, 400)
"""Characters of each observation that are sent, tried in turn where fewer pictures alone don't make room."""


@dataclass(frozen=True)
class Dialect:
    """The form of requests that a server takes."""

    form: Literal["native", "text"] = "native"
    """Form of tool calls: by the server's own API, or in the text."""
    tool_pictures: Literal["inline", "after"] = "inline"
    """Place of a tool's pictures: in the tool message, or in a user message after it."""
    streams: bool = True
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    refused: frozenset[str] = frozenset()
    """Parameters that the server does not take."""
    cures: frozenset[str] = frozenset()
    """Names of the cures (`agent.policies.openai_api.cures`) that the server needs."""
    max_pictures: int | None = None
    """Pictures in one request that the server has room for; None is all."""
    max_result_characters: int | None = None
    """Characters of one observation that the server has room for; None is all."""
    recent_steps: int | None = None
    """Number of last steps that the server has room for; an answer is then due. None is all."""
    reply_tokens: int | None = None
    """Tokens of a reply that are asked for; None is as many as the options want."""

    @property
    def adapted(self) -> tuple[str, ...]:
        """The changes that no other field of a setup records: cures and lack of room."""
        room = (
            ("pictures a request", self.max_pictures),
            ("characters a result", self.max_result_characters),
            ("step of the past", self.recent_steps),
            ("tokens a reply", self.reply_tokens),
        )
        return (*sorted(self.cures), *(f"{limit} {what}" for what, limit in room if limit is not None))


@dataclass(frozen=True)
class RefusedRequest:
    """The parts of a refused request that another request could change."""

    tools: bool
    tool_pictures: bool
    parameters: frozenset[str]
    pictures: int = 0
    reply_tokens: int = 0


def adapt(dialect: Dialect, asked: RefusedRequest, refusal: RefusedError) -> Dialect | None:
    """The dialect with the one thing changed that a refusal names; None where there is none to change.

    Every change takes something away, so that asking again ends.

    Args:
        dialect: the dialect of the refused request.
        asked: the parts of that request that can change.
        refusal: the server's refusal.
    """
    if refusal.status in _NO_CURE:
        return None
    if dialect.token_limit == "max_tokens" and "max_completion_tokens" in refusal.text and not _is_size(refusal.text):
        return replace(dialect, token_limit="max_completion_tokens")  # OpenAI's reasoning models
    # OpenAI: "max_tokens is too large: 32000. This model supports at most 16384 completion tokens"
    # (https://github.com/enoch3712/ExtractThinker/issues/346)
    if 0 < (most := _find_first_number(_MOST_TOKENS, refusal.text)) < asked.reply_tokens:
        return replace(dialect, reply_tokens=most)
    if (name := _find_blamed(refusal, asked.parameters)) is not None:
        return replace(dialect, refused=dialect.refused | {name})
    if dialect.streams and (refusal.parameter == "stream" or _NO_STREAM.search(refusal.text)):
        return replace(dialect, streams=False)
    for cure in CURES:
        if cure.name not in dialect.cures and cure.sign.search(refusal.text):
            return replace(dialect, cures=dialect.cures | {cure.name})
    if refusal.status == 413 or _is_size(refusal.text):
        return _shrink(dialect, asked, refusal)
    # OpenAI: "Image URLs are only allowed for messages with role 'user', but this message with role 'tool' ..."; others
    # say no more than "invalid JSON request", so that any words will do
    if asked.tool_pictures and dialect.tool_pictures == "inline":
        return replace(dialect, tool_pictures="after")
    # vLLM: '"auto" tool choice requires --enable-auto-tool-choice'; Ollama: "... does not support tools";
    # Mistral: "Unexpected role 'user' after role 'tool'"
    if asked.tools and dialect.form == "native" and _TOOLS.search(refusal.text):
        return replace(dialect, form="text")
    return None


def is_full(refusal: RefusedError) -> bool:
    """True for a refusal of a request that is too large for the server."""
    return refusal.status == 413 or _is_size(refusal.text)


def _is_size(text: str) -> bool:
    return SIZE.search(text) is not None


def _shrink(dialect: Dialect, asked: RefusedRequest, refusal: RefusedError) -> Dialect | None:
    """The dialect of a smaller request: fewer pictures, as many as the refusal names or half; with one left, shorter
    observations; then the last step alone. None where nothing is left to cut."""
    if asked.pictures > 1:
        named = _find_first_number(_MOST_PICTURES, refusal.text)
        fewer = named if 0 < named < asked.pictures else asked.pictures // 2
        return replace(dialect, max_pictures=fewer)
    shorter = [n for n in _SHORTER if dialect.max_result_characters is None or n < dialect.max_result_characters]
    if shorter:
        return replace(dialect, max_result_characters=shorter[0])
    return replace(dialect, recent_steps=1) if dialect.recent_steps is None else None


def _find_first_number(pattern: re.Pattern[str], text: str) -> int:
    """The first number that a refusal names in the words of a pattern; 0 where there is none."""
    found = pattern.search(text)
    return next((int(number) for number in found.groups() if number), 0) if found else 0


def _find_blamed(refusal: RefusedError, sent: frozenset[str]) -> str | None:
    """The optional parameter that a refusal is about; of several the first, since some repeat the whole request.

    OpenAI: "Unsupported value: 'temperature' does not support 0 with this model", "Unrecognized request argument
    supplied: seed"; Gemini: 'Unknown name "seed"'; FastAPI: "'loc': ('body', 'seed')"; Anthropic: "`temperature` and
    `top_p` cannot both be specified for this model" (https://github.com/skydiscover-ai/skydiscover/issues/15), where
    the temperature is what was asked for.
    """
    if "top_p" in sent and re.search(r"temperature\W{1,3}and\W{1,3}top_p\b.{0,20}\bboth\b", refusal.text):
        return "top_p"
    if refusal.parameter in sent:
        return refusal.parameter
    found = {
        name: match.start()
        for name in sent
        if (match := re.search(rf"""['"`]{name}['"`]|\b{name}:|\barguments? supplied: {name}\b""", refusal.text))
    }
    return min(found, key=found.__getitem__) if found else None
