"""What the tools need of a video: pictures by time, whether they are decoded from a file or made when asked for.

`Video` is the one from a file, `FrameFolder` from pictures, `Excerpt` a part of another, `MadeVideo` from no file.
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
    """Pictures by time. Any number of threads may use it; the methods do what those of `Video` say."""

    @property
    def path(self) -> Path:
        """The file, also of sound and subtitles; only a name where there is none."""
        ...

    @property
    def info(self) -> "VideoInfo":
        """Length, size, rate, and whether there is sound."""
        ...

    @property
    def until_seconds(self) -> float | None:
        """Where it was made to end; None for a whole one."""
        ...

    @property
    def content_hash(self) -> str:
        """32 hexadecimal digits that name the content: what is kept of it is found under them."""
        ...

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """(N,) seconds of every frame, from 0, ascending."""
        ...

    @property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """(K,) seconds of frames that are cheap to get, ascending."""
        ...

    @property
    def clock(self) -> "StreamClock":
        """Turns the times of the file's sound and subtitles into seconds of the video."""
        ...

    def read(self, times: Sequence[float], max_height: int | None = None) -> "Iterator[Frame]":
        """The frames on screen at `times`, each once, in time order."""
        ...

    def window(
        self, start: float, stop: float, max_height: int | None = None, max_fps: float | None = None
    ) -> "Iterator[Frame]":
        """Every frame on screen during [start, stop), or about `max_fps` of them a second where there are more."""
        ...

    def close(self) -> None:
        """Give the file back, where there is one."""
        ...
