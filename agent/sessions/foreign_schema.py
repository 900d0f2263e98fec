"""The arguments of a tool that somebody else's JSON schema describes, as a model that checks them.

Of a schema only what bounds an argument plainly is taken: types, lists of values, limits of numbers, lists within
lists. Patterns and references are not followed, since both can be written to take for ever; what they would refuse is
left to whoever wrote them.
"""

import json
import keyword
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from tools.observation_text import strip_invisible

_LARGEST_SCHEMA = 20_000
"""Characters of a schema; beyond them a model would read little else."""
_MOST_ARGUMENTS = 32
"""Arguments of a tool; ours have six at most."""
_MOST_VALUES = 100
"""Values of an enumeration, and items of a list, at most."""
_LONGEST_DESCRIPTION = 1_000
"""Characters of a description, after which it is cut."""
_DEEPEST = 3
"""Lists within lists whose items are checked."""
_TYPES: dict[str, Any] = {"string": str, "boolean": bool, "object": dict[str, Any]}


def make_arguments_model(tool: str, schema: Any) -> type[BaseModel]:
    """The model of the arguments of a tool.

    Raises:
        ValueError: the schema describes no object, or is too large.
    """
    properties = schema.get("properties", {}) if isinstance(schema, dict) else None
    if not isinstance(properties, dict) or not isinstance(schema.get("required", []), list):
        raise ValueError(f"the schema of the tool {tool:.64} describes no arguments")
    if len(properties) > _MOST_ARGUMENTS or _measure(schema) > _LARGEST_SCHEMA:
        raise ValueError(
            f"the schema of the tool {tool:.64} is too large: at most {_MOST_ARGUMENTS} arguments and "
            f"{_LARGEST_SCHEMA} characters are taken"
        )
    required = schema.get("required", [])
    fields: dict[str, Any] = {}
    for number, (name, described) in enumerate(properties.items()):
        is_plain = isinstance(described, dict)
        annotation = _read_type(described, 0) if is_plain else Any
        text = str(described.get("description", "")) if is_plain else ""
        field = name if _is_field_name(name) else f"argument_{number}"
        default = ... if name in required else None
        told = Field(default, alias=None if field == name else name, description=shorten_description(text))
        fields[field] = (annotation if default is ... else annotation | None, told)
    return create_model(tool, __config__=ConfigDict(extra="forbid"), **fields)


def shorten_description(text: str) -> str:
    """A description of a tool or an argument, on one line, without invisible characters, and not too long."""
    return " ".join(strip_invisible(text).split())[:_LONGEST_DESCRIPTION]


def _measure(schema: Any) -> int:
    """Characters of a schema; infinitely many where it is nested too deep to be written out."""
    try:
        return len(json.dumps(schema, default=str))
    except RecursionError:
        return _LARGEST_SCHEMA + 1


def _is_field_name(name: str) -> bool:
    """Whether an argument may have its name as a field of a model."""
    is_free = name.isidentifier() and not keyword.iskeyword(name) and not name.startswith(("_", "model_"))
    return is_free and not hasattr(BaseModel, name)


def _read_type(described: dict[str, Any], depth: int) -> Any:
    values = described.get("enum", [described["const"]] if "const" in described else None)
    if isinstance(values, list) and 0 < len(values) <= _MOST_VALUES:
        plain = tuple(value for value in values if isinstance(value, str | int) or value is None)
        return Literal[plain] if len(plain) == len(values) else Any
    kind = described.get("type")
    if kind in ("number", "integer"):
        limits = {
            ours: described[theirs]
            for ours, theirs in (
                ("ge", "minimum"),
                ("le", "maximum"),
                ("gt", "exclusiveMinimum"),
                ("lt", "exclusiveMaximum"),
            )
            if isinstance(described.get(theirs), int | float) and not isinstance(described[theirs], bool)
        }
        if kind == "integer":
            return Annotated[int, Field(**limits)]
        return Annotated[float, Field(allow_inf_nan=False, **limits)]
    if kind == "array":
        items = described.get("items")
        inner: Any = _read_type(items, depth + 1) if isinstance(items, dict) and depth < _DEEPEST else Any
        return Annotated[list[inner], Field(max_length=_MOST_VALUES)]
    return _TYPES.get(kind, Any) if isinstance(kind, str) else Any
