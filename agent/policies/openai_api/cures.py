"""Refusals with a known cure: another form of the same messages for a server that can't take the usual one.

Each cure is tried once a run, when the words of a refusal name it, and kept from then on. The words are those of real
servers, with a report beside them. The content of a request never changes, only its form.
"""

import hashlib
import re
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Messages = list[dict[str, Any]]

_ALPHANUMERIC = string.ascii_letters + string.digits
_NO_WORDS = "(no words)"

SIZE = re.compile(
    r"context (length|window|size)|maximum context|context.{0,20}overflow|n_ctx|num_ctx|\btoo (large|long)\b|"
    r"too many (images|pictures|tokens)|at most \d{1,6} (image|picture)|reduce the length|"
    r"(images?|pictures?|prompt|input|tokens?)\b.{0,40}\bexceed|exceed(s|ed)?\b.{0,40}(context|token|image|prompt|input)",
    re.I,
)
"""Words of a refusal of a request that is too large. llama.cpp: "the request exceeds the available context size";
vLLM: "This model's maximum context length is 4096 tokens", "At most 1 image(s) may be provided in one prompt."; LM
Studio: "Trying to keep the first 15857 tokens when context the overflows"
(https://github.com/lmstudio-ai/lmstudio-bug-tracker/issues/237)."""


@dataclass(frozen=True)
class Cure:
    """A change of the form of messages, and the refusals that ask for it."""

    name: str
    """Name of the cure, as a run records it."""
    sign: re.Pattern[str]
    """Words of a refusal that ask for the cure."""
    mend: Callable[[Messages], Messages]
    """Gives other messages for those of the chat-completions API; changes nothing in place."""


def is_known(text: str) -> bool:
    """True for the words of a refusal that another request may cure, whatever its status."""
    return SIZE.search(text) is not None or any(cure.sign.search(text) for cure in CURES)


def apply_cures(messages: Messages, names: Iterable[str]) -> Messages:
    """Messages with the named cures applied, in the order of `CURES`."""
    wanted = set(names)
    for cure in CURES:
        if cure.name in wanted:
            messages = cure.mend(messages)
    return messages


def _move_system(messages: Messages) -> Messages:
    return _join_neighbours([m | {"role": "user"} if m["role"] in ("system", "developer") else m for m in messages])


def _join_neighbours(messages: Messages) -> Messages:
    """Messages with neighbours of one role joined; tool messages stay apart, each answers a call of its own."""
    joined: Messages = []
    for message in messages:
        last = joined[-1] if joined else None
        if last is None or last["role"] != message["role"] or message["role"] == "tool" or "tool_calls" in last:
            joined.append(message)
            continue
        content = [*_to_parts(last["content"]), {"type": "text", "text": "\n\n"}, *_to_parts(message["content"])]
        if all(part["type"] == "text" for part in content):
            joined[-1] = last | message | {"content": "".join(part["text"] for part in content)}
        else:
            joined[-1] = last | message | {"content": content}
    return joined


def _to_parts(content: Any) -> list[dict[str, Any]]:
    return content if isinstance(content, list) else [{"type": "text", "text": content or ""}]


def _shorten_ids(messages: Messages) -> Messages:
    """Messages whose call ids are nine letters and digits, the same for a call and its result."""
    return [_rename_ids(message, _shorten_id) for message in messages]


def _rename_ids(message: dict[str, Any], renamed: Callable[[str], str]) -> dict[str, Any]:
    if message["role"] == "tool":
        return message | {"tool_call_id": renamed(message["tool_call_id"])}
    if "tool_calls" in message:
        return message | {"tool_calls": [call | {"id": renamed(str(call["id"]))} for call in message["tool_calls"]]}
    return message


def _shorten_id(call_id: str) -> str:
    if len(call_id) == 9 and call_id.isascii() and call_id.isalnum():
        return call_id
    number = int.from_bytes(hashlib.blake2b(call_id.encode(), digest_size=8).digest())
    digits = []
    for _ in range(9):
        number, digit = divmod(number, len(_ALPHANUMERIC))
        digits.append(_ALPHANUMERIC[digit])
    return "".join(digits)


def _fill_empty(messages: Messages) -> Messages:
    """Messages without an empty one of the model."""
    return [
        m | {"content": _NO_WORDS} if m["role"] == "assistant" and not str(m["content"] or "").strip() else m
        for m in messages
    ]


def _sign_calls(messages: Messages) -> Messages:
    """Messages whose calls have a signature: the one that Google documents for calls of another model where none is."""
    return [
        m | {"tool_calls": [_add_signature(call, number) for number, call in enumerate(m["tool_calls"])]}
        if "tool_calls" in m
        else m
        for m in messages
    ]


