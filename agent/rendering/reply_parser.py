"""Parses a model's reply: thinking, then tool calls or an answer. Never raises; an unusable reply says why."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from agent.rendering.answer_parser import read_answer, strip_fence
from agent.rendering.bare_calls import OPENS, parse_bare_calls
from agent.rendering.sanitize import escape_markup
from agent.trajectory import Answer, Calls, Malformed, Move, Reply, ToolCall, Trajectory, Turn, Usage, make_call_ids
from tools.observation import FrameRef
from tools.plain_data import loads_json

_ANSWER = re.compile(r"<answer>(.*?)(?:</answer>|\Z)", re.S)
_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.S)
_FIRST = re.compile(rf"<answer>|{OPENS.pattern}")
_OWN_TAG = re.compile(r"<[ \t]?(/?)(answer|tool_call|think)[ \t]?>", re.I)
_THOUGHT = re.compile(r"<(/?)(?:[a-z]{1,10}:think|thinking|thought|reasoning)>|\[(/?)THINK\]|◁(/?)think▷", re.I)
"""Marks of thinking beside `<think>`: those of Seed, Magistral, Kimi and models told to use some."""
_ADAPTER: TypeAdapter[Turn] = TypeAdapter(Turn)
_EXCERPT = 120
"""Characters of a model's words that an error message quotes."""


@dataclass(frozen=True)
class _ReplyParts:
    """A reply, divided into thinking and the rest."""

    thought: str
    rest: str
    """Text of the reply that is not thinking."""
    why_not: str = ""
    """Why the reply can't be used; empty where it can."""


def parse_reply(reply: Reply, usage: Usage, trajectory: Trajectory, dropped: tuple[FrameRef, ...] = ()) -> Turn:
    """Parses a model's reply to the turn that it stands for.

    Args:
        reply: reply of the model.
        usage: cost of the request.
        trajectory: the trajectory before the turn, which call ids and evidence refer to.
        dropped: pictures that the request left out.
    """
    if trajectory.question.is_verbatim:
        move = Answer(reply.text) if reply.text.strip() else Malformed(reply.text, "the reply is empty")
        turn = Turn(reply.reasoning, move, usage, reply, dropped=dropped)
        return _make_turn_saveable(turn, reply)
    parts = _split_reply(reply)
    turn = Turn(parts.thought, _parse_move(parts, reply, trajectory), usage, reply, dropped=dropped)
    return _make_turn_saveable(turn, reply)


def _make_turn_saveable(turn: Turn, reply: Reply) -> Turn:
    """The turn, or a Malformed one where it could not be saved."""
    try:
        _ADAPTER.dump_json(turn)
    except ValueError as error:  # a turn that can't be saved can't be replayed either
        is_unicode = "surrogates not allowed" not in str(error)  # half a pair, from an escape in JSON
        why = "is nested too deep" if is_unicode else "holds characters that are no valid Unicode"
        return Turn("", Malformed("", f"the reply {why}"), turn.usage, _make_saveable(reply))
    return turn


def _make_saveable(reply: Reply) -> Reply:
    return Reply(reply.text.encode("utf-8", "replace").decode(), token_ids=reply.token_ids, logprobs=reply.logprobs)


def _normalize_tags(text: str) -> str:
    """A text with its tags in our spelling, and marks of thinking of other families as `<think>`."""
    text = _OWN_TAG.sub(lambda tag: f"<{tag[1]}{tag[2].lower()}>", text)
    if not any(any(tag.groups()) for tag in _THOUGHT.finditer(text)):
        return text
    return _THOUGHT.sub(lambda tag: "</think>" if any(tag.groups()) else "<think>", text)


def _split_reply(reply: Reply) -> _ReplyParts:
    text = _normalize_tags(reply.text)
    if not text.strip() and not reply.tool_calls and (said := _find_end_of_thinking(reply.reasoning)):
        return _ReplyParts(reply.reasoning.removesuffix(said).strip(), said)
    before, closed, after = text.rpartition("</think>")
    if closed:
        # some templates open <think> themselves, so that only its end is in the reply
        thought = before.replace("<think>", "").replace("</think>", "")
        return _ReplyParts(_join_thoughts(reply.reasoning, thought), after)
    if "<think>" in text:
        if not reply.tool_calls and (said := _find_end_of_thinking(text)):
            return _ReplyParts(_join_thoughts(reply.reasoning, text.removesuffix(said).replace("<think>", "")), said)
        return _ReplyParts(_join_thoughts(reply.reasoning, text.replace("<think>", "")), "", "<think> is never closed")
    first = _FIRST.search(text)
    spoken = text[: first.start()] if first else text if reply.tool_calls else ""
    return _ReplyParts(_join_thoughts(reply.reasoning, spoken), text[first.start() :] if first else text)


def _find_end_of_thinking(text: str) -> str:
    """The answer or the calls at the end of a text of thinking; empty if there are none.

    Servers that take thinking apart from the text put all of it there when the model does not close its thoughts.
    """
    text = text.rstrip()
    opens, closes = ("<answer>", "</answer>") if text.endswith("</answer>") else ("<tool_call>", "</tool_call>")
    if not text.endswith(closes):
        return ""
    start = text.rfind(opens)
    while start > 0 and opens == "<tool_call>" and text[:start].rstrip().endswith(closes):
        start = text.rfind(opens, 0, start)
    return text[start:] if start >= 0 else ""


