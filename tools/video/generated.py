"""A video without a file: its pictures are made when they are asked for, always one for one time.

There is no sound. Everything that works on a video works on this one.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.demux.clock import StreamClock
from tools.video.video import Frame, FramesByTime, VideoInfo, find_frame_ranks

_KEYFRAME_SECONDS = 4.0
"""Time between two frames that count as keyframes, for the index's quick pass."""


class GeneratedVideo(FramesByTime):
    """A video drawn by a function of time. Threads may share it if they may share the function."""

    until_seconds: float | None = None
    clock = StreamClock()

    def __init__(
        self,
        picture: Callable[[float], NDArray[np.uint8]],
        *,
        name: str,
        content_hash: str,
        seconds: float,
        fps: int,
    ) -> None:
        """Sets the length to a whole number of frames.

        Args:
            picture: draws RGB (H, W, 3) uint8 at a time; equal for equal times, one shape for all.
            name: stands where a file's path would.
            content_hash: names the content for the cache; another name for any other pictures.
            seconds: length, rounded to frames, at least one.
            fps: frames a second.
        """
        self.path = Path(name)
        self.content_hash = content_hash
        self._picture = picture
        height, width = picture(0.0).shape[:2]
        count = max(1, round(seconds * fps))
        self._fps = fps
        self.info = VideoInfo(
            duration_seconds=count / fps,
            width=width,
            height=height,
            average_fps=float(fps),
            frame_count=count,
            codec="made",
            rotation_degrees=0,
            has_audio=False,
            subtitle_streams=0,
            promised_seconds=None,
            is_cut_off=False,
        )

    @cached_property
    def timestamps(self) -> NDArray[np.float64]:
        """Times of every frame in seconds, (N,) float64."""
        return np.arange(self.info.frame_count, dtype=np.float64) / self._fps

    @cached_property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """Times of a frame every four seconds, (K,) float64: any frame is as cheap as another."""
        return self.timestamps[:: max(1, round(_KEYFRAME_SECONDS * self._fps))]

    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """The frames on screen at `times`, each once, in time order."""
        ranks = find_frame_ranks(self.timestamps, self.info.duration_seconds, times)
        return (self._make_frame(float(seconds), max_height) for seconds in self.timestamps[ranks])

    def close(self) -> None:
        """Does nothing: there is no file."""

    def _make_frame(self, seconds: float, max_height: int | None) -> Frame:
        pixels = self._picture(seconds)
        height, width = pixels.shape[:2]
        if max_height is not None and max_height < height:
            size = (max(1, round(width * max_height / height)), max_height)
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return Frame(pixels, seconds)
