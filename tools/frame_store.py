"""Frames made once at index time and served ever after: JPEG pictures of at most 640x360 in one file.

Serving from here costs a hundredth of decoding again. Two files: the pictures one after the other, and one fixed-size
record for each. A picture is flushed before its record, so at any moment, also after a kill, the records that are
there in full are good, and a reader may read them while the writer goes on.
"""

import threading
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from tools.video import Frame

PICTURES, RECORDS = "frames.jpg", "frames.idx"

RECORD = np.dtype([("seconds", "<f8"), ("start", "<i8"), ("size", "<i8")])

LONG_SIDE, SHORT_SIDE = 640, 360
"""About 220 to 300 tokens for the model, a quarter of 720p, and screen text is mostly still readable."""

QUALITY = 85

SAME_MOMENT_SECONDS = 1e-6


def stored_size(width: int, height: int) -> tuple[int, int]:
    """(width, height) at which a picture is kept: fits in 640x360, or 360x640 when upright; never enlarged."""
    long_side, short_side = max(width, height), min(width, height)
    scale = min(1.0, LONG_SIDE / long_side, SHORT_SIDE / short_side)
    return max(1, round(width * scale)), max(1, round(height * scale))


class FrameStoreWriter:
    """Adds frames to a store, after those that are there already; one writer at a time."""

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        records = _read_records(folder)
        self._end = int(records["start"][-1] + records["size"][-1]) if len(records) else 0
        self._last_seconds = float(records["seconds"][-1]) if len(records) else -np.inf
        self._pictures = (folder / PICTURES).open("ab")
        self._records = (folder / RECORDS).open("ab")
        # What a killed writer left behind its last whole record is cut away.
        self._pictures.truncate(self._end)
        self._records.truncate(len(records) * RECORD.itemsize)

    def append(self, frame: Frame) -> None:
        """Keep this frame; frames come in ascending time."""
        import simplejpeg  # type: ignore[import-untyped]

        if frame.seconds <= self._last_seconds:
            raise ValueError(f"need a frame after {self._last_seconds} s, the last one kept, got {frame.seconds} s")
        jpeg = simplejpeg.encode_jpeg(_fit(frame.pixels), quality=QUALITY, colorspace="RGB", colorsubsampling="420")
        self._pictures.write(jpeg)
        self._pictures.flush()
        self._records.write(np.array([(frame.seconds, self._end, len(jpeg))], RECORD).tobytes())
        self._records.flush()
        self._end += len(jpeg)
        self._last_seconds = frame.seconds

    def close(self) -> None:
        """Finish; what was appended is there already."""
        try:
            self._pictures.close()
        finally:  # on a full disk the first close may fail
            self._records.close()

    def __enter__(self) -> "FrameStoreWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FrameStore:
    """Reads a store, also while it is being written: `refresh` shows what has come since. Safe with many threads."""

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)
        if not (self._folder / RECORDS).is_file():
            raise ValueError(f"{self._folder} holds no frames: {RECORDS} is missing")
        self._records = _read_records(self._folder)
        self._file = (self._folder / PICTURES).open("rb")
        self._lock = threading.Lock()  # threads share the file and its position in it

    def __len__(self) -> int:
        return len(self._records)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(N,) each frame's own time, ascending."""
        return self._records["seconds"]

    def refresh(self) -> int:
        """Take in what was written since; gives back how many frames there are now."""
        self._records = _read_records(self._folder)
        return len(self._records)

    def jpeg(self, number: int) -> bytes:
        """The bytes of one frame, always the same."""
        records = self._records
        if not 0 <= number < len(records):
            raise IndexError(f"need a frame number in 0..{len(records) - 1}, got {number}")
        with self._lock:
            self._file.seek(int(records["start"][number]))
            return self._file.read(int(records["size"][number]))

    def frame(self, number: int) -> Frame:
        """One frame, decoded."""
        import simplejpeg

        pixels = simplejpeg.decode_jpeg(self.jpeg(number), colorspace="RGB", fastdct=True, fastupsample=True)
        return Frame(pixels, float(self._records["seconds"][number]))

    def at(self, seconds: float) -> int:
        """Number of the last frame not after `seconds`; the first one before that."""
        if not len(self._records):
            raise ValueError("the store is still empty")
        return max(0, int(np.searchsorted(self.seconds, seconds + SAME_MOMENT_SECONDS, side="right")) - 1)

    def close(self) -> None:
        """Give the file back."""
        self._file.close()

    def __enter__(self) -> "FrameStore":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _read_records(folder: Path) -> NDArray[np.void]:
    """(N,) whole records whose pictures are there too; a torn end or a damaged record ends them."""
    path = folder / RECORDS
    if not path.exists() or not (folder / PICTURES).exists():
        return np.zeros(0, RECORD)
    data = path.read_bytes()
    records = np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)
    ends = records["start"] + records["size"]
    good = (ends <= (folder / PICTURES).stat().st_size) & (records["size"] > 0)
    good &= records["start"] == np.concatenate([[0], ends[:-1]])
    good[1:] &= np.diff(records["seconds"]) > 0
    return records[: len(good) if good.all() else int(np.argmin(good))]


def _fit(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    height, width = pixels.shape[:2]
    size = stored_size(width, height)
    if size == (width, height):
        return np.ascontiguousarray(pixels)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