def _join_thoughts(reasoning: str, thought: str) -> str:
    return "\n".join(part for part in (reasoning.strip(), thought.strip()) if part)


def _parse_move(parts: _ReplyParts, reply: Reply, trajectory: Trajectory) -> Move:
    cut = "the reply was cut off at its token limit: think shorter" if reply.is_cut else ""
    if parts.why_not:
        return Malformed(reply.text, cut or parts.why_not)
    if "<tool_response>" in parts.rest:
        return Malformed(reply.text, "<tool_response> is for tools; wait for what they bring")
    answers, written = _ANSWER.findall(parts.rest), _CALL.findall(parts.rest)
    if cut and (answers or written) and not parts.rest.rstrip().endswith(("</answer>", "</tool_call>")):
        return Malformed(reply.text, cut)
    if answers and (written or reply.tool_calls):
        return Malformed(reply.text, "it both calls tools and answers; do one of the two")
    if len({answer.strip() for answer in answers}) > 1:
        return Malformed(reply.text, f"it has {len(answers)} answers; give one")
    if answers:
        return read_answer(answers[0], trajectory)
    if reply.tool_calls:
        return _build_calls([_parse_native_call(call) for call in reply.tool_calls], reply, trajectory)
    if written:
        return _build_calls([call for text in written for call in _parse_written_calls(text)], reply, trajectory)
    if not cut and (bare := parse_bare_calls(parts.rest)):
        return _build_calls([_check_call(call["name"], call["arguments"]) for call in bare], reply, trajectory)
    if not cut and _is_sheet(parts.rest):
        return read_answer(parts.rest, trajectory)
    why = "the reply is empty" if not parts.rest.strip() else "it has neither a tool call nor <answer>...</answer>"
    return Malformed(reply.text, cut or why)


def _is_sheet(text: str) -> bool:
    """Whether a text is an answer's JSON without its tags."""
    try:
        loaded = loads_json(strip_fence(text))
    except ValueError:
        return False
    return isinstance(loaded, dict) and not {"answer", "summary", "predictions"}.isdisjoint(loaded)


def _build_calls(found: Sequence[tuple[str, dict[str, Any]] | str], reply: Reply, trajectory: Trajectory) -> Move:
    misfits = [item for item in found if isinstance(item, str)]
    if misfits:
        return Malformed(reply.text, misfits[0])
    ids = make_call_ids(trajectory, len(found))
    named = [item for item in found if not isinstance(item, str)]
    return Calls(tuple(ToolCall(i, name, arguments) for i, (name, arguments) in zip(ids, named, strict=True)))


def _parse_native_call(call: dict[str, Any]) -> tuple[str, dict[str, Any]] | str:
    function = call.get("function")
    if not isinstance(function, dict):
        return f"a tool call without a function: {_quote_excerpt(json.dumps(call))}"
    return _check_call(function.get("name"), function.get("arguments"))


def _parse_written_calls(text: str) -> list[tuple[str, dict[str, Any]] | str]:
    call = _load_object(strip_fence(text))
    if isinstance(call, dict):
        return [_check_call(call.get("name"), call.get("arguments", call.get("parameters")))]
    return [_check_call(bare["name"], bare["arguments"]) for bare in parse_bare_calls(text)] or [call]


def _quote_excerpt(text: str) -> str:
    """An excerpt of a model's words, for a notice that it will read."""
    return repr(escape_markup(text[:_EXCERPT]))


def _check_call(name: object, arguments: object) -> tuple[str, dict[str, Any]] | str:
    if not isinstance(name, str) or not name:
        return 'a tool call needs "name" and "arguments"'
    if isinstance(arguments, str):  # JSON within JSON, as the chat API has it
        arguments = _load_object(_decode_json(arguments)) if arguments.strip() else {}
    if isinstance(arguments, str):
        return f"{escape_markup(name[:_EXCERPT])}: {arguments}"
    if arguments is None:
        return name, {}
    if isinstance(arguments, list) and len(arguments) == 1 and isinstance(arguments[0], dict):
        return name, arguments[0]
    if not isinstance(arguments, dict):
        got = _quote_excerpt(json.dumps(arguments))
        return f"{escape_markup(name[:_EXCERPT])}: the arguments must be a JSON object, got {got}"
    return name, arguments


def _decode_json(text: str) -> str:
    """The JSON in a text that was encoded up to three times; an empty object for null, which means no arguments."""
    for _ in range(2):
        if not text.lstrip().startswith('"'):
            break
        try:
            inner = json.loads(text)
        except (ValueError, RecursionError):
            break
        text = inner
    return "{}" if text.strip() in ("", "null") else text


def _load_object(text: str) -> dict[str, Any] | str:
    """The JSON object in a text; or, as a str, why there is none."""
    try:
        loaded = loads_json(text)
    except json.JSONDecodeError as error:
        return f"a tool call is not valid JSON: {error.msg} at character {error.pos + 1} of {_quote_excerpt(text)}"
    except UnicodeError as error:
        return f"a tool call can't be used: {error}"
    except ValueError:  # a number of thousands of digits, brackets without end
        return "a tool call is not JSON of a usable size"
    if not isinstance(loaded, dict):
        return f"a tool call must be a JSON object, got {_quote_excerpt(text)}"
    return loaded
