"""Checks how many samples the tables of an MP4 or QuickTime file promise: a few bytes there can fill any memory.

Where all samples have one size, a table of 20 bytes may speak of billions, and FFmpeg makes an entry for each while it
opens the file, with no limit and no way to stop it. So the counts are compared with the size of the file beforehand:
a sample that exists has a byte at least.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from tools.limits import VideoError

_ALWAYS = 4_000_000
"""Entries allowed to a file of any size, 0.1 GB: a file that was cut off still has the tables of the whole."""
_PARENTS = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex"})
"""Boxes that hold other boxes on the way to the tables."""
_PCM_SAMPLES_AN_ENTRY = 1024
"""Samples of uncompressed sound that FFmpeg puts into one entry of its index."""
_EDITED_SHARE = 4
"""Factor by which edits that repeat a track may exceed the limit on entries."""
_MAX_DEPTH = 8
"""Boxes within each other that are walked; `moov` to `stbl` are five."""
_MAX_UNPACKED_BYTES = 64 * 2**20
"""Bytes of a packed header, or of one table, that are read: bounds the memory of the check."""


@dataclass
class _TrackTables:
    """Numbers from the tables of one track, as far as they were read."""

    is_sound: bool = False
    lasts_one_each: bool = False
    """True for sound without compression: every sample lasts one tick, and an entry stands for many."""
    samples: int = 0
    largest_chunk: int = 0
    chunks: int = 0
    edits: int = 1

    def entries(self) -> int:
        """Number of index entries that FFmpeg makes of the track."""
        if self.is_sound and self.lasts_one_each:
            return self.chunks * -(-self.largest_chunk // _PCM_SAMPLES_AN_ENTRY)
        return self.samples


def check_sample_tables(path: Path) -> None:
    """Refuses an MP4 or QuickTime file whose tables promise far more samples than it has bytes; other files pass.

    Raises:
        VideoError: the tables promise too many samples.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        if len(head) < 8 or head[4:] not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"):
            return
        counted = _Counts(path, max(size, _ALWAYS))
        counted.walk(file, 0, size, 0)
        counted.end_track()


class _Counts:
    """Sum of the entries of all tracks, held against a limit while the boxes are walked."""

    def __init__(self, path: Path, limit: int) -> None:
        self._path, self._limit = path, limit
        self._track = _TrackTables()
        self._total = 0

    def walk(self, file: BinaryIO, start: int, stop: int, depth: int) -> None:
        for kind, begin, end in _read_boxes(file, start, stop):
            if kind == b"trak":
                self.end_track()
            if kind in _PARENTS and depth < _MAX_DEPTH:
                self.walk(file, begin, end, depth + 1)
            elif kind == b"cmov":
                self._walk_packed(file, begin, end, depth)
            else:
                self._read(kind, file, begin, end)

    def end_track(self) -> None:
        track, self._track = self._track, _TrackTables()
        self._add(track.entries())
        if track.edits * track.samples > _EDITED_SHARE * self._limit:  # an edit may repeat the whole track
            self._refuse(track.edits * track.samples)

    def _walk_packed(self, file: BinaryIO, start: int, stop: int, depth: int) -> None:
        """Walks the header of an old QuickTime file, which may be packed as a whole."""
        for kind, begin, end in _read_boxes(file, start, stop):
            if kind == b"cmvd":
                file.seek(begin + 4)
                try:
                    plain = zlib.decompressobj().decompress(file.read(end - begin - 4), _MAX_UNPACKED_BYTES)
                except zlib.error:
                    return
                self.walk(BytesIO(plain), 0, len(plain), depth + 1)

    def _read(self, kind: bytes, file: BinaryIO, start: int, stop: int) -> None:
        track = self._track
        if kind in (b"stsz", b"stz2"):
            size, count = _read_numbers(file, start + 4, ">II")
            # Different sizes take bytes of the table, but may be cut off: then nothing is promised.
            is_promise = kind == b"stsz" and size > 0
            track.samples = max(track.samples, count if is_promise else min(count, 2 * (stop - start)))
        elif kind == b"stts":
            entries, _, each = _read_numbers(file, start + 4, ">III")
            track.lasts_one_each = entries == 1 and each == 1
        elif kind == b"hdlr":
            handler = _read_numbers(file, start + 8, ">4s")[0]
            if handler in (b"soun", b"vide"):  # QuickTime has other handlers in a track too
                track.is_sound = handler == b"soun"
        elif kind == b"stsc":
            track.largest_chunk = _read_largest_chunk(file, start, stop)
        elif kind in (b"stco", b"co64"):
            track.chunks = min(_read_numbers(file, start + 4, ">I")[0], (stop - start) // 4)
        elif kind == b"elst":
            track.edits = min(_read_numbers(file, start + 4, ">I")[0], (stop - start) // 12)
        elif kind == b"trun":
            self._add(_read_numbers(file, start + 4, ">I")[0])

    def _add(self, entries: int) -> None:
        self._total += entries
        if self._total > self._limit:
            self._refuse(self._total)

    def _refuse(self, entries: int) -> None:
        raise VideoError(f"{self._path} promises {entries} samples, far more than it has bytes: its tables are damaged")


def _read_largest_chunk(file: BinaryIO, start: int, stop: int) -> int:
    """Number of samples in the largest chunk of a table `stsc`."""
    file.seek(start + 8)
    table = file.read(min(stop - start - 8, _MAX_UNPACKED_BYTES))
    return max((count for _, count, _ in struct.iter_unpack(">III", table[: len(table) // 12 * 12])), default=0)


def _read_boxes(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[bytes, int, int]]:
    """Boxes (kind, begin of the content, end) in order; a size that can't be right ends them, as for players."""
    while start + 8 <= stop:
        size, kind, wide = _read_numbers(file, start, ">I4sQ")
        begin = start + (16 if size == 1 else 8)
        end = start + wide if size == 1 else start + size if size else stop
        if end < begin:
            return
        yield kind, begin, min(end, stop)
        start = end


def _read_numbers(file: BinaryIO, start: int, layout: str) -> tuple[Any, ...]:
    """Numbers of a `struct` layout at a place of the file; zeros past its end."""
    file.seek(start)
    size = struct.calcsize(layout)
    return struct.unpack(layout, file.read(size).ljust(size, b"\0"))
