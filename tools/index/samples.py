"""The sampled frames of a video's index as far as it has come, without waiting for all of a long film."""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.deadline import get_seconds_left
from tools.index.video_index import VideoIndex

_SHORT_SECONDS = 900.0
"""Length up to which a video is short, so that a call waits for its whole index: what is read and found before would be
read and found again, at other times, by the next question."""
_PATIENCE_SECONDS = 30.0
"""Time since the video was opened after which no call waits for its index any more."""
_PATIENCE_SHARE = 0.1
"""Share of the time left for the work at hand that one call may wait."""


@dataclass(frozen=True, eq=False)
class WindowSamples:
    """Sampled frames on screen in a window, as far as the index has come."""

    seconds: NDArray[np.float64]  # (N,) ascending; the first may lie before the window: it is on screen when that opens
    thumbs: NDArray[np.uint8]  # (N, h, w, 3)
    reached_seconds: float
    """Time from which on no samples are indexed yet; the window's end if all are."""


class Samples:
    """The sampled frames of one index. Threads may share it."""

    def __init__(self, index: VideoIndex, length_seconds: float) -> None:
        """Starts the patience for the index of a video that was opened just now."""
        self.index = index
        self._is_short = length_seconds <= _SHORT_SECONDS
        self._opened_at = time.monotonic()

    def wait(self) -> bool:
        """Whether the index has all its frames; waits a little for that of a short video."""
        patience = self._opened_at + _PATIENCE_SECONDS - time.monotonic() if self._is_short else 0.0
        return self.index.wait(max(0.0, min(patience, _PATIENCE_SHARE * get_seconds_left())))

    def select(self, start_seconds: float, stop_seconds: float) -> WindowSamples:
        """Sampled frames on screen in the window [start, stop)."""
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
