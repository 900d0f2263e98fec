"""Folders whose files and folders a stranger may name; links are followed before it is looked where a file lies."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from agent.paths import escape_path
from agent.sessions.options import is_searched
from tools.demux.file_kind import VIDEO_SUFFIXES, is_named_picture

_MOST_LISTED = 500
"""Files, and folders, that are listed at most."""
_MOST_VISITED = 20_000
"""Files that are looked at for that: a folder may be a whole disk."""


_WORD = re.compile(r"([\"'`])((?:(?!\1)[^\n/])*/(?:(?!\1)[^\n])*)\1|[^\s\"'`<>|*?,;:!()]+")
"""What may be the name of a folder in a text: a quoted text with a slash, or a word."""


def name_in_question(path: Path, index: int, count: int) -> str:
    """The words for the name of a file in a question: a policy would look for the name itself in the pictures.

    Args:
        path: the file, or the folder.
        index: place of its video among those of the question, from 0.
        count: how many these are.
    """
    if count > 1:
        return f"video {index + 1}"
    return "the videos" if is_searched(path, None) else "the video"


class NotAllowedError(ValueError):
    """A path that leads nowhere, or out of the allowed folders; nothing is said but what the stranger said."""


class AllowedFolders:
    """A set of folders whose files may be named."""

    def __init__(self, folders: Iterable[str | Path]) -> None:
        """Resolves the folders once.

        Raises:
            ValueError: one of them is no folder.
        """
        self.folders = tuple(Path(folder).expanduser().resolve() for folder in folders)
        for folder in self.folders:
            if not folder.is_dir():
                raise ValueError(f"{folder} is no folder, so its videos can't be allowed")

    def list_names(self, endings: tuple[str, ...]) -> list[str]:
        """The names, with such endings in small letters, by which `find` finds a file; hidden ones are left out."""
        fitting = (name for name in self._visit() if name.casefold().endswith(endings) and self._has(name))
        return sorted(islice(fitting, _MOST_LISTED))

    def list_folders(self) -> list[str]:
        """The names of the folders with videos in or below them, or with pictures in them, for `find_videos`.

        The allowed folder itself, `.`, is one where it is the only one.
        """
        found: dict[str, None] = {}
        for name in self._visit():
            first, *above = (str(parent) for parent in Path(name).parents)
            if first in found:
                continue
            if name.casefold().endswith(tuple(VIDEO_SUFFIXES)) and self._has(name):
                found |= dict.fromkeys((first, *above))
            elif is_named_picture(Path(name).name) and self._has(name):
                found[first] = None
        if len(self.folders) > 1:
            found.pop(".", None)
        return sorted(islice(found, _MOST_LISTED))

    def _visit(self) -> Iterable[str]:
        """The names of the files in the folders, each once, without hidden ones and those that no JSON can hold."""
        names = islice((name for folder in self.folders for name in _walk(folder)), _MOST_VISITED)
        return dict.fromkeys(name for name in names if escape_path(name) == name)

    def _has(self, name: str) -> bool:
        try:
            self.find(name)
        except NotAllowedError:  # a link that leads out
            return False
        return True

    def find(self, path: str | Path) -> Path:
        """The file, or folder of pictures, behind a path, without links; one that is relative may be in any folder.

        Raises:
            NotAllowedError: it is no file in one of them. What does not exist and what may not be seen sound the same.
        """
        return self._find(path, lambda found: found.is_file() or (found.is_dir() and not is_searched(found, None)))

    def find_videos(self, path: str | Path) -> Path:
        """The file or folder behind a path, as `find` gives it; `.` is an allowed folder itself.

        Raises:
            NotAllowedError: it is neither.
        """
        return self._find(path, lambda found: found.is_file() or found.is_dir())

    def find_folders_in_text(self, text: str) -> "Iterator[NamedFolder]":
        """The folders that a text names with a slash, as `videos/`; without one a word may be one by accident."""
        at = 0
        while (word := _WORD.search(text, at)) is not None:
            name = word[2] or word[0].rstrip(".")
            path = self._find_folder(name) if "/" in name else None
            if path is not None:
                at = word.start() + len(name) if word[2] is None else word.end()
                yield NamedFolder(word.start(), at, name, path)
            else:
                at = word.end() if word[2] is None else word.start() + 1  # an apostrophe is no quotation mark

    def refuse(self, video: Path) -> str | None:
        """Leaves a video of a folder out that is hidden, or that a link leads out to (`Sleuth.with_refusals`)."""
        return None if is_open_to(video, self.folders) else ""

    def _find_folder(self, path: str) -> Path | None:
        try:
            return self._find(path, Path.is_dir)
        except NotAllowedError:
            return None

    def _find(self, path: str | Path, is_wanted: Callable[[Path], bool]) -> Path:
        for folder in self.folders:
            try:
                found = (folder / path).resolve(strict=True)
                if (
                    str(path).strip()
                    and is_wanted(found)
                    and any(found.is_relative_to(allowed) for allowed in self.folders)
                ):
                    return found
            except (OSError, ValueError, RuntimeError):  # no such file, a zero byte, a circle of links
                continue
        raise NotAllowedError(f"{str(path)!r:.200} is no file in a folder that this server may read")


@dataclass(frozen=True)
class NamedFolder:
    """A folder that a text names from one place to another."""

    start: int
    stop: int
    name: str
    path: Path


def is_open_to(video: Path, folders: Iterable[Path]) -> bool:
    """Whether a video may be found by strangers in these folders: links lead out of none, and no part is hidden."""
    try:
        file = video.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    inside = (file.relative_to(folder).parts for folder in folders if file.is_relative_to(folder))
    return any(not any(part.startswith(".") for part in parts) for parts in inside)


def _walk(folder: Path) -> Iterator[str]:
    """The files below a folder, named from there."""
    for path, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (str((Path(path) / name).relative_to(folder)) for name in sorted(files) if not name.startswith("."))
