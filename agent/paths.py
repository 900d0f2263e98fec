"""Paths of the command line as text that can be saved: they may be any bytes."""

import re
from pathlib import Path

PATHS = frozenset({"video", "videos", "paths", "subtitles", "trajectory", "report", "save", "folder", "source"})
"""Arguments and options whose value is a path and nothing else."""

_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")


def escape_path(path: str) -> str:
    """A path as text that can be saved: bytes that are no UTF-8 as `\\xe9`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def unescape_path(saved: str) -> str:
    """The path behind a text that `escape_path` made, where there is such a file; else the text itself."""
    raw = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), saved.encode())
    path = raw.decode("utf-8", "surrogateescape")
    return path if not Path(saved).exists() and Path(path).exists() else saved
