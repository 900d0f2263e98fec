"""A frame index on disk: six files that only grow, and a manifest that says how much of them counts.

What is written after the last manifest does not exist: a kill loses at most one checkpoint, and a second process may
read while the first goes on. Sizes and checksums are in the manifest, so a file that was cut or changed is noticed.
"""

import os
import secrets
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from tools.cache import explained, keep, kept
from tools.own_files import append_own, is_there, open_own, own_folder, remove

THUMB_SHAPE = (18, 32, 3)
"""Height, width and channels of a thumbnail."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, eq=False)
class IndexBatch:
    """Sampled frames in time order, the vectors of those that differ from the one before, and tiles of any frames."""

    seconds: NDArray[np.float64]  # (n,) own times
    rows: NDArray[np.int64]  # (n,) number of the embedded frame that each looks like
    thumbs: NDArray[np.uint8]  # (n, 18, 32, 3)
    vectors: NDArray[np.float32]  # (k, D) unit, of whole pictures
    tiled: NDArray[np.int64]  # (m,) numbers of embedded frames whose tiles follow, in any order, each once
    tiles: NDArray[np.float32]  # (m, T, D) unit; T is 0 for an encoder that has no tiles


@dataclass(frozen=True)
class IndexManifest:
    """Numbers of items that count in each file of an index, and their checksums."""

    run: str
    """Random name of the build, new after each start from nothing: a follower must not mix two."""
    frames: Annotated[int, Field(ge=0)]
    """Number of sampled frames."""
    rows: Annotated[int, Field(ge=0)]
    """Number of embedded frames."""
    tiled: Annotated[int, Field(ge=0)]
    """Number of embedded frames that have their tiles."""
    is_complete: bool
    """Whether all frames are there; their tiles may come later."""
    checksums: dict[str, int]
    """CRC-32 of what counts in each file, by its name."""
    format: Literal[3] = 3

    @classmethod
    def read(cls, folder: Path) -> "IndexManifest | None":
        """The manifest in a folder; None where there is none, or a damaged one, or one of another format."""
        return kept(folder / MANIFEST, _MANIFEST)


_MANIFEST = TypeAdapter(IndexManifest)


class IndexFiles:
    """Reads and checks the files of one index: sampled frames, embedded frames, and tiles."""

    def __init__(self, folder: Path, dim: int, tiles: int) -> None:
        self.folder = folder
        # name -> (dtype on disk, shape of an item, what the manifest counts the items by)
        self._layout: dict[str, tuple[str, tuple[int, ...], str]] = {
            "seconds": ("<f8", (), "frames"),
            "rows": ("<i8", (), "frames"),
            "thumbs": ("u1", THUMB_SHAPE, "frames"),
            "vectors": ("<f2", (dim,), "rows"),
            "tiled": ("<i8", (), "tiled"),
            "tiles": ("<f2", (tiles, dim), "tiled"),
        }

    def damage(self, manifest: IndexManifest) -> str | None:
        """Damage of the files, in words; None if they hold what the manifest says."""
        for name in self._layout:
            path, size = self.folder / name, self._size_bytes(name, manifest)
            try:
                with open_own(path) as file:
                    if os.fstat(file.fileno()).st_size < size:
                        return f"{path} was cut off"
                    if _checksum(file, size) != manifest.checksums.get(name):
                        return f"{path} was changed"
            except OSError:
                return f"{path} is missing"
        seconds, rows, tiled = (self._array(name, manifest, 0) for name in ("seconds", "rows", "tiled"))
        if not (np.isfinite(seconds).all() and (np.diff(seconds) > 0).all()):
            return f"{self.folder / 'seconds'} holds no ascending times"
        if not (
            np.isin(np.diff(rows, prepend=-1), (0, 1)).all() and (rows >= 0).all() and (rows < manifest.rows).all()
        ):
            return f"{self.folder / 'rows'} holds no numbers of rows"
        if not ((tiled >= 0).all() and (tiled < manifest.rows).all() and len(np.unique(tiled)) == len(tiled)):
            return f"{self.folder / 'tiled'} holds no numbers of rows"
        return None

    def read(self, manifest: IndexManifest, frames: int = 0, rows: int = 0, tiled: int = 0) -> IndexBatch:
        """Reads what the manifest counts, after a number of items of each kind.

        Args:
            manifest: the manifest.
            frames: sampled frames to skip.
            rows: embedded frames to skip.
            tiled: frames with tiles to skip.
        """
        first = {"frames": frames, "rows": rows, "tiled": tiled}
        arrays = {name: self._array(name, manifest, first[by]) for name, (*_, by) in self._layout.items()}
        for name in ("vectors", "tiles"):
            arrays[name] = arrays[name].astype(np.float32)
        return IndexBatch(**arrays)

    def _array(self, name: str, manifest: IndexManifest, first: int) -> NDArray[Any]:
        """Items of a file from `first` on, (n, ...) in the dtype of the file."""
        kind, shape, by = self._layout[name]
        item, count = _item_bytes(kind, shape), max(0, getattr(manifest, by) - first)
        with open_own(self.folder / name) as file:
            file.seek(first * item)
            return np.frombuffer(file.read(count * item), kind).reshape(count, *shape)

    def writer(self, manifest: IndexManifest | None) -> "IndexWriter":
        """Opens a writer that goes on after the manifest, or from nothing without one."""
        with explained(self.folder):
            if manifest is None and is_there(self.folder):
                remove(self.folder)
            own_folder(self.folder)
            sizes = {name: self._size_bytes(name, manifest) if manifest else 0 for name in self._layout}
            kinds = {name: kind for name, (kind, *_) in self._layout.items()}
            return IndexWriter(self.folder, kinds, sizes, manifest)

    def _size_bytes(self, name: str, manifest: IndexManifest) -> int:
        kind, shape, by = self._layout[name]
        return int(getattr(manifest, by)) * _item_bytes(kind, shape)


class IndexWriter:
    """Appends batches to the files of an index; they count from the next checkpoint on."""

    def __init__(
        self, folder: Path, kinds: dict[str, str], sizes: dict[str, int], manifest: IndexManifest | None
    ) -> None:
        self._folder = folder
        self._kinds = kinds
        self.run = manifest.run if manifest else secrets.token_hex(8)
        self.frames = manifest.frames if manifest else 0
        self.rows = manifest.rows if manifest else 0
        self.tiled = manifest.tiled if manifest else 0
        self._is_complete = manifest is not None and manifest.is_complete
        self._checksums = dict(manifest.checksums) if manifest else dict.fromkeys(kinds, 0)
        self._files: dict[str, BinaryIO] = {name: append_own(folder / name) for name in kinds}
        for name, file in self._files.items():
            file.truncate(sizes[name])

    def append(self, batch: IndexBatch) -> None:
        """Appends a batch, which the next checkpoint will count."""
        with explained(self._folder):
            for name, kind in self._kinds.items():
                data = np.ascontiguousarray(getattr(batch, name), kind).tobytes()
                self._files[name].write(data)
                self._checksums[name] = zlib.crc32(data, self._checksums[name])
        self.frames += len(batch.seconds)
        self.rows += len(batch.vectors)
        self.tiled += len(batch.tiled)

    def complete(self) -> None:
        """Marks the index as having all its frames, from the next checkpoint on."""
        self._is_complete = True

    def checkpoint(self) -> None:
        """Writes a manifest that counts all that was appended, also after a power cut."""
        with explained(self._folder):
            for file in self._files.values():
                file.flush()
                os.fsync(file.fileno())
        manifest = IndexManifest(self.run, self.frames, self.rows, self.tiled, self._is_complete, self._checksums)
        keep(self._folder / MANIFEST, asdict(manifest))

    def close(self) -> None:
        """Closes the files; what was not checkpointed does not count, so on a full disk it may be lost."""
        for file in self._files.values():
            with suppress(OSError):
                file.close()


def _item_bytes(kind: str, shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize


def _checksum(file: BinaryIO, size: int) -> int:
    """CRC-32 of the first `size` bytes of a file."""
    checksum = 0
    while size > 0 and (chunk := file.read(min(size, 1 << 20))):
        checksum = zlib.crc32(chunk, checksum)
        size -= len(chunk)
    return checksum
