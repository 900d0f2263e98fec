"""The one door to a media file: every container is opened here, as a local file and as nothing else.

FFmpeg takes names such as `http:...` or `concat:a|b` for protocols and some formats for lists of other files; a name
that a stranger gave must never lead anywhere but to the file of that name.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer


class VideoError(ValueError):
    """The user's bad input, in one sentence: no such file, not a video, no frame that decodes."""


def open_container(path: Path) -> "InputContainer":
    """The file opened for reading; only ever this local file, also where its name or content points elsewhere."""
    import av

    # Metadata that is not UTF-8 must not stop us: many old AVI files carry it. PyAV 19 never fails on it.
    lenient = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
    return av.open(f"file:{path}", options={"protocol_whitelist": "file"}, **lenient)
