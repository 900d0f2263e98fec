"""A silent video of a few stills, each on screen until the next, so that it shows nothing but these pictures.

A still is a frame of another video, whole or a part of it, or plain grey.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.demux.clock import StreamClock
from tools.observation import Box
from tools.sampling import crop, fit_within
from tools.video.source import VideoSource
from tools.video.video import Frame, FramesByTime, VideoInfo, find_frame_ranks

_GREY = 128
"""Middle of 0..255, for all that is not shown."""
_ENLARGED_AT_MOST = 16
"""Greatest enlargement of a part; bounds a part of a few pixels."""


@dataclass(frozen=True)
class Still:
    """The picture on screen from `start_seconds` on."""

    start_seconds: float
    source_seconds: float | None = None
    """Time of the source's frame that is shown; None is grey."""
    box: Box | None = None
    """Part of the frame that is shown; None shows all."""
    stays: bool = False
    """Whether the part stays in its place, with grey around it; else it is enlarged to fill the picture."""


class StillsVideo(FramesByTime):
    """Stills of a source, as a video of the same length and size. The source stays open when this is closed."""

    until_seconds = None
    clock = StreamClock()

    def __init__(self, source: VideoSource, stills: Sequence[Still], seconds: float | None = None) -> None:
        """Takes stills in time order, the first from 0 on.

        Args:
            source: the video of which frames are shown.
            stills: the stills.
            seconds: length of the video; None for that of the source.

        Raises:
            ValueError: no still, none at 0, or times that do not ascend below the length.
        """
        duration = source.info.duration_seconds if seconds is None else seconds
        starts = [still.start_seconds for still in stills]
        ends = [*starts[1:], duration]
        if not starts or starts[0] != 0 or not all(a < b for a, b in zip(starts, ends, strict=True)):
            raise ValueError(f"need stills from 0 on, ascending and below {duration:g} s, got {starts}")
        self._source = source
        self._stills = tuple(stills)
        self.path = Path(f"{source.path}-stills")
        self.info = _without_sound(source.info, duration, len(stills))

    @cached_property
    def content_hash(self) -> str:
        """Hash of source and stills, 32 hexadecimal digits."""
        parts = (self._source.content_hash, self.info.duration_seconds, self._stills)
        return hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()

    @cached_property
    def timestamps(self) -> NDArray[np.float64]:
        """Times at which the stills appear, in seconds, (N,) float64."""
        return np.asarray([still.start_seconds for still in self._stills], np.float64)

    @property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """Times of all stills, (N,) float64, since any still is as cheap to read as another."""
        return self.timestamps

    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """Reads the stills on screen at `times`, each once, in time order, without those whose source is damaged."""
        ranks = find_frame_ranks(self.timestamps, self.info.duration_seconds, times)
        return (frame for rank in ranks if (frame := self._frame(self._stills[rank], max_height)) is not None)

    def close(self) -> None:
        """Does nothing: the caller closes the source."""

    def _frame(self, still: Still, max_height: int | None) -> Frame | None:
        pixels = np.full((self.info.height, self.info.width, 3), _GREY, np.uint8)
        if still.source_seconds is not None:
            frame = next(iter(self._source.read([still.source_seconds])), None)
            if frame is None:
                return None
            pixels = frame.pixels if still.box is None else _show_part(frame.pixels, pixels, still.box, still.stays)
        return Frame(_limit_height(pixels, max_height), still.start_seconds)


def hold_frames(source: VideoSource, times: Sequence[float]) -> StillsVideo:
    """A video of the frames at `times`, each shown for as long as no other is nearer in time."""
    ascending = sorted(set(times))
    starts = [0.0, *((a + b) / 2 for a, b in pairwise(ascending))]
    return StillsVideo(source, [Still(start, time) for start, time in zip(starts, ascending, strict=True)])


def _without_sound(info: VideoInfo, seconds: float, count: int) -> VideoInfo:
    return replace(
        info,
        duration_seconds=seconds,
        average_fps=count / seconds,
        frame_count=count,
        codec="stills",
        has_audio=False,
        subtitle_streams=0,
        promised_seconds=None,
        is_cut_off=False,
    )


def _show_part(pixels: NDArray[np.uint8], grey: NDArray[np.uint8], box: Box, stays: bool) -> NDArray[np.uint8]:
    part = crop(pixels, box)
    if stays:
        crop(grey, box)[:] = part
        return grey
    tall, wide = part.shape[:2]
    high, across = grey.shape[:2]
    width, height = fit_within(wide * _ENLARGED_AT_MOST, tall * _ENLARGED_AT_MOST, across, high)
    left, top = (across - width) // 2, (high - height) // 2
    larger = cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=cv2.INTER_CUBIC)
    grey[top : top + height, left : left + width] = larger
    return grey


def _limit_height(pixels: NDArray[np.uint8], max_height: int | None) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if max_height is None or height <= max_height:
        return pixels
    size = (max(1, round(width * max_height / height)), max_height)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
