"""Words of an error for a stranger: no path but those that the stranger named."""

import re
from collections.abc import Mapping

_PATH = re.compile(r"(?<![\w:/.])/(?:[^\s/:;,'\"()]+/)*[^\s/:;,'\"()]+")


def hide_paths(words: str, names: Mapping[str, str] | None = None) -> str:
    """The words without absolute paths, which tell strangers how the server's disk is laid out.

    Args:
        words: what is to be said.
        names: what the stranger calls a file, by its path: stands in its place.
    """
    names = names or {}
    known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    parts = re.split(f"({known})", words) if known else [words]
    return "".join(names[part] if part in names else _PATH.sub("[path]", part) for part in parts)
