"""One chat completion, put together from the pieces of a stream; a whole answer is a single piece.

What the server sends is checked here, where it enters. Keys of tool calls that we don't know are kept as they are:
Gemini wants its own back.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.trajectory import Reply, Usage

_CUT = ("length", "max_tokens")


@dataclass(frozen=True)
class Completion:
    """What came back of one request."""

    reply: Reply
    usage: Usage
    """Tokens as the server counts them; no seconds and no cost."""
    finish_reason: str
    prompt_token_ids: tuple[int, ...] | None = None
    """The prompt as the server had it, pictures expanded; None where it was not asked for or is not said."""


class _Outside(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _Part(_Outside):
    """A message, or what a stream adds to one."""

    content: str | list[dict[str, Any]] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class _Logprob(_Outside):
    logprob: float


class _Logprobs(_Outside):
    content: list[_Logprob] | None = None


class _Choice(_Outside):
    index: int = 0
    delta: _Part | None = None
    message: _Part | None = None
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    token_ids: list[int] | None = None


class _CachedTokens(_Outside):
    cached_tokens: int | None = None


class _Usage(_Outside):
    prompt_tokens: Annotated[int, Field(ge=0)] | None = None
    completion_tokens: Annotated[int, Field(ge=0)] | None = None
    prompt_tokens_details: _CachedTokens | None = None


class _Piece(_Outside):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    prompt_token_ids: list[int] | None = None


class Assembly:
    """A completion as it comes in."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._call_at: dict[object, int] = {}
        """Where a call lies in `_calls`, by its index and by its id."""
        self._token_ids: list[int] | None = None
        self._logprobs: list[float] | None = None
        self._prompt_ids: list[int] | None = None
        self._usage = _Usage()
        self._finish_reason: str | None = None

    @property
    def is_complete(self) -> bool:
        """True once the server has said why it stopped."""
        return self._finish_reason is not None

    def add(self, piece: Any) -> None:
        """Takes one piece, as parsed from JSON.

        Raises:
            ValueError: it is no piece of a completion; says where it differs.
        """
        try:
            checked = _Piece.model_validate(piece)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the top"
            raise ValueError(f"not a chat completion: at {where}: {first['msg']}") from None
        self._usage = checked.usage or self._usage
        self._prompt_ids = checked.prompt_token_ids or self._prompt_ids
        for choice in checked.choices or ():
            if choice.index == 0:
                self._add_choice(choice)

    def completion(self) -> Completion:
        """What has come in."""
        reply = Reply(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=tuple(_whole(call) for call in self._calls),
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
        return Completion(reply, usage, self._finish_reason or "", prompt_ids)

    def _add_choice(self, choice: _Choice) -> None:
        self._finish_reason = choice.finish_reason or self._finish_reason
        if choice.token_ids is not None:
            self._token_ids = self._token_ids or []
            self._token_ids += choice.token_ids
        if choice.logprobs is not None and choice.logprobs.content is not None:
            self._logprobs = self._logprobs or []
            self._logprobs += (token.logprob for token in choice.logprobs.content)
        part = choice.message or choice.delta
        if part is None:
            return
        self._text.append(_words(part.content) or part.refusal or "")
        self._reasoning.append(part.reasoning_content or part.reasoning or "")
        for call in part.tool_calls or ():
            self._add_call(call)

    def _add_call(self, piece: dict[str, Any]) -> None:
        at = self._place_of(piece)
        if at == len(self._calls):
            self._calls.append({key: value for key, value in piece.items() if key != "index"})
        else:
            self._calls[at] = _merged(self._calls[at], piece)
        for name in ("index", "id"):
            if isinstance(value := piece.get(name), int | str) and value != "":
                self._call_at[value] = at

    def _place_of(self, piece: dict[str, Any]) -> int:
        """Which call a piece belongs to; one past the last for a new one.

        Ids come first: some servers give every call of a turn the same index. Gemini gives none at all.
        """
        call_id, index = piece.get("id"), piece.get("index")
        if isinstance(call_id, str) and call_id:
            known = self._call_at.get(call_id)
            at_index = self._call_at.get(index) if isinstance(index, int) else None
            if known is None and at_index is not None and (not self._calls[at_index].get("id") or not _names(piece)):
                return at_index
            return len(self._calls) if known is None else known
        if isinstance(index, int):
            return self._call_at.get(index, len(self._calls))
        return max(0, len(self._calls) - 1)


def _words(content: str | list[dict[str, Any]] | None) -> str:
    """Text, which some servers send as a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if part.get("type") == "text")
    return content or ""


def _names(piece: dict[str, Any]) -> bool:
    """True for the beginning of a call; what only goes on has no name, even under an id of its own."""
    function = piece.get("function")
    return isinstance(function, dict) and bool(function.get("name"))


def _merged(call: dict[str, Any], piece: dict[str, Any]) -> dict[str, Any]:
    """The call so far with one more piece: arguments grow, everything else is said once."""
    merged = dict(call)
    for key, value in piece.items():
        if key == "function" and isinstance(value, dict) and isinstance(known := call.get(key), dict):
            merged[key] = known | {k: v for k, v in value.items() if v is not None} | _grown(known, value)
        elif isinstance(value, dict) and isinstance(known := call.get(key), dict):
            merged[key] = known | value
        elif value is not None and key != "index" and not call.get(key):
            merged[key] = value
    return merged


def _grown(known: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    grown: dict[str, Any] = {}
    before, after = known.get("arguments"), new.get("arguments")
    if isinstance(before, str) and isinstance(after, str):
        grown["arguments"] = before + after
    if known.get("name"):
        grown["name"] = known["name"]
    return grown


def _whole(call: dict[str, Any]) -> dict[str, Any]:
    """A tool call with the type that the API wants back; streams leave it out."""
    return {**call, "type": call.get("type") or "function"}
