"""Checks that the file which a row of a data set names is inside the folder that the user gave.

Rows are written by strangers. Links are followed as far as they stay inside; beyond that only three are, which their
user has made or a tool of theirs: the folder itself, the folders of a set that its adapter names (`videos` on another
disk), and the files of a snapshot in the Hugging Face cache, which are links to the blobs of the same repository. Any
other link that leads out is refused: an archive may bring one along. To use a set that is spread over disks, link its
folders, not its files.
"""

from functools import lru_cache
from pathlib import Path, PureWindowsPath

_MOST_BYTES, _MOST_BYTES_A_PART = 1000, 255
"""Limits of file systems for the length of a path and of each name in it, in bytes."""
_BLOBS, _SNAPSHOTS = "blobs", "snapshots"
"""Folders of a repository in the Hugging Face cache."""


def resolve_inside(folder: Path, name: str, place: object = "") -> Path:
    """The path of a file that a row names, whether it is there or not.

    Args:
        folder: folder that must hold the file, named by the user or by an adapter and not by the row.
        name: name in the row, with `/` between folders.
        place: place of the row, for the message.

    Raises:
        ValueError: the name leads out of the folder or is no file name.
    """
    reason = _explain_bad_name(name) or _explain_bad_link(folder, name)
    if reason:
        where = f"{place}: " if place else ""
        raise ValueError(f"{where}need the name of a file inside {folder}, got {name[:80]!r}, which {reason}")
    return folder / name


def _explain_bad_name(name: str) -> str:
    """Why a name can't be that of a file below a folder, on any system; empty if it can."""
    parts = name.replace("\\", "/").split("/")
    windows = PureWindowsPath(name)
    if name.startswith("/") or windows.drive or windows.root:
        return "is a path from the root"
    if ".." in parts:
        return "leads to a folder above"
    if any(ord(character) < 32 or 0xD800 <= ord(character) <= 0xDFFF for character in name):
        return "holds characters that no file name has"
    if not name.strip():
        return "is empty"
    if len(name.encode()) > _MOST_BYTES or any(len(part.encode()) > _MOST_BYTES_A_PART for part in parts):
        return "is too long"
    return ""


@lru_cache(maxsize=1024)
def _explain_bad_link(folder: Path, name: str) -> str:
    """Why a link leads out of the folder; empty if it stays inside. Cached, since many rows are about one video."""
    try:
        top, target = folder.resolve(), (folder / name).resolve()
    except (OSError, RuntimeError):  # links in a circle
        return "is a link that leads nowhere"
    if any(target.is_relative_to(place) for place in (top, *_blobs(top))):
        return ""
    return "is a link that leads out of it"


def _blobs(folder: Path) -> list[Path]:
    """The blobs of the repository in the Hugging Face cache whose snapshot the folder is in."""
    return [above.with_name(_BLOBS) for above in (folder, *folder.parents) if above.name == _SNAPSHOTS]
