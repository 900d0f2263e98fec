"""Boxes of pictures in a row joined to tracks, so that one thing seen many times is counted once.

Each thing is looked for where it would be had it gone on as before, first among the sure boxes, then among the others
(the way of ByteTrack, arXiv 2110.06864, with a constant speed in place of its filter).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.vision.detector import SURE_SCORE, Detection, compute_overlaps

_LEAST_OVERLAP = 0.2
"""Intersection over union from which a box is taken for the one before it, moved."""
_LOST_SECONDS = 1.3
"""Time after which a thing that comes back is another one; who walks behind a post is not."""


@dataclass
class Track:
    """One thing through the pictures in which it was found."""

    seconds: list[float]
    """Times of the pictures, ascending."""
    detections: list[Detection]

    @property
    def best(self) -> int:
        """Index of the surest detection."""
        return max(range(len(self.detections)), key=lambda i: self.detections[i].score)

    def predict(self, seconds: float) -> NDArray[np.float32]:
        """The box (4,) at a later time: the last one, moved at the speed of the two before it."""
        last = np.array(self.detections[-1].box, np.float32)
        if len(self.seconds) < 2:
            return last
        moved = last - np.array(self.detections[-2].box, np.float32)
        middle = (moved[:2] + moved[2:]) / 2  # a box that changes its size goes nowhere
        share = (seconds - self.seconds[-1]) / (self.seconds[-1] - self.seconds[-2])
        return last + np.tile(middle, 2).astype(np.float32) * min(share, 3.0)


def follow(pictures: Sequence[tuple[float, Sequence[Detection]]]) -> list[Track]:
    """The tracks of the things of one class, in order of their beginning; each has a sure box at least.

    Args:
        pictures: seconds and detections of each picture, in order of time.
    """
    tracks: list[Track] = []
    for seconds, found in pictures:
        waiting = [track for track in tracks if seconds - track.seconds[-1] <= _LOST_SECONDS]
        sure = [one for one in found if one.score >= SURE_SCORE]
        waiting, new = _join(waiting, sure, seconds)
        _join(waiting, [one for one in found if one.score < SURE_SCORE], seconds)
        tracks += [Track([seconds], [one]) for one in new]
    return tracks


def _join(tracks: list[Track], found: list[Detection], seconds: float) -> tuple[list[Track], list[Detection]]:
    """Adds each box to the track that it fits best; gives the tracks and the boxes that are left."""
    expected = np.array([track.predict(seconds) for track in tracks], np.float32).reshape(-1, 4)
    pairs = [
        (float(overlap), number, at)
        for number, one in enumerate(found)
        for at, overlap in enumerate(compute_overlaps(np.array(one.box, np.float32), expected))
        if overlap >= _LEAST_OVERLAP
    ]
    joined: set[int] = set()
    taken: set[int] = set()
    for _, number, at in sorted(pairs, key=lambda pair: -pair[0]):
        if number not in joined and at not in taken:
            tracks[at].seconds.append(seconds)
            tracks[at].detections.append(found[number])
            joined.add(number)
            taken.add(at)
    left = [track for at, track in enumerate(tracks) if at not in taken]
    return left, [one for number, one in enumerate(found) if number not in joined]
