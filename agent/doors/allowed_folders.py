"""Folders whose files a stranger may name; links are followed before it is looked where a file lies."""

from collections.abc import Iterable
from pathlib import Path


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

    def find(self, path: str | Path) -> Path:
        """The file behind a path, without links; a relative path is looked for in each of the folders.

        Raises:
            NotAllowedError: it is no file in one of them. What does not exist and what may not be seen sound the same.
        """
        for folder in self.folders:
            try:
                file = (folder / path).resolve(strict=True)
                if file.is_file() and any(file.is_relative_to(allowed) for allowed in self.folders):
                    return file
            except (OSError, ValueError, RuntimeError):  # no such file, a zero byte, a circle of links
                continue
        raise NotAllowedError(f"{str(path)!r:.200} is no file in a folder that this server may read")
