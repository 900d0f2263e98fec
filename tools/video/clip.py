"""A part of a video as a video of its own: its first second is 0, and nothing before or after it is there.

Lines of speech are kept where they end after the beginning; a line that straddles it is kept whole.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.demux.container import VideoError
from tools.video.source import VideoSource
from tools.video.video import SAME_MOMENT_SECONDS, Frame, FramesByTime, find_frame_ranks


class VideoClip(FramesByTime):
    """A video from one second to another; closing it closes the whole video. Threads may share it."""

    def __init__(self, whole: VideoSource, start: float, stop: float) -> None:
        """Cuts [start, stop) seconds out of a video; `stop` may be after its end.

        Raises:
            VideoError: an empty span, or one that begins after the end.
        """
        length = whole.info.duration_seconds
        if not 0 <= start < min(stop, length):
            raise VideoError(
                f"{whole.path}: need 0 <= start < stop and start < {length:.2f} s, got [{start:g}, {stop:g})"
            )
        self._whole = whole
        self._start = start
        self.path: Path = whole.path
        self.until_seconds: float | None = min(stop, length) - start
        self.clock = whole.clock.shift(start)
        self.info = replace(
            whole.info,
            duration_seconds=self.until_seconds,
            average_fps=len(self.timestamps) / self.until_seconds,
            frame_count=len(self.timestamps),
            promised_seconds=None,
            is_cut_off=False,
        )

    @cached_property
    def content_hash(self) -> str:
        """Name of the content, 32 hexadecimal digits: not that of the whole, so that nothing kept of that is found."""
        name = f"{self._whole.content_hash} from {self._start!r} for {self.until_seconds!r}"
        return hashlib.blake2b(name.encode(), digest_size=16).hexdigest()

    @cached_property
    def timestamps(self) -> NDArray[np.float64]:
        """Times of every frame in seconds, (N,) float64; 0 for the frame that is on screen at the beginning."""
        return np.concatenate([[0.0], self._shift_inside(self._whole.timestamps)])

    @cached_property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """Times of frames that are cheap to decode in seconds, (K,) float64, with the first frame."""
        return np.concatenate([[0.0], self._shift_inside(self._whole.keyframe_seconds)])

    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """The frames on screen at `times`, each once, in time order."""
        if len(times) == 0:
            return iter(())
        ranks = find_frame_ranks(self.timestamps, self.info.duration_seconds, times)
        shown = self._whole.read([float(t) + self._start for t in self.timestamps[ranks]], max_height)
        return (Frame(frame.pixels, max(0.0, frame.seconds - self._start)) for frame in shown)

    def close(self) -> None:
        """Closes the whole video."""
        self._whole.close()

    def _shift_inside(self, seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        assert self.until_seconds is not None, "set from the start"
        moved: NDArray[np.float64] = seconds - self._start
        return moved[(moved > SAME_MOMENT_SECONDS) & (moved < self.until_seconds - SAME_MOMENT_SECONDS)]
