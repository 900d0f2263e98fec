"""A video from some second on, which keeps the times of the whole: its first second is not 0.

`VideoClip` is a part with times of its own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.limits import VideoError
from tools.video.source import VideoSource
from tools.video.video import SAME_MOMENT_SECONDS, Frame, choose_window_times, find_frame_ranks


class VideoWindow:
    """A video without what comes before a second; closing it closes the whole. Threads may share it."""

    def __init__(self, whole: VideoSource, start: float) -> None:
        """Cuts off what comes before `start` seconds; the picture that is on screen there stays, with that time.

        Raises:
            VideoError: there is nothing from that second on.
        """
        end = whole.info.duration_seconds
        if not 0 <= start < end:
            raise VideoError(f"{whole.path}: need a start from 0 on and before the end, {end:.2f} s; got {start:g} s")
        self._whole = whole
        self.path: Path = whole.path
        self.until_seconds = whole.until_seconds
        self.clock = whole.clock
        self.info = replace(whole.info, start_seconds=start)
        count = len(self.timestamps)
        self.info = replace(self.info, frame_count=count, average_fps=count / (end - start))

    @cached_property
    def content_hash(self) -> str:
        """Name of the content, 32 hexadecimal digits: not that of the whole, whose index is another one."""
        name = f"{self._whole.content_hash} on from {self.info.start_seconds!r}"
        return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()

    @cached_property
    def timestamps(self) -> NDArray[np.float64]:
        """Times of every frame in seconds, (N,) float64; the first is the second from which on it is shown."""
        return self._select_inside(self._whole.timestamps)

    @cached_property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """Times of frames that are cheap to decode in seconds, (K,) float64, with the first frame."""
        return self._select_inside(self._whole.keyframe_seconds)

    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """The frames on screen at `times`, each once, in time order.

        Raises:
            VideoError: a time is outside the window.
        """
        first = self.info.start_seconds
        if len(times) and min(times) < first:
            raise VideoError(f"need {first:.3f} <= seconds, the video's start, got {min(times):g}")
        if not len(times):
            return iter(())
        ranks = find_frame_ranks(self.timestamps, self.info.duration_seconds, times)
        shown = self._whole.read([float(t) for t in self.timestamps[ranks]], max_height)
        return (Frame(frame.pixels, max(first, frame.seconds)) for frame in shown)

    def window(
        self, start: float, stop: float, max_height: int | None = None, max_fps: float | None = None
    ) -> Iterator[Frame]:
        """Every frame on screen during [start, stop), or about `max_fps` of them a second where there are more."""
        times = choose_window_times(
            self.timestamps, self.info.duration_seconds, max(start, self.info.start_seconds), stop, max_fps
        )
        return self.read(times, max_height)

    def close(self) -> None:
        """Closes the whole video."""
        self._whole.close()

    def _select_inside(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        first = self.info.start_seconds
        return np.concatenate([[first], seconds[seconds > first + SAME_MOMENT_SECONDS]])
