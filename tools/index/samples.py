"""The sampled frames of a video's index as far as they are there; nobody waits for all of a long film."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.deadline import seconds_left
from tools.index.video_index import VideoIndex

_SHORT_SECONDS = 120.0
"""Of a video up to this long the whole index is waited for,"""
_PATIENCE_SECONDS = 15.0
"""this long after it was opened at most,"""
_PATIENCE_SHARE = 0.1
"""and this share of the time that is left."""


@dataclass(frozen=True, eq=False)
class WindowSamples:
    """The samples on screen in a window, as far as the index has come."""

    seconds: NDArray[np.float64]  # (N,) ascending; the first may lie before the window: it is on screen when that opens
    thumbs: NDArray[np.uint8]  # (N, h, w, 3)
    reached_seconds: float
    """From here on there are none yet; the window's end if there are all."""


class Samples:
    """The samples of one index. Threads may share it."""

    def __init__(self, index: VideoIndex, duration_seconds: float) -> None:
        """Of a video that was opened just now."""
        self.index = index
        self._is_short = duration_seconds <= _SHORT_SECONDS
        self._opened_at = time.monotonic()

    def wait(self) -> bool:
        """Whether the index is whole; for that of a short video there is a short wait."""
        patience = self._opened_at + _PATIENCE_SECONDS - time.monotonic() if self._is_short else 0.0
        return self.index.wait(max(0.0, min(patience, _PATIENCE_SHARE * seconds_left())))

    def within(self, start_seconds: float, stop_seconds: float) -> WindowSamples:
        """Those of a window."""
        is_whole = self.wait()
        seconds, thumbs = self.index.seconds, self.index.thumbs
        count = min(len(seconds), len(thumbs))  # more may have come between the two
        first = max(0, int(np.searchsorted(seconds[:count], start_seconds, side="right")) - 1)
        last = max(first + 1, int(np.searchsorted(seconds[:count], stop_seconds, side="left")))
        reached = float(seconds[count - 1]) if count else 0.0
        until = stop_seconds if is_whole else min(max(start_seconds, reached), stop_seconds)
        if count and not is_whole and reached < start_seconds:  # that sample says nothing of so much later
            return WindowSamples(seconds[:0], thumbs[:0], start_seconds)
        return WindowSamples(seconds[:count][first:last], thumbs[:count][first:last], until)
