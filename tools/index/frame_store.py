"""The store of a video's sampled frames: JPEG pictures of at most 640x360 in one file, made once at index time.

Serving from here costs a hundredth of decoding again. Two files: the pictures one after the other, and one fixed-size
record for each. A picture is flushed before its record, so at any moment, also after a kill, the records that are
there in full are good, and a reader may read them while the writer goes on. Each record holds a checksum of its picture
and of itself, so a changed byte is noticed when it is read, and the picture is made again from the video.
"""

import logging
import os
import threading
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.own_files import append_own, clear_way, is_plain_file, make_own_folder, open_own
from tools.runtime.closing import Closing
from tools.video.video import Frame

_log = logging.getLogger(__name__)

PICTURES, RECORDS = "frames.jpg", "frames.idx"

_HEAD = [("seconds", "<f8"), ("start", "<i8"), ("size", "<i8"), ("picture_crc32", "<u4")]
RECORD = np.dtype([*_HEAD, ("crc32", "<u4")])
"""One record of a picture; `crc32` is the checksum of the fields before it."""
_HEAD_BYTES = np.dtype(_HEAD).itemsize

LONG_SIDE, SHORT_SIDE = 640, 360
"""Sides in pixels of a stored picture: 220 to 300 tokens for a model, and screen text is mostly still readable."""

QUALITY = 85
"""JPEG quality of stored pictures, of libjpeg's 1 to 100."""

SAME_MOMENT_SECONDS = 1e-6
"""Difference of two times that are one frame's: rounding of floats, far below any frame's duration."""


def fit_stored_size(width: int, height: int) -> tuple[int, int]:
    """Size (width, height) in pixels at which a picture is stored: fits 640x360, or 360x640 when upright."""
    long_side, short_side = max(width, height), min(width, height)
    scale = min(1.0, LONG_SIDE / long_side, SHORT_SIDE / short_side)
    return max(1, round(width * scale)), max(1, round(height * scale))


def is_same_moment(seconds: float, other: float) -> bool:
    """Whether two times are one frame's."""
    return abs(seconds - other) < SAME_MOMENT_SECONDS


class DamagedPictureError(ValueError):
    """A stored picture is not what was stored, and it cannot be made again."""


class FrameStoreWriter(Closing):
    """Appends frames to a store, after those that are there already; one writer at a time."""

    def __init__(self, folder: str | Path) -> None:
        folder = make_own_folder(Path(folder))
        for name in (PICTURES, RECORDS):
            clear_way(folder / name)
        records = _read_records(folder)
        self._end = int(records["start"][-1] + records["size"][-1]) if len(records) else 0
        self._last_seconds = float(records["seconds"][-1]) if len(records) else -np.inf
        self._pictures = append_own(folder / PICTURES)
        self._records = append_own(folder / RECORDS)
        # What a killed writer left behind its last whole record is cut away.
        self._pictures.truncate(self._end)
        self._records.truncate(len(records) * RECORD.itemsize)

    def append(self, frame: Frame) -> None:
        """Stores a frame.

        Raises:
            ValueError: it is not later than the last one stored.
        """
        if frame.seconds <= self._last_seconds:
            raise ValueError(f"need a frame after {self._last_seconds} s, the last one kept, got {frame.seconds} s")
        jpeg = encode_stored(frame)
        self._pictures.write(jpeg)
        self._pictures.flush()
        head = np.array([(frame.seconds, self._end, len(jpeg), zlib.crc32(jpeg))], _HEAD).tobytes()
        self._records.write(head + np.array(zlib.crc32(head), "<u4").tobytes())
        self._records.flush()
        self._end += len(jpeg)
        self._last_seconds = frame.seconds

    def close(self) -> None:
        """Closes the files; what was appended is there already."""
        try:
            self._pictures.close()
        finally:  # on a full disk the first close may fail
            self._records.close()


