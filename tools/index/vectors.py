"""The frame index in memory: finds the moments of a video that look like a query, while it is still being filled.

A quick layer of keyframes lets a search answer within seconds; the full one, at the sampling rate, replaces it as it
comes. Near-equal frames were embedded once: a row of the full layer stands for the whole run of sampled frames that
look like it. Its tiles, in which small things are found, come later than the whole picture and in any order.

Vectors are kept as float16 and compared exactly: half the memory of float32 and twice as fast (0.7 against 1.7 ms for
an hour with tiles), with the same ranking to the third digit.
"""

import threading
import zlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.cache import write_atomically
from tools.observation import Box
from tools.own_files import is_there, open_own, remove
from tools.runtime.openmp import release_openmp_threads
from tools.sampling import TILES, pick_apart

GRAPH_ROWS = 100_000
"""Vectors past which a search of the whole video walks a graph (HNSW) instead of comparing all."""
_GRAPH_NEIGHBOURS = 32
"""HNSW's M: links of a vector in the graph."""
_GRAPH_EFFORT = 128
"""HNSW's efSearch: candidates of a search in the graph; a search for more compares all vectors."""
_GRAPH_STEP = 10_000
"""Vectors added to a graph at once: bounds the float32 copies of them."""
_USUAL_APART_SECONDS = 4.0
"""Least distance of two moments of one search."""
_NEIGHBOURS = 4
"""About the number of the best frames that belong to one moment."""


@dataclass(frozen=True)
class MatchedMoment:
    """A moment of the video whose picture fits a query."""

    seconds: float
    """The sampled frame's own time; the window's start if the frame came on screen before it."""
    score: float
    """Cosine of query and picture, -1..1: compares moments of one query and one encoder, no more."""
    box: Box
    """The tile that fits best; FULL_FRAME for the whole picture."""
    stop_seconds: float
    """Time of the first sampled frame that looks different, or the window's end."""


