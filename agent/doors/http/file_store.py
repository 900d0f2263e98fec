"""Uploaded videos on disk: a folder each, named by name and content, so that the same upload is stored once.

Nothing of what a client says becomes a path but a name of plain letters. When the store is full, what was used longest
ago goes, unless a question still needs it.
"""

import hashlib
import os
import re
import shutil
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from agent.doors.http.errors import RequestRefusedError
from tools.own_files import make_own_folder

_NOT_PLAIN = re.compile(r"[^\w.-]+", re.ASCII)
_ID = re.compile(r"file-[0-9a-f]{32}")
_LONGEST_NAME = 100
"""Characters of a stored name; file systems take 255 bytes."""
_CHUNK_BYTES = 2**20
"""Bytes of an upload that are copied at a time."""
_FRAMES = "frames"
"""Name of the folder in the place of a file where a client sent single pictures."""
RATE = "rate"
"""File in it with the frames a second."""


@dataclass(frozen=True)
class StoredFile:
    """An upload, in the words of OpenAI's API."""

    id: str
    filename: str
    bytes: int
    created_at: int
    object: str = "file"
    purpose: str = "user_data"
    status: str = "processed"

    def as_data(self) -> dict[str, str | int]:
        """The record as plain JSON."""
        return asdict(self)


class FileStore:
    """The uploads of a server. Safe in threads."""

    def __init__(self, folder: Path, most_bytes: int, largest_bytes: int) -> None:
        """Makes the folder.

        Args:
            folder: where they lie.
            most_bytes: size of all of them.
            largest_bytes: size of one.
        """
        self._folder = make_own_folder(folder)
        self._most = most_bytes
        self.largest_bytes = largest_bytes
        self._lock = threading.Lock()
        self._in_use: Counter[str] = Counter()

    @property
    def stored_bytes(self) -> int:
        """Size of all uploads."""
        return sum(_measure(folder) for folder in self._folders())

    def add(self, filename: str, content: BinaryIO) -> StoredFile:
        """Stores an upload under its name and content.

        Args:
            filename: its name at the client's.
            content: its bytes.

        Raises:
            RequestRefusedError: it is empty or too large.
            OSError: the disk is full.
        """
        name = simplify_name(filename)
        with tempfile.TemporaryDirectory(prefix="new-", dir=self._folder) as new:
            digest, size = hashlib.blake2b(name.encode(), digest_size=16), 0
            with (Path(new) / name).open("xb") as file:
                while chunk := content.read(_CHUNK_BYTES):
                    size += len(chunk)
                    if size > self.largest_bytes:
                        raise RequestRefusedError(
                            413, f"{name} is too large: up to {self.largest_bytes} bytes are taken", "too_large"
                        )
                    digest.update(chunk)
                    file.write(chunk)
            if not size:
                raise RequestRefusedError(400, f"{name} is empty", "empty_file")
            return self._keep(Path(new), f"file-{digest.hexdigest()}", size)

    def add_frames(self, pictures: list[bytes], frames_per_second: float) -> Path:
        """Stores single pictures as the frames of a video and gives their folder, which a worker makes a video of.

        Raises:
            RequestRefusedError: they are too large.
        """
        size = sum(map(len, pictures))
        if size > self.largest_bytes:
            raise RequestRefusedError(
                413, f"the frames are too large: up to {self.largest_bytes} bytes are taken", "too_large"
            )
        digest = hashlib.blake2b(repr(frames_per_second).encode(), digest_size=16)
        with tempfile.TemporaryDirectory(prefix="new-", dir=self._folder) as new:
            frames = Path(new) / _FRAMES
            frames.mkdir()
            (frames / RATE).write_text(repr(frames_per_second))
            for number, picture in enumerate(pictures):
                digest.update(hashlib.blake2b(picture).digest())
                suffix = ".png" if picture.startswith(b"\x89PNG") else ".jpg"
                (frames / f"{number:06}{suffix}").write_bytes(picture)
            return self.path(self._keep(Path(new), f"file-{digest.hexdigest()}", size).id)

    def get(self, file_id: str) -> StoredFile:
        """The record of an upload.

        Raises:
            RequestRefusedError: there is none of that id.
        """
        path = self.path(file_id)
        folder = path.parent
        return StoredFile(file_id, path.name, _measure(folder), int(folder.stat().st_ctime))

    def path(self, file_id: str) -> Path:
        """The file itself, marked as used now.

        Raises:
            RequestRefusedError: there is none of that id.
        """
        folder = self._folder / file_id
        try:
            if _ID.fullmatch(file_id) and (files := list(folder.iterdir())):
                os.utime(folder)
                return files[0]
        except OSError:
            pass
        raise RequestRefusedError(
            404, f"there is no file {file_id!r:.60}: upload it with POST /v1/files", "no_such_file"
        )

    def all(self) -> list[StoredFile]:
        """Records of all uploads, the newest first."""
        found = []
        for folder in self._folders():
            with suppress(RequestRefusedError):
                found.append(self.get(folder.name))
        return sorted(found, key=lambda file: file.created_at, reverse=True)

    def remove(self, file_id: str) -> None:
        """Removes an upload.

        Raises:
            RequestRefusedError: there is none of that id, or a question needs it.
        """
        self.path(file_id)
        with self._lock:
            if self._in_use[file_id]:
                raise RequestRefusedError(
                    409, f"{file_id} is being asked about: wait for the answer or cancel it", "in_use"
                )
            shutil.rmtree(self._folder / file_id, ignore_errors=True)

    @contextmanager
    def held(self, path: Path) -> Iterator[None]:
        """A context in which a file stays, if it is one of these."""
        file_id = path.parent.name if path.is_relative_to(self._folder) else ""
        with self._lock:
            self._in_use[file_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_use[file_id] -= 1
                self._in_use += Counter()  # drops those at 0

    def _keep(self, new: Path, file_id: str, size: int) -> StoredFile:
        with self._lock:
            place = self._folder / file_id
            if not place.exists():
                self._make_room(size)
                new.rename(place)
                new.mkdir()  # for its temporary folder to remove
        return self.get(file_id)

    def _make_room(self, size: int) -> None:
        folders = sorted(self._folders(), key=lambda folder: folder.stat().st_mtime)
        sizes = {folder: _measure(folder) for folder in folders}
        over = sum(sizes.values()) + size - self._most
        for folder in folders:
            if over <= 0:
                return
            if not self._in_use[folder.name]:
                over -= sizes[folder]
                shutil.rmtree(folder, ignore_errors=True)
        if over > 0:
            raise RequestRefusedError(
                507, "the server's store of uploads is full: try later or use a smaller video", "full"
            )

    def _folders(self) -> list[Path]:
        return [folder for folder in self._folder.iterdir() if _ID.fullmatch(folder.name)]


def is_sent_frames(folder: Path) -> bool:
    """Whether a folder is that of single pictures that a client sent, and none of videos."""
    return folder.name == _FRAMES and _ID.fullmatch(folder.parent.name) is not None


def simplify_name(filename: str) -> str:
    """The file name with nothing but plain letters, which can't lead out of a folder."""
    name = _NOT_PLAIN.sub("_", filename.replace("\\", "/").rpartition("/")[2]).strip("._")[-_LONGEST_NAME:]
    return name or "video"


def _measure(folder: Path) -> int:
    size = 0
    with suppress(OSError):  # removed meanwhile
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return size
