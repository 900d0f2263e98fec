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
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON (json.JSONDecodeError), is nested too deeply, or holds half of a pair of surrogates
            (UnicodeError).
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise _make_depth_error() from None
    _check_depth(value)
    _check_letters(text, value)
    return value


def loads_toml(text: str) -> dict[str, Any]:
    """The table of a TOML text.

    Raises:
        ValueError: it is no TOML, or is nested too deeply.
    """
    try:
        table = tomllib.loads(text)
    except RecursionError:
        raise _make_depth_error() from None
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
    raise _make_depth_error()


def _check_letters(text: str | bytes, value: Any) -> None:
    """Half a surrogate pair can be written in JSON, and then in no file and to no server."""
    escape: Any = b"\\ud" if isinstance(text, bytes) else "\\ud"
    if escape not in text.lower():
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UnicodeError("it holds characters that are no valid Unicode") from None


def _make_depth_error() -> ValueError:
    return ValueError(f"it is nested more than {MAX_DEPTH} levels deep")
