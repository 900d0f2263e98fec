"""Words of an error for a stranger: no path but those that the stranger named."""

import re

_PATH = re.compile(r"(?<![\w:/.])/(?:[^\s/:;,'\"()]+/)*[^\s/:;,'\"()]+")


def hide_paths(words: str, file: str = "", name: str = "") -> str:
    """The words without absolute paths, which tell strangers how the server's disk is laid out.

    Args:
        words: what is to be said.
        file: path of the stranger's file.
        name: what the stranger calls it: stands in its place.
    """
    parts = words.split(file) if file else [words]
    return name.join(_PATH.sub("[path]", part) for part in parts)
