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

from tools.cache import explain_write_errors, keep, load_kept
from tools.index.frame_store import PICTURES, RECORDS, FrameStore
from tools.own_files import append_own, is_plain_file, is_there, make_own_folder, open_own, remove

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

    def goes_on_after(self, seen: "IndexManifest") -> bool:
        """Whether nothing that an earlier one counts was made again since."""
        is_longer = self.frames >= seen.frames and self.rows >= seen.rows and self.tiled >= seen.tiled
        return self.run == seen.run and is_longer


_MANIFEST = TypeAdapter(IndexManifest)


@dataclass(frozen=True, eq=False)
class LoadedIndex:
    """What an index has on disk, or what came since an earlier look."""

    manifest: IndexManifest
    batch: IndexBatch
    is_from_start: bool
    """Whether the batch is all there is, and what was seen before does not count any more."""
    is_tiled: bool
    """Whether all frames are there with their tiles."""


@dataclass(frozen=True)
class IndexDamage:
    """The files don't hold what the manifest says; all of it has to be made again."""

    why: str


class IndexFiles:
    """Reads and checks the files of one index: sampled frames, embedded frames, and tiles."""

    def __init__(self, folder: Path, store_folder: Path, dim: int, tiles: int) -> None:
        """Describes the files of an index in `folder`, whose pictures are kept in `store_folder`."""
        self.folder = folder
        self._store_folder = store_folder
        self._has_tiles = tiles > 0
        # name -> (dtype on disk, shape of an item, what the manifest counts the items by)
        self._layout: dict[str, tuple[str, tuple[int, ...], str]] = {
            "seconds": ("<f8", (), "frames"),
            "rows": ("<i8", (), "frames"),
            "thumbs": ("u1", THUMB_SHAPE, "frames"),
            "vectors": ("<f2", (dim,), "rows"),
            "tiled": ("<i8", (), "tiled"),
            "tiles": ("<f2", (tiles, dim), "tiled"),
        }

    def load(self, seen: IndexManifest | None = None, *, only_whole: bool = False) -> LoadedIndex | IndexDamage | None:
        """What there is, each byte read once and checked; None where there is nothing.

        Args:
            seen: the manifest of an earlier look, whose part is not read again unless it was made anew.
            only_whole: leave alone what has not yet all its frames, as if nothing were there.
        """
        manifest = load_kept(self.folder / MANIFEST, _MANIFEST)
        if manifest is None:
            path = self.folder / MANIFEST
            return IndexDamage(f"{path} cannot be read, or is of another version") if is_there(path) else None
        if only_whole and not manifest.is_complete:
            return None
        if seen is not None and not manifest.goes_on_after(seen):
            seen = None
        try:
            batch = self._read(manifest, seen)
            if seen is None or manifest.frames > seen.frames:
                self._check_store(manifest)
        except _DamagedFilesError as damage:
            return IndexDamage(str(damage))
        return LoadedIndex(manifest, batch, seen is None, self._is_tiled(manifest))

    def read_manifest(self) -> IndexManifest | None:
        """The manifest of an index that has all its frames and tiles; None without one."""
        manifest = load_kept(self.folder / MANIFEST, _MANIFEST)
        return manifest if manifest is not None and self._is_tiled(manifest) else None

    def _is_tiled(self, manifest: IndexManifest) -> bool:
        return manifest.is_complete and (not self._has_tiles or manifest.tiled == manifest.rows)

    def _read(self, manifest: IndexManifest, seen: IndexManifest | None) -> IndexBatch:
        arrays = {name: self._read_array(name, manifest, seen) for name in self._layout}
        seconds, rows, tiled = arrays["seconds"], arrays["rows"], arrays["tiled"]
        if not (np.isfinite(seconds).all() and (np.diff(seconds) > 0).all()):
            raise _DamagedFilesError(f"{self.folder / 'seconds'} holds no ascending times")
        last = -1 if seen is None else seen.rows - 1
        if not (np.isin(np.diff(rows, prepend=last), (0, 1)).all() and ((rows >= 0) & (rows < manifest.rows)).all()):
            raise _DamagedFilesError(f"{self.folder / 'rows'} holds no numbers of rows")
        if not ((tiled >= 0).all() and (tiled < manifest.rows).all() and len(np.unique(tiled)) == len(tiled)):
            raise _DamagedFilesError(f"{self.folder / 'tiled'} holds no numbers of rows")
        for name in ("vectors", "tiles"):
            arrays[name] = arrays[name].astype(np.float32)
        return IndexBatch(**arrays)

    def _read_array(self, name: str, manifest: IndexManifest, seen: IndexManifest | None) -> NDArray[Any]:
        """(last - first, ...) items of a file, after those that were seen."""
        path, (kind, shape, by) = self.folder / name, self._layout[name]
        first = 0 if seen is None else int(getattr(seen, by))
        item, count = _compute_item_bytes(kind, shape), int(getattr(manifest, by)) - first
        try:
            with open_own(path) as file:
                if os.fstat(file.fileno()).st_size < (first + count) * item:
                    raise _DamagedFilesError(f"{path} was cut off")
                file.seek(first * item)
                data = file.read(count * item)
        except OSError as error:
            raise _DamagedFilesError(f"{path} is missing") from error
        before = 0 if seen is None else seen.checksums.get(name, 0)
        if zlib.crc32(data, before) != manifest.checksums.get(name):
            raise _DamagedFilesError(f"{path} was changed")
        return np.frombuffer(data, kind).reshape(count, *shape)

    def _check_store(self, manifest: IndexManifest) -> None:
        for path in (self._store_folder / RECORDS, self._store_folder / PICTURES):
            if not is_plain_file(path):
                raise _DamagedFilesError(f"{path} is missing")
        pictures = self._store_folder / PICTURES
        try:
            with FrameStore(self._store_folder) as store:
                count = len(store)
        except OSError as error:
            raise _DamagedFilesError(f"{pictures} cannot be read") from error
        if count < manifest.frames:
            raise _DamagedFilesError(f"{pictures} was cut off, or {RECORDS} beside it changed")

    def open_writer(self, manifest: IndexManifest | None) -> "IndexWriter":
        """Opens a writer that goes on after the manifest, or from nothing without one."""
        with explain_write_errors(self.folder):
            if manifest is None and is_there(self.folder):
                remove(self.folder)
            make_own_folder(self.folder)
            sizes = {name: self._compute_size_bytes(name, manifest) if manifest else 0 for name in self._layout}
            kinds = {name: kind for name, (kind, *_) in self._layout.items()}
            return IndexWriter(self.folder, kinds, sizes, manifest)

    def _compute_size_bytes(self, name: str, manifest: IndexManifest) -> int:
        kind, shape, by = self._layout[name]
        return int(getattr(manifest, by)) * _compute_item_bytes(kind, shape)


class _DamagedFilesError(Exception):
    """Says which file does not hold what the manifest counts."""


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
        with explain_write_errors(self._folder):
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
        with explain_write_errors(self._folder):
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


def _compute_item_bytes(kind: str, shape: tuple[int, ...]) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
