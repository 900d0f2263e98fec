"""Vectors of many videos in files that a search need not read whole.

A shard holds the vectors of some videos, up to `SHARD_ROWS`. A small one is compared exactly. A large one is an
inverted file of 8-bit codes (faiss IVF,SQ8) that the system maps into memory page by page. When videos come, change or
go, only the shards that hold them, and the last one that is not full, are written again: see `library`.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.cache import explain_write_errors
from tools.own_files import is_plain_file, make_own_folder
from tools.runtime.openmp import release_openmp_threads

SHARD_ROWS = 200_000
"""Vectors of one shard at most, 20 hours of frames with few repeats: bounds the memory that writing one takes."""
EXACT_ROWS = 50_000
"""Vectors up to which a shard is compared exactly; a search in so many takes about 10 ms."""
_ROWS_A_LIST = 400
"""Vectors of an inverted list on average."""
_PROBED_SHARE = 1 / 16
"""Share of the inverted lists that a search looks into; evals/RESULTS.md has the recall."""
_TRAINED_BY = 64
"""Vectors that each list's centre is learnt from: more take longer and change little."""
_ADDED_AT_ONCE = 10_000
"""Vectors added at once: bounds the float32 copies of them."""

PLACE = np.dtype([("video", "<u4"), ("tile", "u1"), ("start", "<f8"), ("stop", "<f8")])
"""Where a vector is from: number of the video in its shard, index into TILES, and seconds for which it stands."""


@dataclass(frozen=True, eq=False)
class VideoVectors:
    """The vectors of one video, of whole pictures and of tiles."""

    vectors: NDArray[np.float16]  # (n, D) unit
    places: NDArray[np.void]  # (n,) PLACE, their `video` 0


@dataclass(frozen=True)
class ShardHit:
    """A vector that a search has found."""

    video: int
    """Number of the video in its shard."""
    score: float
    tile: int
    start_seconds: float
    stop_seconds: float


def write_shard(folder: Path, videos: Sequence[VideoVectors]) -> str:
    """Writes a shard and gives its name.

    Args:
        folder: where its two files go.
        videos: at least one, with one vector in all at least.

    Raises:
        OSError: it can't be written.
    """
    name = f"shard-{secrets.token_hex(8)}"
    vectors = np.concatenate([video.vectors for video in videos])
    places = np.concatenate([video.places for video in videos])
    places["video"] = np.repeat(np.arange(len(videos)), [len(video.places) for video in videos])
    faiss = _import_faiss()
    index = _make_index(vectors)
    for start in range(0, len(vectors), _ADDED_AT_ONCE):
        index.add(np.ascontiguousarray(vectors[start : start + _ADDED_AT_ONCE], np.float32))
    release_openmp_threads()
    with explain_write_errors(folder):
        make_own_folder(folder)
        np.save(folder / f"{name}.npy", places)
        try:
            faiss.write_index(index, str(folder / f"{name}.faiss"))
        except RuntimeError as error:  # faiss has no other, whatever the system said
            raise OSError(f"{folder / name}.faiss can't be written: {error}") from error
    return name


def _make_index(vectors: NDArray[np.float16]) -> Any:
    """An index without vectors, whose lists are learnt from the given ones where there are many."""
    faiss = _import_faiss()
    rows, dim = vectors.shape
    if rows <= EXACT_ROWS:
        return faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    lists = rows // _ROWS_A_LIST
    index = faiss.index_factory(dim, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.cp.max_points_per_centroid = _TRAINED_BY
    chosen = np.random.default_rng(0).permutation(rows)[: lists * _TRAINED_BY]
    index.train(np.ascontiguousarray(vectors[np.sort(chosen)], np.float32))
    return index


class Shard:
    """A shard on disk, open for searches; threads may share it."""

    def __init__(self, folder: Path, name: str, rows: int) -> None:
        """Maps the files of a shard.

        Raises:
            OSError: they are not there, or not what was written.
        """
        faiss = _import_faiss()
        path, places = folder / f"{name}.faiss", folder / f"{name}.npy"
        if not (is_plain_file(path) and is_plain_file(places)):
            raise FileNotFoundError(f"{path} is missing")
        try:
            self._index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
            self._places = np.load(places, mmap_mode="r")
        except (RuntimeError, ValueError) as error:
            raise OSError(f"{path} can't be read: {error}") from error
        if (self._index.ntotal, len(self._places), self._places.dtype) != (rows, rows, PLACE):
            raise OSError(f"{path} was changed")
        if rows > EXACT_ROWS:
            self._index.nprobe = max(1, round(self._index.nlist * _PROBED_SHARE))

    def search(self, query: NDArray[np.float32], count: int) -> list[ShardHit]:
        """The vectors nearest to a query (D,), best first."""
        scores, rows = self._index.search(query[None], min(count, self._index.ntotal))
        found = rows[0] >= 0
        places = self._places[rows[0][found]]
        return [
            ShardHit(int(place["video"]), float(score), int(place["tile"]), float(place["start"]), float(place["stop"]))
            for score, place in zip(scores[0][found], places, strict=True)
        ]


def remove_shards(folder: Path, kept: Sequence[str]) -> None:
    """Removes the files of shards that are not `kept`."""
    for path in folder.glob("shard-*"):
        if path.stem not in kept:
            with suppress(OSError):  # another process may be removing it, or still have it open
                path.unlink()


def _import_faiss() -> Any:
    """The module faiss as Any; its type stubs know less than it can do."""
    import faiss

    return faiss
