"""Control that shuffles time: segments of the video change places, while timestamps still ascend.

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
from tools.video.video import Frame, FramesByTime, find_frame_ranks

_SEGMENT_SECONDS = 2.0
"""Length of a segment, as far as the bounds on their number allow it."""
_FEWEST, _MOST = 4, 64
"""Fewest and most segments. Each costs a seek in the file; four have no order left that could be guessed."""


def order_of_segments(count: int, seed: str) -> list[int]:
    """A permutation of 0 to count - 1 with as few neighbours kept as random tries find.

    Raises:
        ValueError: `count` is below two.
    """
    if count < 2:
        raise ValueError(f"need at least two segments to change places, got {count}")
    rng = random.Random(seed)
    orders = [rng.sample(range(count), count) for _ in range(32)]
    # never the identity, which would be the video itself
    others = [order for order in orders if order != list(range(count))] or [list(range(count))[::-1]]
    return min(others, key=lambda order: sum(b == a + 1 for a, b in pairwise(order)) + (order[0] == 0))


class ShuffledFrames(FramesByTime):
    """A video whose segments have changed places. The source stays open when this is closed."""

    def __init__(self, source: VideoSource) -> None:
        """Takes the order from the content alone, so that all questions of a video see the same one.

        Raises:
            ValueError: the source has a single frame, which has no order.
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
        """Hash of the shuffled content, 32 hexadecimal digits."""
        return hashlib.blake2b(f"{self._source.content_hash} shuffled".encode(), digest_size=16).hexdigest()

    @property
    def timestamps(self) -> NDArray[np.float64]:
        """Time of every frame in seconds, (N,) float64, as in the source."""
        return self._source.timestamps

    @cached_property
    def keyframe_seconds(self) -> NDArray[np.float64]:
        """Times to which the pictures of the source's keyframes have moved, (K,) float64, ascending."""
        ranks = np.searchsorted(self.timestamps, self._source.keyframe_seconds + 1e-6, side="right") - 1
        target = np.argsort(self.from_ranks)
        return np.unique(self.timestamps[target[ranks]])

    @cached_property
    def from_ranks(self) -> NDArray[np.intp]:
        """Index of the source's frame that each frame shows, (N,) intp: a permutation."""
        frames = len(self.timestamps)
        wanted = round(self.info.duration_seconds / _SEGMENT_SECONDS)
        segments = np.array_split(np.arange(frames), min(frames, _MOST, max(_FEWEST, wanted)))
        order = order_of_segments(len(segments), self._source.content_hash)
        return np.concatenate([segments[number] for number in order])

    def read(self, times: Sequence[float], max_height: int | None = None) -> Iterator[Frame]:
        """Decodes the frames on screen at `times`, each once, in time order."""
        ranks = find_frame_ranks(self.timestamps, self.info.duration_seconds, times)
        return self._frames(ranks, max_height)

    def close(self) -> None:
        """Does nothing: the caller closes the source."""

    def _frames(self, ranks: NDArray[np.intp], max_height: int | None) -> Iterator[Frame]:
        """Reads stretches of frames that are in order in the source too, so that it is read forward."""
        source = self._source.timestamps
        sources = self.from_ranks[ranks]
        breaks = np.flatnonzero(np.diff(sources) < 0) + 1
        for run, targets in zip(np.split(sources, breaks), np.split(ranks, breaks), strict=True):
            if not len(run):
                continue
            shown = {float(source[a]): float(self.timestamps[b]) for a, b in zip(run, targets, strict=True)}
            for frame in self._source.read(list(shown), max_height):
                yield Frame(frame.pixels, shown[frame.seconds])


def give_shuffled_frames(_subject: ControlSubject, desk: ControlContext) -> PolicyInputs:
    """Inputs with all tools, their pictures out of order and speech unchanged."""
    return PolicyInputs(PicturesAndSpeech(desk.over(ShuffledFrames(desk.toolbox.video)), desk.toolbox))
