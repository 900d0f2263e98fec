"""The same pictures in another order: segments of the video change places, and the clock still runs forward.

The order is changed below the tools, so that neither times, nor searches, nor cuts give it away. Sound and subtitles
stay as they are. A question that is still answered needs no order ("semantic" in VBenchComp, arXiv 2505.14321).
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from evals.controls.control import ControlContext, PolicyInputs
from evals.controls.senses import PicturesAndSpeech
from evals.controls.subject import ControlSubject
from tools.video.source import VideoSource
from tools.video.video import Frame, frame_ranks, window_times

_SEGMENT_SECONDS = 2.0
_FEWEST, _MOST = 4, 64
"""Segments. Each costs a jump in the file; four have no order left that could be guessed."""


def order_of_segments(count: int, seed: str) -> list[int]:
    """Numbers 0 to count - 1 in an order in which no two neighbours stay neighbours, as far as can be found.

    Raises:
        ValueError: fewer than two.
    """
    if count < 2:
        raise ValueError(f"need at least two segments to change places, got {count}")
    rng = random.Random(seed)
    orders = [rng.sample(range(count), count) for _ in range(32)]
    # a swap at least: what is left alone would be the video itself
    others = [order for order in orders if order != list(range(count))] or [list(range(count))[::-1]]
    return min(others, key=lambda order: sum(b == a + 1 for a, b in pairwise(order)) + (order[0] == 0))


class ShuffledFrames:
    """Footage whose segments have changed places. It does not close the one that it is made of."""

    def __init__(self, source: VideoSource) -> None:
        """The order follows from the content alone: all questions of a video see the same one.

        Raises:
            ValueError: a single frame has no order.
        """
        if len(source.timestamps) < 2:
            raise ValueError(f"{source.path} has one frame: there is no order to change")
        self._source = source
        self.path = source.path
        self.clock = source.clock
        self.until_seconds = source.until_seconds
        self.info = replace(source.info, codec="shuffled")

    @cached_property
    def content_hash(self) -> str:
        """32 hexadecimal digits."""
        return hashlib.blake2b(f"{self._source.content_hash} shuffled".encode(), digest_size=16).hexdigest()

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """(N,) seconds of every frame, as in the source."""
        return self._source.timestamps

    @cached_property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """(K,) where the pictures of the source's keyframes have gone, ascending."""
        ranks = np.searchsorted(self.timestamps, self._source.keyframe_seconds + 1e-6, side="right") - 1
        target = np.argsort(self.from_ranks)
        return np.unique(self.timestamps[target[ranks]])

    @cached_property
    def from_ranks(self) -> NDArray[np.intp]:
        """(N,) for each frame the number of the source's frame whose picture it shows: each number once."""
        frames = len(self.timestamps)
        wanted = round(self.info.duration_seconds / _SEGMENT_SECONDS)
        segments = np.array_split(np.arange(frames), min(frames, _MOST, max(_FEWEST, wanted)))
        order = order_of_segments(len(segments), self._source.content_hash)
        return np.concatenate([segments[number] for number in order])

    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """The frames on screen at `times`, each once, in time order."""
        ranks = frame_ranks(self.timestamps, self.info.duration_seconds, times)
        return self._frames(ranks, max_height)

    def window(
        self, start: float, stop: float, max_height: int | None = None, max_fps: float | None = None
    ) -> Iterator[Frame]:
        """Every frame on screen during [start, stop), or about `max_fps` of them a second where there are more."""
        return self.read(window_times(self.timestamps, self.info.duration_seconds, start, stop, max_fps), max_height)

    def close(self) -> None:
        """The source is somebody else's to close."""

    def _frames(self, ranks: NDArray[np.intp], max_height: int | None) -> Iterator[Frame]:
        """Run by run of frames that follow one another in the source too: it is read forward and nothing waits."""
        source = self._source.timestamps
        sources = self.from_ranks[ranks]
        breaks = np.flatnonzero(np.diff(sources) < 0) + 1
        for run, targets in zip(np.split(sources, breaks), np.split(ranks, breaks), strict=True):
            if not len(run):
                continue
            shown = {float(source[a]): float(self.timestamps[b]) for a, b in zip(run, targets, strict=True)}
            for frame in self._source.read(list(shown), max_height):
                yield Frame(frame.pixels, shown[frame.seconds])


def shuffled_frames(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """All tools: their pictures out of order, speech as it is."""
    return PolicyInputs(PicturesAndSpeech(desk.over(ShuffledFrames(desk.toolbox.video)), desk.toolbox))