class FrameStore(Closing):
    """Reads a store, also while it is being written: `refresh` shows what has come since. Safe with many threads.

    `decode_again` gives the frame at a time from the video, None if it can't: then damaged pictures are mended.
    """

    def __init__(self, folder: str | Path, decode_again: Callable[[float], Frame | None] = lambda _: None) -> None:
        self._folder = Path(folder)
        if not is_plain_file(self._folder / RECORDS):
            raise ValueError(f"{self._folder} holds no frames: {RECORDS} is missing")
        self._records = _read_records(self._folder)
        self._file = open_own(self._folder / PICTURES)
        self._lock = threading.Lock()  # threads share the file and its position in it
        self._decode_again = decode_again
        self._has_warned = False

    def __len__(self) -> int:
        return len(self._records)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Own times of the stored frames in seconds, (N,) float64, ascending."""
        return self._records["seconds"]

    def refresh(self) -> int:
        """Reads the records written since; gives the number of frames now."""
        self._records = _read_records(self._folder)
        return len(self._records)

    def jpeg(self, number: int) -> bytes:
        """JPEG bytes of one frame, always the same.

        Raises:
            IndexError: there is no frame of that number.
            DamagedPictureError: the picture was changed on the disk, and can't be made again.
        """
        records = self._records
        if not 0 <= number < len(records):
            raise IndexError(f"need a frame number in 0..{len(records) - 1}, got {number}")
        with self._lock:
            self._file.seek(int(records["start"][number]))
            jpeg = self._file.read(int(records["size"][number]))
        return jpeg if zlib.crc32(jpeg) == records["picture_crc32"][number] else self._mend(number, records[number])

    def frame(self, number: int) -> Frame:
        """One stored frame, decoded: RGB (H, W, 3) uint8 and its time.

        Raises:
            IndexError: there is no frame of that number.
            DamagedPictureError: the picture was changed on the disk, and can't be made again.
        """
        try:
            pixels = decode_stored(self.jpeg(number))
        except DamagedPictureError:
            raise
        except ValueError as error:  # its checksum is right: it was no picture from the start
            raise DamagedPictureError(f"picture {number} in {self._folder / PICTURES}: {error}") from error
        return Frame(pixels, float(self._records["seconds"][number]))

    def _mend(self, number: int, record: np.void) -> bytes:
        """Makes a picture again; writes it back in its place where it comes out as it was, byte for byte."""
        frame = self._decode_again(float(record["seconds"]))
        if frame is None:
            raise DamagedPictureError(f"picture {number} in {self._folder / PICTURES} was changed")
        if not self._has_warned:
            _log.warning("damaged cache, pictures in %s are made again from the video", self._folder / PICTURES)
            self._has_warned = True
        jpeg = encode_stored(frame)
        if (len(jpeg), zlib.crc32(jpeg)) == (record["size"], record["picture_crc32"]):
            # nobody who reads or appends meanwhile minds: these bytes are right whenever they come
            with suppress(OSError), (self._folder / PICTURES).open("r+b") as file:
                file.seek(int(record["start"]))
                file.write(jpeg)
        return jpeg

    def at(self, seconds: float) -> int:
        """Number of the last frame not after `seconds`; of the first frame where that is later.

        Raises:
            ValueError: the store is empty.
        """
        if not len(self._records):
            raise ValueError("the store is still empty")
        return max(0, int(np.searchsorted(self.seconds, seconds + SAME_MOMENT_SECONDS, side="right")) - 1)

    def find(self, seconds: float) -> int | None:
        """Number of the frame whose own time is `seconds`; None where it is not stored."""
        if not len(self._records):
            return None
        number = self.at(seconds)
        return number if is_same_moment(float(self.seconds[number]), seconds) else None

    def close(self) -> None:
        """Closes the file of pictures."""
        self._file.close()


def read_stored_size(jpeg: bytes) -> tuple[int, int]:
    """Width and height in pixels that the header of a stored picture gives.

    Raises:
        ValueError: it is no JPEG, or larger than any that is stored.
    """
    import simplejpeg  # type: ignore[import-untyped]

    height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    if max(height, width) > LONG_SIDE:
        raise ValueError(f"{width}x{height} pixels, more than any that is stored")
    return width, height


def decode_stored(jpeg: bytes) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) RGB of a stored picture.

    Raises:
        ValueError: it is no JPEG, or larger than any that is stored.
    """
    import simplejpeg

    read_stored_size(jpeg)
    pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(jpeg, colorspace="RGB", fastdct=True, fastupsample=True)
    return pixels


def encode_stored(frame: Frame) -> bytes:
    """The JPEG of a frame, as it is stored."""
    import simplejpeg

    jpeg: bytes = simplejpeg.encode_jpeg(_fit(frame.pixels), quality=QUALITY, colorspace="RGB", colorsubsampling="420")
    return jpeg


def _read_records(folder: Path) -> NDArray[np.void]:
    """Whole records (N,) of RECORD whose pictures are there too; a torn end or a damaged record ends them."""
    try:
        with open_own(folder / RECORDS) as file, open_own(folder / PICTURES) as pictures:
            data, pictures_bytes = file.read(), os.fstat(pictures.fileno()).st_size
    except OSError:
        return np.zeros(0, RECORD)
    records = np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)
    crc32s = [zlib.crc32(record[:_HEAD_BYTES]) for record in _split_records(data, len(records))]
    good = records["crc32"] == np.array(crc32s, np.uint32)
    ends = records["start"] + records["size"]
    good &= (ends <= pictures_bytes) & (records["size"] > 0)
    good &= records["start"] == np.concatenate([[0], ends[:-1]])
    good[1:] &= np.diff(records["seconds"]) > 0
    return records[: len(good) if good.all() else int(np.argmin(good))]


def _split_records(data: bytes, count: int) -> list[bytes]:
    return [data[i * RECORD.itemsize : (i + 1) * RECORD.itemsize] for i in range(count)]


def _fit(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    height, width = pixels.shape[:2]
    size = fit_stored_size(width, height)
    if size == (width, height):
        return np.ascontiguousarray(pixels)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]