class FrameIndex:
    """Embeddings of the frames indexed so far, and the search in them; one thread may add while others search."""

    def __init__(
        self, encoder_name: str, dim: int, tiles: int, duration_seconds: float, first_second: float = 0.0
    ) -> None:
        self.encoder_name = encoder_name
        self._duration_seconds = duration_seconds
        self._first_second = first_second
        self._lock = threading.Lock()
        self._dim, self._tile_count = dim, tiles
        self.clear()

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Own times of the sampled frames in seconds, (N,) float64, ascending, as far as the full pass has come."""
        with self._lock:
            return self._full.seconds.copy()

    @property
    def indexed_share(self) -> float:
        """Share of the video that the full pass has covered, 0..1."""
        with self._lock:
            if self._is_complete:
                return 1.0
            length = self._duration_seconds - self._first_second
            return min(1.0, (self._find_reached_seconds() - self._first_second) / length) if length else 0.0

    def _find_reached_seconds(self) -> float:
        return float(self._full.seconds[-1]) if len(self._full.seconds) else self._first_second

    @property
    def rows(self) -> int:
        """Number of sampled frames that were embedded: the others look like the one before."""
        with self._lock:
            return len(self._full.table)

    @property
    def tiled(self) -> int:
        """Number of embedded frames that have their tiles."""
        with self._lock:
            return len(self._tiles.rows)

    def clear(self) -> None:
        """Removes all frames and tiles."""
        with self._lock:
            self._quick, self._full = _Layer(self._dim), _Layer(self._dim)
            self._tiles = _Tiles(self._dim, self._tile_count)
            self._is_complete = False

    def add_quick(self, seconds: list[float], vectors: NDArray[np.float32]) -> None:
        """Adds keyframes: ascending times and one vector each."""
        with self._lock:
            self._quick.add(np.array(seconds), np.arange(len(seconds)) + len(self._quick.table), vectors)

    def add(self, seconds: NDArray[np.float64], rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Adds sampled frames.

        Args:
            seconds: (n,) own times, ascending.
            rows: (n,) number of the embedded frame that each looks like.
            vectors: (k, D) unit rows of the frames that are new among those.
        """
        with self._lock:
            self._full.add(seconds, rows, vectors)

    def add_tiles(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Adds the tiles (m, T, D) of embedded frames; (m,) says which of them were not there already."""
        with self._lock:
            return self._tiles.add(rows, vectors)

    def complete(self, graph_path: Path | None = None) -> None:
        """Ends the full pass; builds or loads the graph where there are more than `GRAPH_ROWS` vectors."""
        table = self._full.table.add_graph(graph_path)
        with self._lock:
            self._full.table = table
            self._is_complete = True
            self._quick = _Layer(self._dim)

    def complete_tiles(self, graph_path: Path | None = None) -> None:
        """Ends the tiles; builds or loads the graph where there are more than `GRAPH_ROWS` vectors."""
        if len(self._tiles.table) > GRAPH_ROWS:
            tiles = self._tiles.in_order(graph_path)
            with self._lock:
                self._tiles = tiles

    def list_untiled(self, count: int, after_row: int) -> NDArray[np.int64]:
        """Up to `count` embedded frames without tiles, in order of time, the first ones after `after_row`."""
        with self._lock:
            rows = (row for row in range(after_row + 1, len(self._full.table)) if row not in self._tiles.known)
            return np.array(list(islice(rows, count)), np.int64)

    def find_untiled_matches(
        self, query: NDArray[np.float32], count: int, start_seconds: float, stop_seconds: float
    ) -> NDArray[np.int64]:
        """Embedded frames without tiles among the moments that fit a query best by their whole pictures.

        Args:
            query: (D,) unit.
            count: number of moments.
            start_seconds: start of the window.
            stop_seconds: end of the window, not included.
        """
        with self._lock:
            best = self._full.best(query, _NEIGHBOURS * count, start_seconds, min(stop_seconds, self._duration_seconds))
            seconds = [float(self._full.seconds[np.searchsorted(self._full.rows, hit.row)]) for hit in best]
            picked = pick_apart(range(len(best)), seconds, count, _USUAL_APART_SECONDS / 2)
            return np.array([best[i].row for i in picked if best[i].row not in self._tiles.known], np.int64)

    def get_seconds(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Own times of embedded frames in seconds, (n,) float64."""
        with self._lock:
            return self._full.seconds[np.searchsorted(self._full.rows, rows)]

    def find_vectors(self, seconds: NDArray[np.float64]) -> NDArray[np.float32]:
        """Vectors of the whole pictures on screen at some times, (n, D); zeros where nothing is indexed yet."""
        with self._lock:
            found = np.zeros((len(seconds), self._dim), np.float32)
            reached = self._duration_seconds if self._is_complete else self._find_reached_seconds()
            for number, time in enumerate(seconds):
                sample = int(np.searchsorted(self._full.seconds, time, side="right")) - 1
                if len(self._full.seconds) and time <= reached:
                    found[number] = self._full.table.rows(int(self._full.rows[max(0, sample)]), 1)[0]
            return found

    def compute_tiled_share(self, start_seconds: float, stop_seconds: float) -> float:
        """Share of the frames embedded so far in [start, stop) that have their tiles, 0..1; 1 where none will."""
        with self._lock:
            first, last = self._full.range(start_seconds, stop_seconds)
            if first == last or not self._tile_count:
                return 1.0
            tiled = (self._tiles.rows >= first) & (self._tiles.rows < last)
            return float(tiled.sum()) / (last - first)

    def search(
        self,
        query: NDArray[np.float32],
        count: int,
        start_seconds: float = 0.0,
        stop_seconds: float = np.inf,
        apart_seconds: float | None = None,
    ) -> list[MatchedMoment]:
        """The moments that fit a query best, best first, no two of them close in time.

        Args:
            query: (D,) unit.
            count: number of moments at most.
            start_seconds: start of the window.
            stop_seconds: end of the window, not included.
            apart_seconds: least distance of two moments; None is 4, less in a short window. A run of near-equal frames
                is one moment anyway.

        Raises:
            ValueError: the query has another length than the vectors.
        """
        if query.shape != (self._dim,):
            raise ValueError(f"need a query of shape ({self._dim},), got {query.shape}: another encoder's?")
        stop = min(stop_seconds, self._duration_seconds)
        if apart_seconds is None:
            apart_seconds = min(_USUAL_APART_SECONDS, max(0.0, stop - start_seconds) / (2 * max(1, count)))
        with self._lock:
            border = stop if self._is_complete else min(stop, self._find_border_seconds())
            wanted = count
            while True:
                moments = self._search_full(query, wanted, start_seconds, border)
                if border < stop:
                    quick = self._quick.best(query, wanted, max(start_seconds, border), stop)
                    moments += [self._quick.make_moment(hit, max(start_seconds, border), stop) for hit in quick]
                moments.sort(key=lambda m: (-m.score, m.seconds))
                picked = pick_apart(range(len(moments)), [m.seconds for m in moments], count, apart_seconds)
                # Close neighbours were dropped: look further down the ranking until enough are left or all were seen.
                if len(picked) >= count or wanted > max(len(self._full.table), len(self._quick.table)):
                    return [moments[index] for index in picked]
                wanted *= 4

    def _search_full(self, query: NDArray[np.float32], count: int, start: float, stop: float) -> list[MatchedMoment]:
        """The best moments of the full layer, each by its whole picture or a tile, whichever fits better."""
        if start >= stop:
            return []
        hits = {hit.row: hit for hit in self._full.best(query, count, start, stop)}
        for hit in self._tiles.best(query, count, *self._full.range(start, stop)):
            if hit.row not in hits or hit.score > hits[hit.row].score:
                hits[hit.row] = hit
        best = sorted(hits.values(), key=lambda hit: -hit.score)[:count]
        return [self._full.make_moment(hit, start, stop) for hit in best]

    def _find_border_seconds(self) -> float:
        """Time below which the full layer is searched, and from which on the quick one."""
        return float(np.nextafter(self._full.seconds[-1], np.inf)) if len(self._full.seconds) else 0.0


@dataclass(frozen=True)
class _Hit:
    """An embedded frame that a search has found."""

    row: int
    score: float
    tile: int = 0
    """Index into TILES of the part that fits; 0 is the whole picture."""


class _Layer:
    """Sampled times, the embedded frame that each looks like, and the vectors of those."""

    def __init__(self, dim: int) -> None:
        self.table = _VectorTable(dim)
        self.seconds = np.empty(0, np.float64)  # (N,) ascending
        self.rows = np.empty(0, np.int64)  # (N,) ascending: which embedded frame

    def add(self, seconds: NDArray[np.float64], rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        self.table.add(vectors)
        self.seconds = np.concatenate([self.seconds, seconds])
        self.rows = np.concatenate([self.rows, rows])

    def best(self, query: NDArray[np.float32], count: int, start: float, stop: float) -> list[_Hit]:
        """The `count` embedded frames on screen in [start, stop) that fit a query best, best first."""
        scores, rows = self.table.search(query, count, self._mask_rows(*self.range(start, stop)))
        return [_Hit(int(row), float(score)) for score, row in zip(scores, rows, strict=True)]

    def _mask_rows(self, first: int, last: int) -> NDArray[np.bool_] | None:
        if (first, last) == (0, len(self.table)):
            return None
        return (np.arange(len(self.table)) >= first) & (np.arange(len(self.table)) < last)

    def range(self, start: float, stop: float) -> tuple[int, int]:
        """Range [first, last) of embedded frames on screen in [start, stop)."""
        first, last = self._find_samples(start, stop)
        return (int(self.rows[first]), int(self.rows[last - 1]) + 1) if first < last else (0, 0)

    def _find_samples(self, start: float, stop: float) -> tuple[int, int]:
        first, last = (int(np.searchsorted(self.seconds, time)) for time in (start, stop))
        if first == last and first > 0:
            first -= 1  # nothing was sampled inside so short a window: the frame before it is on screen
        return first, last

    def make_moment(self, hit: _Hit, start: float, stop: float) -> MatchedMoment:
        """The moment of a hit: when its frame is on screen in [start, stop)."""
        first, last = self._find_samples(start, stop)
        begin = max(int(np.searchsorted(self.rows, hit.row)), first)
        end = int(np.searchsorted(self.rows, hit.row, side="right"))
        until = float(self.seconds[end]) if end < last else stop
        return MatchedMoment(max(float(self.seconds[begin]), start), hit.score, TILES[hit.tile], until)


class _Tiles:
    """The tiles of embedded frames, in the order in which they came."""

    def __init__(self, dim: int, count: int) -> None:
        self.table = _VectorTable(dim)
        self.rows = np.empty(0, np.int64)  # (m,) which embedded frame; T vectors in the table for each
        self.known: set[int] = set()
        self._count = count

    def add(self, rows: NDArray[np.int64], vectors: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Adds tiles (m, T, D) of embedded frames; gives (m,) bool, which of the frames were new."""
        is_new = np.array([row not in self.known for row in rows.tolist()], bool)
        self.table.add(vectors[is_new].reshape(-1, self.table.dim))
        self.rows = np.concatenate([self.rows, rows[is_new]])
        self.known.update(rows.tolist())
        return is_new

    def best(self, query: NDArray[np.float32], count: int, first: int, last: int) -> list[_Hit]:
        """The `count` embedded frames of [first, last) whose best tile fits a query best, best first."""
        chosen = (self.rows >= first) & (self.rows < last)
        places = None if chosen.all() else np.repeat(chosen, self._count)
        scores, found = self.table.search(query, count * self._count, places)
        hits: dict[int, _Hit] = {}
        for score, place in zip(scores, found, strict=True):  # best first: the first tile of a frame is its best
            number, tile = divmod(int(place), self._count)
            row = int(self.rows[number])
            if row not in hits:
                hits[row] = _Hit(row, float(score), tile + 1)
        return list(hits.values())[:count]

    def in_order(self, graph_path: Path | None) -> "_Tiles":
        """A copy in order of time, with a graph: another process that reads the graph has its tiles in this order."""
        tiles, order = _Tiles(self.table.dim, self._count), np.argsort(self.rows)
        for part in np.array_split(order, max(1, len(order) * self._count // _GRAPH_STEP)):
            vectors = [self.table.rows(int(number) * self._count, self._count) for number in part]
            tiles.add(self.rows[part], np.stack(vectors))
        tiles.table = tiles.table.add_graph(graph_path)
        return tiles


class _VectorTable:
    """Unit vectors by row number, compared by faiss one by one, or by a graph when there are very many."""

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
        faiss = _import_faiss()
        if self._flat is None:
            half = faiss.ScalarQuantizer.QT_fp16
            self._flat = faiss.IndexScalarQuantizer(self.dim, half, faiss.METRIC_INNER_PRODUCT)
        self._flat.add(np.ascontiguousarray(vectors, np.float32))
        release_openmp_threads()  # faiss computes with torch's OpenMP where torch came first

    def rows(self, first: int, count: int) -> NDArray[np.float32]:
        """Vectors from row `first` on, (count, D) float32."""
        rows: NDArray[np.float32] = self._flat.reconstruct_n(first, count)
        return rows

    def search(
        self, query: NDArray[np.float32], count: int, chosen: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores (n,) and row numbers (n,) of the best rows, or of the best that are `chosen` (N,), best first."""
        count = min(count, len(self) if chosen is None else int(chosen.sum()))
        if count <= 0:
            return np.empty(0, np.float32), np.empty(0, np.int64)
        if chosen is None:
            table = self._graph if self._graph is not None and count <= _GRAPH_EFFORT else self._flat
            scores, rows = table.search(query[None], count)
        else:
            faiss = _import_faiss()
            selector = faiss.IDSelectorBitmap(np.packbits(chosen, bitorder="little"))
            scores, rows = self._flat.search(query[None], count, params=faiss.SearchParameters(sel=selector))
        kept = rows[0] >= 0
        return scores[0][kept], rows[0][kept]

    def add_graph(self, path: Path | None) -> "_VectorTable":
        """A table with a graph if there are very many rows: read from `path`, or built (minutes) and kept there."""
        if len(self) <= GRAPH_ROWS:
            return self
        faiss = _import_faiss()
        table = _VectorTable(self.dim)
        table._graph = _read_graph(path, self.dim, len(self)) or self._build_graph()
        table._graph.hnsw.efSearch = _GRAPH_EFFORT
        table._flat = faiss.downcast_index(table._graph.storage)  # the graph holds the vectors: no second copy
        if path is not None and not is_there(path):
            graph = faiss.serialize_index(table._graph).tobytes()
            write_atomically(path, zlib.crc32(graph).to_bytes(4, "little") + graph)
        return table

    def _build_graph(self) -> Any:
        faiss = _import_faiss()
        graph = faiss.IndexHNSWSQ(
            self.dim, faiss.ScalarQuantizer.QT_fp16, _GRAPH_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT
        )
        for start in range(0, len(self), _GRAPH_STEP):
            graph.add(self.rows(start, min(_GRAPH_STEP, len(self) - start)))
        return graph


def _import_faiss() -> Any:
    """The module faiss as Any; its type stubs know less than it can do."""
    import faiss

    return faiss


def _read_graph(path: Path | None, dim: int, rows: int) -> Any | None:
    """Reads a graph from a file; removes it and gives None where it was changed or is of other vectors."""
    if path is None or not is_there(path):
        return None
    faiss = _import_faiss()
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
