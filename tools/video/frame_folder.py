"""A folder of numbered pictures as a video at a given rate. It has no sound."""

import hashlib
import re
import struct
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tools.demux.clock import StreamClock
from tools.demux.container import VideoError
from tools.demux.file_kind import PICTURE_SUFFIXES, find_pictures
from tools.limits import MAX_PICTURE_FILES, check_length, check_picture_size, is_picture_size
from tools.pixels.shape import StoredPicture, letterbox
from tools.video.still import decode_still
from tools.video.video import Frame, FramesByTime, VideoInfo, find_frame_ranks

USUAL_RATE = 1.0
"""Pictures a second of a folder whose rate nobody gives."""
_LONGEST_NAME = 255
"""Letters of a file's name at most, in every usual file system."""
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


class FrameFolder(FramesByTime):
    """The pictures of a folder in the order of their numbers, the first from second 0. Threads may share it."""

    until_seconds = None
    clock = StreamClock()

    def __init__(self, folder: str | Path, frames_per_second: float) -> None:
        """Opens the folder; only its first picture is read.

        Raises:
            VideoError: no folder, no picture in it or too many, a rate that is not above 0, or a first picture that
                can't be read.
        """
        self.path = Path(folder)
        if not self.path.is_dir():
            raise VideoError(f"{folder} is no folder; a folder of numbered pictures is needed")
        self._files = sorted(find_pictures(self.path), key=_sort_key)
        if not self._files:
            raise VideoError(f"{folder} holds no picture ({', '.join(PICTURE_SUFFIXES)})")
        if len(self._files) > MAX_PICTURE_FILES:
            raise VideoError(f"{folder} holds {len(self._files)} pictures, up to {MAX_PICTURE_FILES} can be read")
        if not frames_per_second > 0:
            raise VideoError(f"need frames a second above 0, got {frames_per_second:g}")
        check_length(self.path, len(self._files) / frames_per_second)
        check_picture_size(self._files[0], *(_read_size(_read_bytes(self._files[0])) or (0, 0)))
        first = _decode_file(self._files[0])
        if first is None:
            raise VideoError(f"{self._files[0]} can't be read as a picture")
        self._rate = frames_per_second
        self.info = VideoInfo(
            duration_seconds=len(self._files) / frames_per_second,
            width=first.shape[1],
            height=first.shape[0],
            average_fps=frames_per_second,
            frame_count=len(self._files),
            codec="pictures",
            rotation_degrees=0,
            has_audio=False,
            subtitle_streams=0,
            promised_seconds=None,
            is_cut_off=False,
            notes=(f"A folder of {len(self._files)} pictures, shown at {frames_per_second:g} a second.",),
        )

    @cached_property
    def content_hash(self) -> str:
        """Hash of all bytes of all pictures and of the rate, 32 hexadecimal digits."""
        made = hashlib.blake2b(repr(self._rate).encode(), digest_size=16)
        for file in self._files:
            made.update(hashlib.blake2b(_read_bytes(file), digest_size=16).digest())
        return made.hexdigest()

    @cached_property
    def timestamps(self) -> NDArray[np.float64]:
        """Times of every picture in seconds, (N,) float64."""
        return np.arange(len(self._files), dtype=np.float64) / self._rate

    @property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """Times of every picture: any one is as cheap as another."""
        return self.timestamps

    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """The pictures on screen at `times`, each once, in time order; those that can't be read are left out."""
        ranks = find_frame_ranks(self.timestamps, self.info.duration_seconds, times)
        return (frame for rank in ranks if (frame := self._make_frame(int(rank), max_height)) is not None)

    def close(self) -> None:
        """Does nothing: no file stays open."""

    def _make_frame(self, rank: int, max_height: int | None) -> Frame | None:
        pixels = _decode_file(self._files[rank])
        if pixels is None:
            return None
        box = (self.info.width, self.info.height)
        if max_height is not None and max_height < box[1]:
            box = (max(1, round(box[0] * max_height / box[1])), max_height)
        size = StoredPicture(pixels.shape[1], pixels.shape[0]).fit_shape(*box)
        if size != pixels.shape[1::-1]:
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return Frame(letterbox(pixels, *box), float(self.timestamps[rank]))


def is_frame_folder(path: Path) -> bool:
    """Whether a path is a folder with a picture in it."""
    return path.is_dir() and next(find_pictures(path), None) is not None


def _sort_key(file: Path) -> tuple[tuple[str, ...], str]:
    """Sort key of a picture, its numbers as numbers: 00010.jpg after 9.jpg, scene2-1.jpg before scene10-0.jpg."""
    parts = re.split(r"(\d+)", file.stem.casefold())
    return tuple(part.zfill(_LONGEST_NAME) if part.isdecimal() else part for part in parts), file.name


def _read_bytes(file: Path) -> bytes:
    """Bytes of a file; empty where it is a pipe or a device, which could keep the reader waiting for ever."""
    return file.read_bytes() if file.is_file() else b""


def _read_size(stored: bytes) -> tuple[int, int] | None:
    """Size (width, height) in the header of a PNG or JPEG; None for anything else. Nothing is decoded."""
    if stored.startswith(_PNG):
        width, height = struct.unpack(">II", stored[16:24].ljust(8, b"\0"))
        return width, height
    if not stored.startswith(_JPEG):
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(stored)
    except ValueError:
        return None
    return width, height


def _decode_file(file: Path) -> NDArray[np.uint8] | None:
    """RGB (H, W, 3) uint8 of a picture file; None where it is no picture, or one that is too large."""
    stored = _read_bytes(file)
    size = _read_size(stored)
    if size is None or not is_picture_size(*size):
        return None
    return decode_still(stored)
