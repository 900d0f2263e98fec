"""JSON and TOML that others wrote, as plain values: whatever is wrong with a text is a ValueError, its depth too.

Their files are read here too: what is no file on a disk, or too large for one, is not read at all.

The readers of the standard library raise RecursionError at text like `[[[[...`, and what is just below that depth
breaks whoever walks the value later.
"""

import json
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MAX_DEPTH = 100
"""Lists and objects within each other; no file of use has ten."""
_LARGEST_TEXT_BYTES = 2**30
"""Size of a text at most, which is read whole."""


def read_plain_text(path: Path) -> str:
    """The text of a file, without the byte order mark that some editors put before it.

    Raises:
        ValueError: it is a pipe, a device or a folder, too large, or no UTF-8.
        OSError: there is no such file, or it may not be read.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path} is not a file: need text in one")
    if status.st_size > _LARGEST_TEXT_BYTES:
        raise ValueError(f"{path} holds {status.st_size >> 20} MB: too large for a text")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: {error}") from error


def read_plain_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers from 1; raises as `read_plain_text`.

    They end with a line feed alone: `str.splitlines` parts at U+2028 and others too, which may stand within JSON.
    """
    lines = enumerate(read_plain_text(path).split("\n"), start=1)
    return ((number, line) for number, line in lines if line.strip())


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
