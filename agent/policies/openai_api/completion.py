"""A chat completion, assembled from the pieces of a stream; a whole answer is a single piece.

The server's JSON is checked here, where it enters. Needed fields are read in every shape that servers give them; an
optional field that can't be read is None, and costs no reply.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WrapValidator

from agent.policies.openai_api.native_calls import NativeCalls
from agent.trajectory import Reply, Usage

_CUT = ("length", "max_tokens", "max_length", "model_length")
_PLAIN = ("text", "output_text")
_MOST_TOKENS = 10**9
"""A count beyond that is none: no context is as long, and it could not be priced."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class ChatCompletion:
    """The server's answer to one request."""

    reply: Reply
    usage: Usage
    """Token counts of the server; no seconds and no cost."""
    finish_reason: str
    prompt_token_ids: tuple[int, ...] | None = None
    """Ids of the prompt as the server had it, pictures expanded; None where not asked for or not given."""


def _check_or_none(value: object, check: Callable[[object], _T]) -> _T | None:
    try:
        return check(value)
    except (ValidationError, ValueError):
        return None


def _to_list(value: object) -> object:
    """A list as it is, and a single object as a list of one."""
    return [value] if isinstance(value, dict) and value else value


_NotNeeded = WrapValidator(_check_or_none)
_Count = Annotated[Annotated[int, Field(ge=0, le=_MOST_TOKENS)] | None, _NotNeeded]


class _Outside(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Part(_Outside):
    """A message, or the piece of one in a stream."""

    content: Any = None
    refusal: Annotated[str | None, _NotNeeded] = None
    reasoning_content: Any = None
    reasoning: Any = None
    thinking: Any = None
    tool_calls: Annotated[Annotated[list[dict[str, Any]], BeforeValidator(_to_list)] | None, _NotNeeded] = None
    function_call: Annotated[dict[str, Any] | None, _NotNeeded] = None
    """The single call of the API's older form."""


class _Logprob(_Outside):
    logprob: float


class _Logprobs(_Outside):
    content: list[_Logprob] | None = None


class _CompletionChoice(_Outside):
    index: _Count = None
    delta: _Part | None = None
    message: _Part | None = None
    text: Annotated[str | None, _NotNeeded] = None
    finish_reason: Annotated[str | None, _NotNeeded] = None
    logprobs: Annotated[_Logprobs | None, _NotNeeded] = None
    token_ids: Annotated[list[int] | None, _NotNeeded] = None


class _CachedTokens(_Outside):
    cached_tokens: _Count = None


class _ReportedUsage(_Outside):
    prompt_tokens: _Count = None
    completion_tokens: _Count = None
    prompt_tokens_details: Annotated[_CachedTokens | None, _NotNeeded] = None


class _CompletionDelta(_Outside):
    choices: Annotated[list[_CompletionChoice] | None, BeforeValidator(_to_list)] = None
    usage: Annotated[_ReportedUsage | None, _NotNeeded] = None
    prompt_token_ids: Annotated[list[int] | None, _NotNeeded] = None


class Assembly:
    """A completion that is being received, piece by piece."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls = NativeCalls()
        self._token_ids: list[int] | None = None
        self._logprobs: list[float] | None = None
        self._prompt_ids: list[int] | None = None
        self._usage = _ReportedUsage()
        self._index: int | None = None
        """Index of the choice that is read, which is the first to come."""
        self._finish_reason: str | None = None
        self._has_ended = False
        self._says_something = False

    @property
    def is_complete(self) -> bool:
        """True once the server has given a finish reason, or has ended a reply that is not empty."""
        return self._finish_reason is not None or (self._has_ended and self._says_something)

    def end(self) -> None:
        """Records that the stream was ended in form, with `[DONE]`."""
        self._has_ended = True

    def add(self, piece: Any) -> bool:
        """Adds a piece, as parsed from JSON; True if the piece holds something of the reply.

        Raises:
            ValueError: the piece is none of a completion; says where it differs.
        """
        try:
            checked = _CompletionDelta.model_validate(piece)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the top"
            raise ValueError(f"not a chat completion: at {where}: {first['msg']}") from None
        self._usage = checked.usage or self._usage
        self._prompt_ids = checked.prompt_token_ids or self._prompt_ids
        brought = [self._add_choice(choice) for choice in checked.choices or () if self._is_ours(choice)]
        return any(brought)

    def completion(self) -> ChatCompletion:
        """The completion received so far."""
        reply = Reply(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=self._calls.calls(),
            token_ids=None if self._token_ids is None else tuple(self._token_ids),
            logprobs=None if self._logprobs is None else tuple(self._logprobs),
            is_cut=self._finish_reason in _CUT,
        )
        cached = self._usage.prompt_tokens_details
        usage = Usage(
            prompt_tokens=self._usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens,
            cached_tokens=None if cached is None else cached.cached_tokens,
        )
        prompt_ids = None if self._prompt_ids is None else tuple(self._prompt_ids)
        return ChatCompletion(reply, usage, self._finish_reason or "", prompt_ids)

    def _is_ours(self, choice: _CompletionChoice) -> bool:
        if self._index is None:
            self._index = choice.index
        return choice.index in (None, self._index)

    def _add_choice(self, choice: _CompletionChoice) -> bool:
        self._finish_reason = (choice.finish_reason or "").lower() or self._finish_reason
        if choice.token_ids is not None:
            self._token_ids = self._token_ids or []
            self._token_ids += choice.token_ids
        if choice.logprobs is not None and choice.logprobs.content is not None:
            self._logprobs = self._logprobs or []
            self._logprobs += (token.logprob for token in choice.logprobs.content)
        is_whole = choice.delta is None and choice.message is not None
        part = choice.message if is_whole else choice.delta
        if is_whole:
            # in place of the pieces: some servers end a stream with the whole message once more
            self._text, self._reasoning, self._calls = [], [], NativeCalls()
            self._has_ended = True
        said = self._add_part(part, is_whole) if part is not None else self._add_words(choice.text or "", "")
        self._says_something = self._says_something or said
        return said or bool(choice.finish_reason)

    def _add_part(self, part: _Part, is_whole: bool) -> bool:
        thought, words = _split_thinking(part.content)
        thought += "".join(_split_thinking(part.reasoning_content or part.reasoning or part.thinking))
        calls = part.tool_calls or ([{"function": part.function_call}] if part.function_call else [])
        for call in calls:
            if is_whole:
                self._calls.add_whole(call)
            else:
                self._calls.add_piece(call)
        return self._add_words(words or part.refusal or "", thought) or bool(calls)

    def _add_words(self, words: str, thought: str) -> bool:
        self._text.append(words)
        self._reasoning.append(thought)
        return bool(words or thought)


def _split_thinking(content: object) -> tuple[str, str]:
    """The thinking and the text of a message, which some servers send as a list of parts, or parts within a part."""
    if isinstance(content, str):
        return "", content
    if isinstance(content, list):
        parts = [_split_thinking(part) for part in content]
        return "".join(thought for thought, _ in parts), "".join(words for _, words in parts)
    if not isinstance(content, dict):
        return "", ""
    if str(content.get("type", "")).startswith(("thinking", "reasoning")):
        inside = content.get("thinking") or content.get("reasoning") or content.get("text")
        return "".join(_split_thinking(inside)), ""
    return _split_thinking(content.get("text")) if content.get("type", "text") in _PLAIN else ("", "")
