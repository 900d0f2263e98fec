"""Safe output to a terminal: no text can move its cursor, hide words, turn them around or name windows.

Subtitles, screen text, models, servers and file names may hold any character. `visible` writes those that a terminal
obeys as escapes, `\\x1b` for ESC; a `Screen` does so with all that it prints, and JSON stays the same value.
"""

import json
import logging
import re
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, C0 and C1, but for tab and end of line
    "\u2028\u2029\u202a-\u202e\u2066-\u2069"  # ends of lines and of paragraphs; marks that turn the direction around
    "\ud800-\udfff\U000e0000-\U000e007f]"  # halves of pairs, which no output can write; letters that nobody sees
)


def escape_controls(text: object) -> str:
    """The text with every character that a terminal obeys, or can't write, as an escape."""
    return _OBEYED.sub(_escape, str(text))


def escape_line(text: object) -> str:
    """The text as `visible` gives it, on one line, so that it can't pass for a line of the program's own."""
    return escape_controls(" ".join(str(text).split()))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def format_json(value: Any) -> str:
    """A value as JSON on one line, with every character that a terminal obeys as JSON's own escape."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return _OBEYED.sub(lambda match: json.dumps(match[0])[1:-1], text)


def tell(text: object) -> None:
    """Prints a message on stderr, apart from the results."""
    print(escape_controls(text), file=sys.stderr, flush=True)


class Screen(Console):
    """Rich's console, which escapes every character that a terminal obeys but its own; markup stays markup."""

    def print(self, *objects: Any, soft_wrap: bool | None = None, **kwargs: Any) -> None:
        """Prints as rich does, except that a line asked to stay one is wrapped at words on a terminal."""
        super().print(*objects, soft_wrap=bool(soft_wrap) and not self.is_terminal, **kwargs)

    def render_str(self, text: str, *args: Any, **kwargs: Any) -> Text:
        """Rich's text of a string to be printed, made visible first."""
        return super().render_str(escape_controls(text), *args, **kwargs)

    def on_broken_pipe(self) -> None:
        """Raises the BrokenPipeError again that rich handles: the command ends as others without a reader do."""
        raise


class _VisibleFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return escape_controls(super().format(record))


def show_warnings() -> None:
    """Formats the program's warnings on stderr as visible text, where nobody has set up logging."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(_VisibleFormatter("warning: %(message)s"))
