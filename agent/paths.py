"""Paths on the command line: they may be any bytes, and what is kept of them is text."""

import re
from pathlib import Path

PATHS = frozenset({"video", "paths", "subtitles", "trajectory", "report", "save"})
"""Arguments and options whose value is a path and nothing else."""

_ESCAPED = re.compile(rb"\\x([89a-f][0-9a-f])")


def readable(path: str) -> str:
    """The path as text that can be saved: bytes that are no UTF-8 as `\\xe9`."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def found_again(saved: str) -> str:
    """The path that `readable` made this of, where there is such a file; else what is saved."""
    raw = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), saved.encode())
    path = raw.decode("utf-8", "surrogateescape")
    return path if not Path(saved).exists() and Path(path).exists() else saved
