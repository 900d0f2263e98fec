"""Words of an error for a stranger: no path but those that the stranger named."""

import re
from collections.abc import Mapping

_PATH = r"(?<![\w:/.])/(?:[^\s/:;,'\"()]+/)*[^\s/:;,'\"()]+"


def hide_paths(words: str, names: Mapping[str, str] | None = None) -> str:
    """The words without absolute paths, which tell strangers how the server's disk is laid out.

    Args:
        words: what is to be said.
        names: what the stranger calls a file or a folder, by its path: stands in its place.
    """
    names = names or {}
    known = [rf"{re.escape(path)}(?!\w)" for path in sorted(names, key=len, reverse=True)]
    return re.sub("|".join([*known, _PATH]), lambda found: names.get(found[0], "[path]"), words)


def use_names(words: str, names: Mapping[str, str]) -> str:
    """The words with what the stranger calls a file or a folder in the place of its path; all else as it is."""
    for path in sorted(names, key=len, reverse=True):
        words = words.replace(path, names[path])
    return words
