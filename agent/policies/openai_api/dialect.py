"""What of the chat-completions API a server takes: found out from its refusals, a step at a time.

The order of the rules matters; each is the wording of a real server, named beside it.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal

from agent.policies.openai_api.cures import CURES, SIZE
from agent.policies.openai_api.troubles import RefusedError

OPTIONAL = ("temperature", "top_p", "seed", "stop", "stream_options", "logprobs", "return_token_ids")
"""Parameters that a request can do without."""

_NO_CURE = (401, 402, 403, 408, 429)
"""Who asks, and how often: nothing that another form of the request would change."""
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
"""Characters of each result that are sent where pictures alone can't make room."""


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
    cures: frozenset[str] = frozenset()
    """Names of the `agent.policies.openai_api.cures` that it needs."""
    max_pictures: int | None = None
    """Pictures a request that it has room for; None is as many as there are."""
    max_result_characters: int | None = None
    """Words of one result that it has room for; None is all."""
    recent_steps: int | None = None
    """Steps of the run that it has room for, the last ones; None is all. An answer is then due."""
    reply_tokens: int | None = None
    """Tokens of a reply, where it is not as many as were wanted."""

    @property
    def adapted(self) -> tuple[str, ...]:
        """What of it no other record says: cures and lack of room."""
        room = (
            ("pictures a request", self.max_pictures),
            ("characters a result", self.max_result_characters),
            ("step of the past", self.recent_steps),
            ("tokens a reply", self.reply_tokens),
        )
        return (*sorted(self.cures), *(f"{limit} {what}" for what, limit in room if limit is not None))


@dataclass(frozen=True)
class RefusedRequest:
    """What of it was in the request that a server refused."""

    tools: bool
    tool_pictures: bool
    parameters: frozenset[str]
    pictures: int = 0
    reply_tokens: int = 0


def adapted(dialect: Dialect, asked: RefusedRequest, refusal: RefusedError) -> Dialect | None:
    """The dialect with the one thing changed that the refusal names; None where nothing of it can be.

    Every change takes something away, so that asking again ends.
    """
    if refusal.status in _NO_CURE:
        return None
    if dialect.token_limit == "max_tokens" and "max_completion_tokens" in refusal.text and not _is_size(refusal.text):
        return replace(dialect, token_limit="max_completion_tokens")  # OpenAI's reasoning models
    # OpenAI: "max_tokens is too large: 32000. This model supports at most 16384 completion tokens"
    # (https://github.com/enoch3712/ExtractThinker/issues/346)
    if 0 < (most := _first_number(_MOST_TOKENS, refusal.text)) < asked.reply_tokens:
        return replace(dialect, reply_tokens=most)
    if (name := _blamed(refusal, asked.parameters)) is not None:
        return replace(dialect, refused=dialect.refused | {name})
    if dialect.streams and (refusal.parameter == "stream" or _NO_STREAM.search(refusal.text)):
        return replace(dialect, streams=False)
    for cure in CURES:
        if cure.name not in dialect.cures and cure.sign.search(refusal.text):
            return replace(dialect, cures=dialect.cures | {cure.name})
    if refusal.status == 413 or _is_size(refusal.text):
        return _smaller(dialect, asked, refusal)
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
    """True if the server has no room for so much."""
    return refusal.status == 413 or _is_size(refusal.text)


def _is_size(text: str) -> bool:
    return SIZE.search(text) is not None


def _smaller(dialect: Dialect, asked: RefusedRequest, refusal: RefusedError) -> Dialect | None:
    """Fewer pictures, as many as are named or half of them; with one left fewer words; then the last step alone."""
    if asked.pictures > 1:
        named = _first_number(_MOST_PICTURES, refusal.text)
        fewer = named if 0 < named < asked.pictures else asked.pictures // 2
        return replace(dialect, max_pictures=fewer)
    shorter = [n for n in _SHORTER if dialect.max_result_characters is None or n < dialect.max_result_characters]
    if shorter:
        return replace(dialect, max_result_characters=shorter[0])
    return replace(dialect, recent_steps=1) if dialect.recent_steps is None else None


def _first_number(pattern: re.Pattern[str], text: str) -> int:
    """The first number that a refusal names in these words; 0 where there is none."""
    found = pattern.search(text)
    return next((int(number) for number in found.groups() if number), 0) if found else 0


def _blamed(refusal: RefusedError, sent: frozenset[str]) -> str | None:
    """The optional parameter that the refusal is about; of several the first, since some repeat the whole request.

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
