"""The frame index in memory: which moments of a video look like a query, while it is still being filled.

Two layers: a quick one of keyframes, so that a search answers within seconds, and the full one at the sampling rate,
which replaces the quick one up to where it has come. Near-equal frames were embedded once: a row of the full layer
stands for the whole run of sampled frames that look like it. A frame has one vector, or 14 with its tiles.

Vectors are kept as float16 and compared exactly: half the memory of float32 and twice as fast (0.7 against 1.7 ms for
an hour with tiles), with the same ranking to the third digit.
"""

import threading
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.cache import write_atomically
from tools.observation import Box
from tools.own_files import is_there, open_own, remove
from tools.sampling import TILES, pick_apart
from tools.workers import dismiss_workers

GRAPH_ROWS = 100_000
"""Past this many vectors a search of the whole video walks a graph (HNSW) instead of comparing all."""
_GRAPH_NEIGHBOURS = 32
_GRAPH_EFFORT = 128
_GRAPH_STEP = 10_000
_USUAL_APART_SECONDS = 4.0


@dataclass(frozen=True)
class Moment:
    """A time at which the picture fits a query."""

    seconds: float
    """The sampled frame's own time; the window's start if the frame came on screen before it."""
    score: float
    """Cosine of query and picture: compares moments of one query and one encoder, no more."""
    box: Box
    """The tile that fits best; FULL_FRAME for the whole picture."""
    stop_seconds: float
    """When the first sampled frame that looks different comes, or the window ends."""


