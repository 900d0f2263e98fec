"""Tool calls that a model wrote as its whole text, without the tags it was told: as JSON alone, or in its family's way.

Only where nothing else is in the text: a call that is quoted in a sentence is none.
"""

import json
from typing import Any

_MARKERS = ("<|python_tag|>", "[TOOL_CALLS]", "<function_call>", "<tool_calls>", "functools")
"""What families of models put before their calls where a server does not take it off."""
_ENDS = ("</function_call>", "</tool_calls>", "<|eom_id|>", "<|eot_id|>")
_ARGUMENTS = ("arguments", "parameters")


def bare_calls(text: str) -> list[dict[str, Any]]:
    """The calls that the text consists of, each with a name and arguments; empty where it is anything else."""
    text = _unmarked(text.strip())
    if text.startswith("<function="):  # Llama: <function=zoom>{"seconds": 3}</function>
        return _functions(text)
    calls = [call for value in _values(text) for call in _calls(value)]
    return calls if all(calls) else []


def _unmarked(text: str) -> str:
    for marker in _MARKERS:
        text = text.removeprefix(marker).lstrip()
    for end in _ENDS:
        text = text.removesuffix(end).rstrip()
    if text.startswith("```") and text.endswith("```") and len(text) >= 6:
        return text[3:-3].removeprefix("json").strip()
    return text


def _functions(text: str) -> list[dict[str, Any]]:
    calls = []
    for part in text.split("</function>"):
        name, _, rest = part.strip().removeprefix("<function=").partition("{")
        if not part.strip():
            continue
        values = list(_values("{" + rest))
        if not part.strip().startswith("<function=") or len(values) != 1:
            return []
        calls.append({"name": name.strip().rstrip(">= "), "arguments": values[0]})
    return calls


def _values(text: str) -> list[Any]:
    """The JSON values that the text consists of; none where anything else is in it."""
    decoder, values = json.JSONDecoder(), []
    if not text.startswith(("{", "[")):
        return []
    while text:
        try:
            value, end = decoder.raw_decode(text)
        except (ValueError, RecursionError):
            return []
        values.append(value)
        text = text[end:].lstrip().lstrip(";,").lstrip()
    return values


def _calls(value: Any) -> list[dict[str, Any]]:
    """The calls of a value; one that is empty stands for what is no call."""
    if isinstance(value, list):
        return [call for item in value for call in _calls(item)] or [{}]
    if not isinstance(value, dict):
        return [{}]
    if isinstance(inner := value.get("tool_calls", value.get("function")), list | dict):
        return _calls(inner)
    found = next((value[key] for key in _ARGUMENTS if isinstance(value.get(key), dict | str)), None)
    named = isinstance(value.get("name"), str) and value["name"]
    return [{"name": value["name"], "arguments": found}] if named and found is not None else [{}]
