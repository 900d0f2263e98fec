"""Boxes of pictures in a row joined to tracks, so that one thing seen many times is counted once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tools.vision.detector import Detection, compute_overlaps

_LEAST_OVERLAP = 0.3
"""Intersection over union from which a box is taken for the one before it, moved."""
_LOST_SECONDS = 0.8
"""Time after which a thing that was not seen again is another one when it comes back."""


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


def follow(pictures: Sequence[tuple[float, Sequence[Detection]]]) -> list[Track]:
    """The tracks of the things of one class, in order of their beginning.

    Args:
        pictures: seconds and detections of each picture, in order of time.
    """
    tracks: list[Track] = []
    for seconds, found in pictures:
        open_ones = [track for track in tracks if seconds - track.seconds[-1] <= _LOST_SECONDS]
        boxes = np.array([track.detections[-1].box for track in open_ones], np.float32).reshape(-1, 4)
        pairs = [
            (float(overlap), number, at)
            for number, detection in enumerate(found)
            for at, overlap in enumerate(compute_overlaps(np.array(detection.box, np.float32), boxes))
            if overlap >= _LEAST_OVERLAP
        ]
        followed: dict[int, Track] = {}
        taken: set[int] = set()
        for _, number, at in sorted(pairs, key=lambda pair: -pair[0]):
            if number not in followed and at not in taken:
                followed[number] = open_ones[at]
                taken.add(at)
        for number, detection in enumerate(found):
            if (track := followed.get(number)) is None:
                tracks.append(Track([seconds], [detection]))
            else:
                track.seconds.append(seconds)
                track.detections.append(detection)
    return tracks
