"""Embeds a video's frames, coarse to fine: keyframes, so that a search soon finds something, whole frames, then tiles.

One decode serves the embeddings, the thumbnails and the frame store, from which the tiles come later. What did not
change is not embedded again: a frame none of whose tiles changed belongs to the run of the one before. Judged by tile,
because a person who crosses a still street changes little of the whole picture: on real clips 0-47 % of film frames are
dropped, on a screen recording 87 %.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.encoders.registry import Encoder, TileEncoder
from tools.index.files import THUMB_SHAPE, IndexBatch
from tools.sampling import TILES, crop, thin_times, to_pixel_box
from tools.video.source import VideoSource
from tools.video.video import Frame

UNCHANGED = 3.0
"""Mean absolute difference of thumbnails, 0..255: below it compression noise, above it something happened."""
_QUICK_FRAMES = 72
"""Keyframes in the quick pass of a long video: bounds the time until a search can find something."""
_QUICK_BATCH = 12
"""Keyframes embedded at once, after which a search finds them."""
_FRAMES_A_BATCH = 64
"""Sampled frames in a batch at most, however few of them are embedded: bounds the pictures held in memory."""
_PICTURES_A_BATCH = 32
"""Pictures embedded at once at most: bounds the memory of the encoder."""
_SHORT_SECONDS, _LONG_SECONDS = 0.15, 0.4
"""Time that a batch should take: short enough to stop soon, long enough for the encoder to run well."""
_THUMB_TILES = tuple(to_pixel_box(tile, THUMB_SHAPE[1], THUMB_SHAPE[0]) for tile in TILES)

Pixels = NDArray[np.uint8]


def make_thumbnail(pixels: Pixels) -> Pixels:
    """Thumbnail (18, 32, 3) uint8 of an RGB picture, by which changes and cuts are found."""
    small = cv2.resize(pixels, (THUMB_SHAPE[1], THUMB_SHAPE[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def choose_quick_times(video: VideoSource, after_seconds: float, sample_fps: float) -> tuple[float, ...]:
    """Times of keyframes spread over the video: at most about 72, and no denser than every fourth sample.

    Args:
        video: the video.
        after_seconds: only keyframes after this time.
        sample_fps: sampled frames a second of the index.
    """
    apart = max(4 / sample_fps, video.info.length_seconds / _QUICK_FRAMES)
    return thin_times((float(t) for t in video.keyframe_seconds if t > after_seconds), apart)


@dataclass(frozen=True, eq=False)
class QuickLook:
    """Times and embeddings of some keyframes, without tiles."""

    seconds: list[float]
    """Times of the keyframes, ascending."""
    vectors: NDArray[np.float32]  # (n, D) unit


def embed_keyframes(frames: Iterator[Frame], encoder: Encoder) -> Iterator[QuickLook]:
    """Embeds keyframes, `_QUICK_BATCH` at a time."""
    batch: list[Frame] = []
    for frame in frames:
        batch.append(frame)
        if len(batch) == _QUICK_BATCH:
            yield _embed_quick_look(batch, encoder)
            batch = []
    if batch:
        yield _embed_quick_look(batch, encoder)


def _embed_quick_look(frames: Sequence[Frame], encoder: Encoder) -> QuickLook:
    return QuickLook([frame.seconds for frame in frames], encoder.encode_images([frame.pixels for frame in frames]))


class FrameEmbedder:
    """Turns sampled frames into batches of an index; embeds only those that differ from the one before."""

    def __init__(self, encoder: Encoder, first_row: int, known: dict[float, NDArray[np.float32]]) -> None:
        self._encoder = encoder
        self._next_row = first_row
        self._known = known  # pictures that the quick pass has embedded, by their time
        self._thumb: Pixels | None = None  # of the last embedded frame
        self._waiting: list[_WaitingFrame] = []
        self._size = BatchSize()

    def batches(self, frames: Iterator[Frame]) -> Iterator[IndexBatch]:
        """Embeds the frames; a batch is as many as the encoder does in a quarter of a second."""
        pictures = 0
        for frame in frames:
            waiting = self._look_at(frame)
            self._waiting.append(waiting)
            pictures += waiting.pixels is not None
            if pictures >= self._size.pictures or len(self._waiting) >= _FRAMES_A_BATCH:
                yield self._embed_waiting()
                pictures = 0
        if self._waiting:
            yield self._embed_waiting()

    def _look_at(self, frame: Frame) -> "_WaitingFrame":
        thumb = make_thumbnail(frame.pixels)
        if self._thumb is not None and not _differs(thumb, self._thumb):
            return _WaitingFrame(frame.seconds, thumb, self._next_row - 1, None)
        self._thumb = thumb
        self._next_row += 1
        return _WaitingFrame(frame.seconds, thumb, self._next_row - 1, frame.pixels)

    def _embed_waiting(self) -> IndexBatch:
        waiting, self._waiting = self._waiting, []
        new = [frame for frame in waiting if frame.pixels is not None]
        pictures = [frame.pixels for frame in new if frame.seconds not in self._known and frame.pixels is not None]
        with self._size.timed(len(pictures)):
            encoded = iter(self._encoder.encode_images(pictures) if pictures else ())
        vectors = [self._known[frame.seconds] if frame.seconds in self._known else next(encoded) for frame in new]
        return IndexBatch(
            np.array([frame.seconds for frame in waiting]),
            np.array([frame.row for frame in waiting], np.int64),
            np.stack([frame.thumb for frame in waiting]),
            np.stack(vectors) if vectors else np.empty((0, self._encoder.dim), np.float32),
            **make_empty_tiles(self._encoder),
        )


class BatchSize:
    """Number of pictures that the encoder does in a quarter of a second, learnt while it works."""

    def __init__(self, pictures: int = 8) -> None:
        self.pictures = pictures

    @contextmanager
    def timed(self, pictures: int) -> Iterator[None]:
        """Times the work on a number of pictures, and adapts the size to it."""
        start = time.perf_counter()
        yield
        taken_seconds = time.perf_counter() - start
        if taken_seconds > _LONG_SECONDS:
            self.pictures = max(1, self.pictures // 2)
        elif taken_seconds < _SHORT_SECONDS and pictures >= self.pictures:
            self.pictures = min(_PICTURES_A_BATCH, self.pictures * 2)


class NoTiles(TypedDict):
    """The two fields of `IndexBatch` that hold tiles, empty."""

    tiled: NDArray[np.int64]
    tiles: NDArray[np.float32]


def make_empty_tiles(encoder: Encoder) -> NoTiles:
    """Empty tile fields for a batch of frames without tiles."""
    return NoTiles(tiled=np.empty(0, np.int64), tiles=np.empty((0, count_tiles(encoder), encoder.dim), np.float32))


def make_tile_batch(tiled: NDArray[np.int64], tiles: NDArray[np.float32]) -> IndexBatch:
    """A batch without frames that holds the tiles (m, T, D) of the embedded frames `tiled` (m,)."""
    return IndexBatch(
        np.empty(0),
        np.empty(0, np.int64),
        np.empty((0, *THUMB_SHAPE), np.uint8),
        np.empty((0, tiles.shape[-1]), np.float32),
        tiled,
        tiles,
    )


def count_tiles(encoder: Encoder) -> int:
    """Number of tiles that the encoder wants of a frame beside its whole picture."""
    return len(TILES) - 1 if encoder.tiles else 0


def embed_tiles(encoder: Encoder, pixels: Sequence[Pixels]) -> NDArray[np.float32]:
    """Embeddings of the ninths of each picture, (N, T, D) float32 unit rows."""
    if isinstance(encoder, TileEncoder):
        return encoder.encode_tiles(pixels)
    pictures = [crop(picture, tile) for picture in pixels for tile in TILES[1:]]
    return encoder.encode_images(pictures).reshape(len(pixels), len(TILES) - 1, encoder.dim)


@dataclass(frozen=True, eq=False)
class _WaitingFrame:
    """A sampled frame that waits for its batch."""

    seconds: float
    thumb: Pixels
    row: int
    pixels: Pixels | None
    """Pixels where the frame is to be embedded, else None."""


def _differs(thumb: Pixels, old: Pixels) -> bool:
    """Whether any tile of a thumbnail changed by more than `UNCHANGED`."""
    change = np.abs(thumb.astype(np.int16) - old)
    return any(change[top:bottom, left:right].mean() > UNCHANGED for left, top, right, bottom in _THUMB_TILES)
