"""Words of an error for a stranger: no path but those that the stranger named."""

import re
from pathlib import Path

_PATH = re.compile(r"(?<![\w:/.])/(?:[^\s/:;,'\"()]+/)*[^\s/:;,'\"()]+")


def hide_paths(error: Exception, video: str = "", file: Path | None = None) -> str:
    """The message of an error, with the video named as the stranger did and other absolute paths left out.

    Args:
        error: the error.
        video: path that the stranger gave.
        file: the file behind it.
    """
    words = " ".join(str(error).split())
    if file is None:
        return _PATH.sub("[path]", words)
    return video.join(_PATH.sub("[path]", part) for part in words.split(str(file)))