class FrameIndex:
    """Search over what is indexed so far; one thread may add while others search."""

    def __init__(self, encoder_name: str, dim: int, tiles: int, duration_seconds: float) -> None:
        self.encoder_name = encoder_name
        self._duration_seconds = duration_seconds
        self._lock = threading.Lock()
        self._dim, self._tiles = dim, tiles
        self.clear()

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(N,) the sampled frames' own times, ascending, as far as the full pass has come."""
        with self._lock:
            return self._full.seconds.copy()

    @property
    def indexed_share(self) -> float:
        """How much of the video the full pass has covered, 0..1."""
        with self._lock:
            if self._is_complete:
                return 1.0
            return min(1.0, self._reached_seconds() / self._duration_seconds) if self._duration_seconds else 0.0

    def _reached_seconds(self) -> float:
        return float(self._full.seconds[-1]) if len(self._full.seconds) else 0.0

    @property
    def rows(self) -> int:
        """How many sampled frames were embedded: the others look like the one before."""
        with self._lock:
            return len(self._full.table) // self._tiles

    def clear(self) -> None:
        """Back to nothing."""
        with self._lock:
            self._quick, self._full = _Layer(self._dim, 1), _Layer(self._dim, self._tiles)
            self._is_complete = False

    def add_quick(self, seconds: list[float], vectors: NDArray[np.float32]) -> None:
        """Adds keyframes: ascending times and one vector each."""
        with self._lock:
            self._quick.add(np.array(seconds), np.arange(len(seconds)) + len(self._quick.table), vectors)

    def add(self, seconds: NDArray[np.float64], rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Adds sampled frames: (n,) times, (n,) which embedded frame each looks like, vectors of the new ones."""
        with self._lock:
            self._full.add(seconds, rows, vectors)

    def complete(self, graph_path: Path | None = None) -> None:
        """Says that the full pass is done; builds or loads the graph where there is so much to search."""
        table = self._full.table.with_graph(graph_path)
        with self._lock:
            self._full.table = table
            self._is_complete = True
            self._quick = _Layer(self._dim, 1)

    def search(
        self,
        query: NDArray[np.float32],
        count: int,
        start_seconds: float = 0.0,
        stop_seconds: float = np.inf,
        apart_seconds: float | None = None,
    ) -> list[Moment]:
        """The best moments in [start, stop), best first, no two of them close in time.

        `apart_seconds` defaults to 4, less in a short window; one run of near-equal frames is one moment anyway.
        """
        if query.shape != (self._dim,):
            raise ValueError(f"need a query of shape ({self._dim},), got {query.shape}: another encoder's?")
        stop = min(stop_seconds, self._duration_seconds)
        if apart_seconds is None:
            apart_seconds = min(_USUAL_APART_SECONDS, max(0.0, stop - start_seconds) / (2 * max(1, count)))
        with self._lock:
            border = stop if self._is_complete else min(stop, self._border_seconds())
            layers = ((self._full, start_seconds, border), (self._quick, max(start_seconds, border), stop))
            wanted = count
            while True:
                found = [layer.best(query, wanted, start, end) for layer, start, end in layers if start < end]
                moments = sorted((m for part in found for m in part), key=lambda m: (-m.score, m.seconds))
                picked = pick_apart(range(len(moments)), [m.seconds for m in moments], count, apart_seconds)
                # Close neighbours were dropped: look further down the ranking until enough are left or all were seen.
                if len(picked) >= count or wanted > max(len(layer.table) for layer, *_ in layers):
                    return [moments[index] for index in picked]
                wanted *= 4

    def _border_seconds(self) -> float:
        """Below it the full layer knows better, from it on the quick one."""
        return float(np.nextafter(self._full.seconds[-1], np.inf)) if len(self._full.seconds) else 0.0


class _Layer:
    """Sampled times, the embedded frame that each looks like, and the vectors of those."""

    def __init__(self, dim: int, tiles: int) -> None:
        self.table = _VectorTable(dim)
        self.seconds = np.empty(0, np.float64)  # (N,) ascending
        self._rows = np.empty(0, np.int64)  # (N,) ascending: which embedded frame
        self._tiles = tiles

    def add(self, seconds: NDArray[np.float64], rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self.table.add(vectors.reshape(-1, self.table.dim))
        self.seconds = np.concatenate([self.seconds, seconds])
        self._rows = np.concatenate([self._rows, rows])

    def best(self, query: NDArray[np.float32], count: int, start: float, stop: float) -> list[Moment]:
        """The `count` best embedded frames on screen in [start, stop), each with its best tile."""
        first, last = (int(np.searchsorted(self.seconds, time)) for time in (start, stop))
        if first == last and first > 0:
            first -= 1  # nothing was sampled inside so short a window: the frame before it is on screen
        if first == last:
            return []
        rows = self._rows[first], self._rows[last - 1] + 1
        scores, places = self.table.search(query, count * self._tiles, *(int(row) * self._tiles for row in rows))
        moments: dict[int, Moment] = {}
        for score, place in zip(scores, places, strict=True):  # best first: the first tile of a frame is its best
            row, tile = divmod(int(place), self._tiles)
            if row not in moments:
                moments[row] = self._moment(row, tile, float(score), (start, stop), (first, last))
        return list(moments.values())[:count]

    def _moment(
        self, row: int, tile: int, score: float, window: tuple[float, float], samples: tuple[int, int]
    ) -> Moment:
        (start, stop), (first, last) = window, samples
        begin = max(int(np.searchsorted(self._rows, row)), first)
        end = int(np.searchsorted(self._rows, row, side="right"))
        until = float(self.seconds[end]) if end < last else stop
        return Moment(max(float(self.seconds[begin]), start), score, TILES[tile], until)


class _VectorTable:
    """Unit vectors by row number, compared by faiss: all of a range, or by a graph when there are very many."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._flat: Any = None
        self._graph: Any = None

    def __len__(self) -> int:
        return 0 if self._flat is None else int(self._flat.ntotal)

    def add(self, vectors: NDArray[np.float32]) -> None:
        """Appends rows (n, D)."""
        if not len(vectors):
            return
        faiss = _faiss()
        if self._flat is None:
            half = faiss.ScalarQuantizer.QT_fp16
            self._flat = faiss.IndexScalarQuantizer(self.dim, half, faiss.METRIC_INNER_PRODUCT)
        self._flat.add(np.ascontiguousarray(vectors, np.float32))
        dismiss_workers()  # faiss computes with torch's OpenMP where torch came first

    def search(
        self, query: NDArray[np.float32], count: int, first: int, last: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and row numbers of the best of rows [first, last), best first."""
        faiss = _faiss()
        count = min(count, last - first)
        if count <= 0:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        everything = (first, last) == (0, len(self))
        if self._graph is not None and everything and count <= _GRAPH_EFFORT:
            scores, rows = self._graph.search(query[None], count)
        else:
            chosen = faiss.SearchParameters(sel=faiss.IDSelectorRange(first, last, True))
            scores, rows = self._flat.search(query[None], count, params=None if everything else chosen)
        kept = rows[0] >= 0
        return scores[0][kept], rows[0][kept]

    def with_graph(self, path: Path | None) -> "_VectorTable":
        """The same rows with a graph if there are very many: read from `path`, or built (minutes) and kept there."""
        if len(self) <= GRAPH_ROWS:
            return self
        faiss = _faiss()
        table = _VectorTable(self.dim)
        table._graph = _read_graph(path, self.dim, len(self)) or self._built_graph()
        table._graph.hnsw.efSearch = _GRAPH_EFFORT
        table._flat = faiss.downcast_index(table._graph.storage)  # the graph holds the vectors: no second copy
        if path is not None and not is_there(path):
            graph = faiss.serialize_index(table._graph).tobytes()
            write_atomically(path, zlib.crc32(graph).to_bytes(4, "little") + graph)
        return table

    def _built_graph(self) -> Any:
        faiss = _faiss()
        graph = faiss.IndexHNSWSQ(
            self.dim, faiss.ScalarQuantizer.QT_fp16, _GRAPH_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT
        )
        for start in range(0, len(self), _GRAPH_STEP):
            graph.add(self._flat.reconstruct_n(start, min(_GRAPH_STEP, len(self) - start)))
        return graph


def _faiss() -> Any:
    """The library; its type stubs know less than it can do."""
    import faiss

    return faiss


def _read_graph(path: Path | None, dim: int, rows: int) -> Any | None:
    """The graph in a file; None where it is not there, was changed, or is of other vectors: then it is removed."""
    if path is None or not is_there(path):
        return None
    faiss = _faiss()
    try:
        with open_own(path) as file:
            crc32, data = file.read(4), file.read()
        graph = faiss.deserialize_index(np.frombuffer(data, np.uint8)) if _is_checksum(crc32, data) else None
    except (OSError, RuntimeError):
        graph = None
    if graph is None or (graph.d, graph.ntotal) != (dim, rows):
        remove(path)
        return None
    return graph


def _is_checksum(crc32: bytes, data: bytes) -> bool:
    return crc32 == zlib.crc32(data).to_bytes(4, "little")
