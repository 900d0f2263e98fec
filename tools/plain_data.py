"""JSON and TOML that others wrote, as plain values: whatever is wrong with a text is a ValueError, its depth too.

The readers of the standard library raise RecursionError at text like `[[[[...`, and what is just below that depth
breaks whoever walks the value later.
"""

import json
import tomllib
from typing import Any

MAX_DEPTH = 100
"""Lists and objects within each other; no file of use has ten."""


def loads_json(text: str | bytes) -> Any:
    """The value of a JSON text; ValueError (json.JSONDecodeError too) where it is none or is nested too deeply."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    _check_depth(value)
    return value


def loads_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text; ValueError where it is none, or is nested too deeply."""
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise _too_deep() from None
    _check_depth(table)
    return table


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise _too_deep()


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
