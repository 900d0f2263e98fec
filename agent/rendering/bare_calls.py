"""Parses tool calls that a model wrote without the tags it was told: as JSON alone, or in its family's way.

Only where nothing else is in the text: a call that is quoted in a sentence is none.
"""

import ast
import json
import re
from typing import Any

from tools.plain_data import loads_json

OPENS = re.compile(
    r"<\|python_tag\|>|\[TOOL_CALLS\]|<\|tool_calls?_(?:section_)?begin\|>|<｜tool▁calls▁begin｜>|<function=|"
    r"<(?:\w{1,20}:)?(?:tool|function)_calls?>|<\|channel\|>commentary to="
)
"""Marks of model families before their calls, where a server does not take them off; words before are thoughts."""
_MARKS = re.compile(
    r"(?:\s|<\|[^<>|]{1,40}\|>|<｜[^<>｜]{1,40}｜>|</?(?:\w{1,20}:)?(?:tool|function)_calls?>|</(?:function|invoke)>|"
    r"\[/?(?:TOOL_CALLS|ARGS)\]|```(?:json|tool_code|python)?|(?:json|function)(?=<[|｜])|functools(?=\[))*+"
)
"""Marks around calls and their parts that have no meaning of their own."""
_NAME = re.compile(
    r"""<(?:function=|invoke\ name=)"?([\w.-]{1,64})"?[=>]|
        (?:commentary\ to=)?(?:functions\.)?([\w-]{1,64})(?::\d{1,4})?""",
    re.X,
)
_KEY = re.compile(
    r'<parameter(?:=| name=)"?([\w-]{1,64})"?>|<arg_key>\s*+([\w-]{1,64})\s*+</arg_key>\s*+<arg_value>',
)
_ARGUMENTS = ("arguments", "parameters")
_MOST_PYTHON = 10_000
"""Characters of calls in Python at most: Python's parser takes much memory for each."""


def parse_bare_calls(text: str) -> list[dict[str, Any]]:
    """The calls that a text consists of, each with a name and arguments; empty for any other text."""
    calls = [call for value in _parse_values(text) for call in _extract_calls(value)]
    return calls if calls and all(calls) else _parse_named_calls(text) or _parse_python_calls(text)


def _skip_marks(text: str, at: int) -> int:
    found = _MARKS.match(text, at)
    return found.end() if found else at


def _parse_values(text: str) -> list[Any]:
    """The JSON values that a text consists of, beside marks; empty for any other text."""
    decoder, values, at = json.JSONDecoder(), [], _skip_marks(text, 0)
    while at < len(text):
        if text[at] not in "{[":
            return []
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            return []
        values.append(value)
        at = _skip_marks(text, at)
        at = _skip_marks(text, at + 1) if text[at : at + 1] in (";", ",") else at
    return values


def _extract_calls(value: Any) -> list[dict[str, Any]]:
    """The calls of a JSON value; an empty dict stands for a value that is no call."""
    if isinstance(value, list):
        return [call for item in value for call in _extract_calls(item)] or [{}]
    if not isinstance(value, dict):
        return [{}]
    if isinstance(inner := value.get("tool_calls", value.get("function")), list | dict):
        return _extract_calls(inner)
    found = next((value[key] for key in _ARGUMENTS if isinstance(value.get(key), dict | str)), None)
    named = isinstance(value.get("name"), str) and value["name"]
    return [{"name": value["name"], "arguments": found}] if named and found is not None else [{}]


def _parse_named_calls(text: str) -> list[dict[str, Any]]:
    """The calls of a text that are a name each, followed by an object, or by tags with a key and a value each.

    Llama: `<function=zoom>{"seconds": 3}</function>`; Qwen3-Coder: `<function=zoom><parameter=seconds>3</parameter>`;
    GLM: `zoom<arg_key>seconds</arg_key><arg_value>3</arg_value>`; Mistral: `[TOOL_CALLS]zoom[ARGS]{"seconds": 3}`;
    Kimi: `functions.zoom:0<|tool_call_argument_begin|>{"seconds": 3}`; DeepSeek: `zoom<｜tool▁sep｜>{"seconds": 3}`.
    """
    calls, at = [], _skip_marks(text, 0)
    while at < len(text):
        named = _NAME.match(text, at)
        if named is None:
            return []
        at = _skip_marks(text, named.end())
        arguments, at = _parse_object(text, at) if text.startswith("{", at) else _parse_pairs(text, at)
        if arguments is None or not (arguments or named[1]):
            return []
        calls.append({"name": named[1] or named[2], "arguments": arguments})
        at = _skip_marks(text, at)
    return calls


def _parse_object(text: str, at: int) -> tuple[dict[str, Any] | None, int]:
    try:
        return json.JSONDecoder().raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, at


def _parse_pairs(text: str, at: int) -> tuple[dict[str, Any] | None, int]:
    """The arguments in tags, as text, which the tools' schema turns into numbers and lists, and where they end."""
    arguments: dict[str, Any] = {}
    while (key := _KEY.match(text, at)) is not None:
        closes = "</parameter>" if key[1] else "</arg_value>"
        end = text.find(closes, key.end())
        if end < 0:
            return None, at
        arguments[key[1] or key[2]] = text[key.end() : end].strip()
        at = _skip_marks(text, end + len(closes))
    return arguments, at


def _parse_python_calls(text: str) -> list[dict[str, Any]]:
    """The calls of a text in Python, as Llama 4, LFM2 and Gemma write them: `[zoom(seconds=3.0), overview()]`."""
    end = max(text.rfind(")"), text.rfind("]")) + 1
    if len(text) > _MOST_PYTHON or "\\" in text or _skip_marks(text, end) < len(text):
        return []
    try:
        tree = ast.parse(text[_skip_marks(text, 0) : end], mode="eval").body
        return [_convert_python_call(call) for call in (tree.elts if isinstance(tree, ast.List) else [tree])]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []


def _convert_python_call(call: ast.expr) -> dict[str, Any]:
    """A call of a plain name with named literals, from Python's syntax tree.

    Raises:
        ValueError: the expression is no such call.
    """
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise ValueError("not a call with named arguments")
    arguments = {keyword.arg or "": ast.literal_eval(keyword.value) for keyword in call.keywords}
    return {"name": call.func.id, "arguments": loads_json(json.dumps(arguments))}
