"""Fills an index: keyframes first, so that a search soon has something to find, then frames at the sampling rate.

One decode serves the embeddings, the thumbnails and the frame store. What did not change is not embedded again: a frame
none of whose tiles changed belongs to the run of the one before, and of a changed frame only the changed tiles are
embedded. Judged by tile, because a person who crosses a still street changes little of the whole picture: on real clips
0-47 % of film frames are dropped and 10-82 % of the tiles, on a screen recording 87 and 97 %.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.encoders import Encoder
from tools.footage import Footage
from tools.index_files import THUMB_SHAPE, Batch
from tools.sampling import TILES, crop, pixel_box, thin_times
from tools.video import Frame

UNCHANGED = 3.0
"""Mean absolute difference of thumbnails, of 255: below it compression noise, above it something happened."""
_QUICK_FRAMES = 72
_QUICK_BATCH = 12
_FRAMES_A_BATCH = 64
_PICTURES_A_BATCH = 32
_SHORT_SECONDS, _LONG_SECONDS = 0.15, 0.4
"""A batch should take about so long: short enough to stop soon, long enough for the encoder to run well."""
_THUMB_TILES = tuple(pixel_box(tile, THUMB_SHAPE[1], THUMB_SHAPE[0]) for tile in TILES)

Pixels = NDArray[np.uint8]


def thumbnail(pixels: Pixels) -> Pixels:
    """(18, 32, 3) uint8: what changes and cuts are judged by."""
    small = cv2.resize(pixels, (THUMB_SHAPE[1], THUMB_SHAPE[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def quick_times(video: Footage, after_seconds: float, sample_fps: float) -> tuple[float, ...]:
    """Keyframes after a time, spread over the video: at most about 72, and no denser than every fourth sample."""
    apart = max(4 / sample_fps, video.info.duration_seconds / _QUICK_FRAMES)
    return thin_times((float(t) for t in video.keyframe_seconds if t > after_seconds), apart)


@dataclass(frozen=True, eq=False)
class QuickLook:
    """Keyframes by their whole picture."""

    seconds: list[float]
    vectors: NDArray[np.float32]  # (n, D)


def quick_looks(frames: Iterator[Frame], encoder: Encoder) -> Iterator[QuickLook]:
    """Embeds keyframes, a few at a time."""
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == _QUICK_BATCH:
            yield _quick_look(batch, encoder)
            batch = []
    if batch:
        yield _quick_look(batch, encoder)


def _quick_look(frames: Sequence[Frame], encoder: Encoder) -> QuickLook:
    return QuickLook([frame.seconds for frame in frames], encoder.encode_images([frame.pixels for frame in frames]))


class Sampler:
    """Sampled frames in, batches of embeddings out."""

    def __init__(self, encoder: Encoder, first_row: int, known: dict[float, NDArray[np.float32]]) -> None:
        self._encoder = encoder
        self._tiles = TILES if encoder.tiles else TILES[:1]
        self._next_row = first_row
        self._known = known  # whole pictures that the quick pass has embedded, by their time
        self._thumbs: list[Pixels | None] = [None] * len(TILES)  # when each tile was last embedded
        self._vectors = np.zeros((len(self._tiles), encoder.dim), np.float32)  # of the last embedded frame
        self._waiting: list[_Waiting] = []
        self._picture_limit = 8

    def batches(self, frames: Iterator[Frame]) -> Iterator[Batch]:
        """Embeds the frames; a batch is as many as the encoder does in a quarter of a second."""
        pictures = 0
        for frame in frames:
            waiting = self._look_at(frame)
            self._waiting.append(waiting)
            pictures += len(waiting.tiles)
            if pictures >= self._picture_limit or len(self._waiting) >= _FRAMES_A_BATCH:
                yield self._batch()
                pictures = 0
        if self._waiting:
            yield self._batch()

    def _look_at(self, frame: Frame) -> "_Waiting":
        thumb = thumbnail(frame.pixels)
        changed = [number for number, old in enumerate(self._thumbs) if old is None or _differs(thumb, old, number)]
        if not changed:
            return _Waiting(frame.seconds, thumb, self._next_row - 1, (), None)
        self._next_row += 1
        # Without tiles the whole picture is embedded again whichever part of it changed.
        tiles = tuple(changed) if len(self._tiles) > 1 else (0,)
        for number in tiles if len(self._tiles) > 1 else range(len(TILES)):
            self._thumbs[number] = thumb
        return _Waiting(frame.seconds, thumb, self._next_row - 1, tiles, frame.pixels)

    def _batch(self) -> Batch:
        waiting, self._waiting = self._waiting, []
        pictures = [
            crop(frame.pixels, self._tiles[tile])
            for frame in waiting
            if frame.pixels is not None
            for tile in frame.tiles
            if not self._is_known(frame, tile)
        ]
        encoded = iter(self._timed(pictures))
        rows = [self._row(frame, encoded) for frame in waiting if frame.tiles]
        return Batch(
            np.array([frame.seconds for frame in waiting]),
            np.array([frame.row for frame in waiting], np.int64),
            np.stack([frame.thumb for frame in waiting]),
            np.stack(rows) if rows else np.empty((0, *self._vectors.shape), np.float32),
        )

    def _row(self, frame: "_Waiting", encoded: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
        """(T, D): new vectors of the tiles that changed, the last ones of the others."""
        self._vectors = self._vectors.copy()
        for tile in frame.tiles:
            self._vectors[tile] = self._known[frame.seconds] if self._is_known(frame, tile) else next(encoded)
        return self._vectors

    def _is_known(self, frame: "_Waiting", tile: int) -> bool:
        return tile == 0 and frame.seconds in self._known

    def _timed(self, pictures: Sequence[Pixels]) -> NDArray[np.float32]:
        """Embeds, and learns how many pictures make a batch of the right length."""
        start = time.perf_counter()
        vectors = self._encoder.encode_images(pictures)
        taken_seconds = time.perf_counter() - start
        if taken_seconds > _LONG_SECONDS:
            self._picture_limit = max(1, self._picture_limit // 2)
        elif taken_seconds < _SHORT_SECONDS and len(pictures) >= self._picture_limit:
            self._picture_limit = min(_PICTURES_A_BATCH, self._picture_limit * 2)
        return vectors


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A sampled frame that waits for its batch."""

    seconds: float
    thumb: Pixels
    row: int
    tiles: tuple[int, ...]
    """Which tiles to embed; none for a frame that looks like the one before."""
    pixels: Pixels | None
    """Kept only where something is to be embedded."""


def _differs(thumb: Pixels, old: Pixels, tile: int) -> bool:
    left, top, right, bottom = _THUMB_TILES[tile]
    new_part, old_part = (each[top:bottom, left:right].astype(np.int16) for each in (thumb, old))
    return float(np.abs(new_part - old_part).mean()) > UNCHANGED
