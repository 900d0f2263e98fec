"""Folders whose files and folders a stranger may name; links are followed before it is looked where a file lies."""

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

_MOST_LISTED = 500
"""Files that are listed at most."""
_MOST_VISITED = 20_000
"""Files that are looked at for that: a folder may be a whole disk."""


def name_in_question(index: int, count: int) -> str:
    """The words for the name of a file in a question: a policy would look for the name itself in the pictures.

    Args:
        index: place of its video among those of the question, from 0.
        count: how many these are.
    """
    return "the video" if count == 1 else f"video {index + 1}"


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
        names = islice((name for folder in self.folders for name in _walk(folder)), _MOST_VISITED)
        fitting = (name for name in dict.fromkeys(names) if name.casefold().endswith(endings) and self._has(name))
        return sorted(islice(fitting, _MOST_LISTED))

    def _has(self, name: str) -> bool:
        try:
            self.find(name)
        except NotAllowedError:  # a link that leads out
            return False
        return True

    def find(self, path: str | Path) -> Path:
        """The file behind a path, without links; a relative path is looked for in each of the folders.

        Raises:
            NotAllowedError: it is no file in one of them. What does not exist and what may not be seen sound the same.
        """
        return self._find(path, Path.is_file)

    def find_videos(self, path: str | Path) -> Path:
        """The file, or the folder of videos, behind a path, as `find` gives it; `.` is an allowed folder itself.

        Raises:
            NotAllowedError: it is neither.
        """
        return self._find(path, lambda found: found.is_file() or (found.is_dir() and bool(str(path).strip())))

    def refuse(self, video: Path) -> str | None:
        """Leaves a video of a folder out that is hidden, or that a link leads out to (`Sleuth.with_refusals`)."""
        return None if is_open_to(video, self.folders) else ""

    def _find(self, path: str | Path, is_wanted: Callable[[Path], bool]) -> Path:
        for folder in self.folders:
            try:
                found = (folder / path).resolve(strict=True)
                if is_wanted(found) and any(found.is_relative_to(allowed) for allowed in self.folders):
                    return found
            except (OSError, ValueError, RuntimeError):  # no such file, a zero byte, a circle of links
                continue
        raise NotAllowedError(f"{str(path)!r:.200} is no file in a folder that this server may read")


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