def _add_signature(call: dict[str, Any], number: int) -> dict[str, Any]:
    if number or "extra_content" in call:  # of parallel calls only the first one carries a signature
        return call
    return call | {"extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}}


def _add_tool_names(messages: Messages) -> Messages:
    """Messages whose results bear the name of their tool too."""
    names: dict[str, str] = {}
    named: Messages = []
    for message in messages:
        for call in message.get("tool_calls", ()):
            names[str(call["id"])] = str(call["function"].get("name", ""))
        is_result = message["role"] == "tool"
        named.append(message | {"name": names.get(message["tool_call_id"], "tool")} if is_result else message)
    return named


def _flatten_pictures(messages: Messages) -> Messages:
    """Messages whose pictures are bare data URIs."""

    def plain(part: dict[str, Any]) -> dict[str, Any]:
        return part | {"image_url": part["image_url"]["url"]} if part["type"] == "image_url" else part

    return [
        m | {"content": [plain(p) for p in m["content"]]} if isinstance(m["content"], list) else m for m in messages
    ]


def _add_thinking(messages: Messages) -> Messages:
    """Messages with the model's thinking beside its words, as it came, empty where the rendering set none."""
    return [
        m | {"reasoning_content": m.get("reasoning_content", "")} if m["role"] == "assistant" else m for m in messages
    ]


THINKING_SENT_BACK = "thinking sent back"
"""Name of the cure that the rendering of messages has to know, since it adds the thinking."""

CURES = (
    # Gemma's template: "System role not supported" (https://github.com/sgl-project/sglang/issues/892); Gemini API:
    # "Developer instruction is not enabled for models/gemma-3-27b-it"; Groq: "prompting with images is incompatible
    # with system messages" (https://github.com/aaif-goose/goose/pull/494)
    Cure(
        "system prompt in the first question",
        re.compile(
            r"\b(system|developer) (role|message|prompt|instruction)s?\b.{0,40}\b(not|isn't|unsupported)\b|"
            r"(not support|unsupported|incompatible with|unknown|invalid|unexpected).{0,40}\bsystem\b|"
            r"role.{0,10}\bsystem\b.{0,40}\b(not|unsupported)\b",
            re.I,
        ),
        _move_system,
    ),
    # vLLM with Mistral's template: "After the optional system message, conversation roles must alternate
    # user/assistant/user/assistant/..." (https://github.com/vllm-project/vllm/issues/6862)
    Cure(
        "one message a turn",
        re.compile(r"\broles? must alternate|must alternate between|consecutive .{0,40}(messages|roles?)", re.I),
        _join_neighbours,
    ),
    # Mistral: "Tool call id was call_abc but must be a-z, A-Z, 0-9, with a length of 9."
    # (https://github.com/anomalyco/opencode/issues/1680)
    Cure("call ids of 9 characters", re.compile(r"call.?id.{0,300}length of 9", re.I), _shorten_ids),
    # DeepSeek: "The `reasoning_content` in the thinking mode must be passed back to the API."
    # (https://github.com/earendil-works/pi/issues/3636)
    Cure(
        THINKING_SENT_BACK,
        re.compile(
            r"reasoning_content.{0,60}(passed back|missing|required|must)|missing.{0,40}reasoning_content", re.I
        ),
        _add_thinking,
    ),
    # Gemini 3: "Function call is missing a thought_signature in functionCall parts."
    # (https://github.com/langroid/langroid/pull/969, https://github.com/vercel/ai/pull/15560)
    Cure("calls signed", re.compile(r"missing.{0,20}thought_?signature", re.I), _sign_calls),
    # Mistral: "Assistant message must have either content or tool_calls, but not none."; Anthropic: "messages: text
    # content blocks must be non-empty"
    Cure(
        "no empty messages",
        re.compile(
            r"must have either content or tool_calls|non-empty content|empty (assistant|message|content)|"
            r"content.{0,40}\b(be non-?empty|(not|can't|cannot) be empty|is empty|contain non-whitespace)",
            re.I,
        ),
        _fill_empty,
    ),
    # Gemini: "GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty"
    Cure("results under the names of tools", re.compile(r"function_?response\.name", re.I), _add_tool_names),
    # servers that take Mistral's form of a picture only: "image_url: Input should be a valid string"
    Cure(
        "pictures as plain strings",
        re.compile(r"image_url.{0,60}(should|must) be a (valid )?string", re.I),
        _flatten_pictures,
    ),
)
