"""Arguments as models write them, brought to the types that a tool declares, where only one thing can be meant.

Numbers and lists come as text, null stands for "left out", one value for a list of one. Nothing is guessed: what can be
read in no way, or only by changing a value, stays as it is and is refused in words.
"""

import json
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError

_NOTHING = (None, "", "null", "None")
"""How models write that an argument is left out."""
_MAX_TEXT = 10_000
"""Characters of an argument that are looked at as JSON; no argument of a tool is nearly as long."""


def mend_arguments(model: type[BaseModel], arguments: dict[str, Any], error: ValidationError) -> dict[str, Any] | None:
    """The arguments with every misfit read in the one way that fits; None where one fits in no way.

    Args:
        model: schema of the arguments.
        arguments: the arguments that `model` refused.
        error: why `model` refused them.
    """
    fitting = dict(arguments)
    for name in {str(e["loc"][0]) for e in error.errors() if e["loc"] and e["loc"][0] in arguments}:
        field = model.model_fields.get(name)
        if arguments[name] in _NOTHING and (field is None or not field.is_required()):
            del fitting[name]
            continue
        fits = [
            value for value in _iterate_readings(arguments[name]) if field is not None and _fits(model, name, value)
        ]
        if not fits:
            return None
        fitting[name] = fits[0]
    return fitting


def _iterate_readings(value: object) -> Iterator[object]:
    """Values that an argument may stand for, the plainest reading first."""
    if isinstance(value, str) and len(value) <= _MAX_TEXT:
        text = value.strip()
        yield text
        try:
            loaded = json.loads(text)
        except (ValueError, RecursionError):
            # a list without its brackets
            loaded = [part.strip() for part in text.strip("[]()").split(",")] if "," in text else [text]
        yield loaded
        if isinstance(loaded, str) and loaded != text:  # encoded twice
            yield from _iterate_readings(loaded)
            return
        value = loaded
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        yield [_parse_or_keep(part) for part in value]
    if isinstance(value, list) and len(value) == 1:
        yield value[0]
    if not isinstance(value, list | dict):
        yield [value]
    if isinstance(value, int | float):
        yield str(value)


def _parse_or_keep(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _fits(model: type[BaseModel], name: str, value: object) -> bool:
    try:
        model.model_validate({name: value})
    except ValidationError as error:
        return all(e["loc"] and e["loc"][0] != name for e in error.errors())
    return True
