"""The protocol of a video as the tools need it: pictures by time, decoded from a file or made when asked for.

`Video` is one from a file, `FrameFolder` from pictures, `VideoClip` and `VideoWindow` are parts of another,
`GeneratedVideo` is from no file.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tools.demux.clock import StreamClock
    from tools.video.video import Frame, VideoInfo


class VideoSource(Protocol):
    """A video: pictures by time, from any number of threads at once."""

    @property
    def path(self) -> Path:
        """Path of the file, also of sound and subtitles; only a name where there is none."""
        ...

    @property
    def info(self) -> "VideoInfo":
        """Facts of the video: length, size, rate, and whether there is sound."""
        ...

    @property
    def until_seconds(self) -> float | None:
        """Second at which the video was made to end; None for a whole one."""
        ...

    @property
    def content_hash(self) -> str:
        """Name of the content, 32 hexadecimal digits, under which the cache keeps what is known of it."""
        ...

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Times of every frame in seconds from 0, (N,) float64, ascending."""
        ...

    @property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """Times of frames that are cheap to decode in seconds, (K,) float64, ascending."""
        ...

    @property
    def clock(self) -> "StreamClock":
        """Clock that turns the times of the file's sound and subtitles into seconds of the video."""
        ...

    def read(self, times: Sequence[float], max_height: int | None = None) -> "Iterator[Frame]":
        """Frames on screen at `times`, each once, in time order; those that do not decode are left out."""
        ...

    def window(
        self, start: float, stop: float, max_height: int | None = None, max_fps: float | None = None
    ) -> "Iterator[Frame]":
        """Frames on screen during a window, each once, in time order.

        Args:
            start: start of the window in seconds.
            stop: end of the window in seconds, not included.
            max_height: limit of the frames' height in pixels; None for the full height.
            max_fps: about so many frames a second are given where there are more; None for every frame.
        """
        ...

    def close(self) -> None:
        """Closes the file, where there is one."""
        ...
