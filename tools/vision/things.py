"""What a detector finds in the pictures of a window, each looked at once and kept on disk with all its things.

Pictures lie on a grid of a quarter of a second, or of twice, four times, ... as much in a longer window: so windows
that overlap share them.
"""

import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from tools.cache import keep, load_kept, make_video_folder
from tools.deadline import acquire_in_time, is_time_up
from tools.video.source import VideoSource
from tools.video.video import SAME_MOMENT_SECONDS
from tools.vision.detector import NAME, SURE_SCORE, Detection
from tools.vision.tracks import Track, follow

_STEP_SECONDS = 0.25
"""Time between two pictures of a short window: a walking person's box still overlaps itself."""
_MOST_PICTURES = 120
"""Pictures of a window at most: of half a minute all on the finest grid."""
FOLLOWED_SECONDS = 0.5
"""Longest time between pictures over which things are followed."""
_LEAST_SEEN = 2
"""Pictures in which a track must be found: what is found in one of many is mostly no such thing."""
_READ_SIDE = 416
"""Shortest side in pixels at which pictures are decoded: the network's own."""
_KEPT_EACH = 40
"""Pictures after which what was found is written to disk."""

Detect = Callable[[NDArray[np.uint8]], list[Detection]]


@dataclass(frozen=True)
class SeenPicture:
    """One picture and all that was found in it."""

    seconds: float
    detections: tuple[Detection, ...]


@dataclass(frozen=True)
class FoundThings:
    """The things of one class in a window."""

    tracks: tuple[Track, ...]
    """One for each thing followed through the window, in order of time; of each picture by itself where the pictures
    are too far apart to follow anything."""
    is_followed: bool
    most_at_once: int
    """Things in the picture that has most of them."""
    most_at_seconds: float
    seen_in: int
    """Pictures in which there is one at least."""
    picture_count: int
    """Pictures that were looked at."""
    step_seconds: float
    """Time between two pictures, about."""
    unseen: tuple[tuple[float, float], ...]
    """The end of the window that there was no time for, (start, stop) in seconds."""


class Things:
    """The detections of one video."""

    def __init__(self, video: VideoSource, cache: Path | None = None) -> None:
        self._video = video
        self._cache = cache
        self._lock = threading.Lock()
        self._seen: dict[float, SeenPicture] = {}
        self._damaged: set[float] = set()
        """Times of the pictures that do not decode."""

    def find(self, detect: Detect, name: str, start_seconds: float, stop_seconds: float) -> FoundThings:
        """The things of a class in a window, as far as there is time to look.

        Args:
            detect: finds the things in a picture (H, W, 3) in red, green, blue.
            name: name of the class.
            start_seconds: start of the window.
            stop_seconds: end of the window, not included.
        """
        step, times = self._plan_times(start_seconds, stop_seconds)
        with acquire_in_time(self._lock) as is_held:
            if is_held:
                self._look(detect, times)
        seen = [self._seen[time] for time in times if time in self._seen]
        pictures = [(one.seconds, [d for d in one.detections if d.name == name]) for one in seen]
        tracks = _select_tracks(pictures, step)
        counts = Counter(seconds for track in tracks for seconds in track.seconds)
        most_at, most = max(sorted(counts.items()), key=lambda pair: pair[1], default=(start_seconds, 0))
        left = [time for time in times if time not in self._seen and time not in self._damaged]
        return FoundThings(
            tuple(tracks),
            step <= FOLLOWED_SECONDS,
            most,
            most_at,
            len(counts),
            len(pictures),
            step,
            ((left[0] if len(left) < len(times) else start_seconds, stop_seconds),) if left else (),
        )

    def _plan_times(self, start: float, stop: float) -> tuple[float, list[float]]:
        """The step of the grid, and the times of its pictures within a window; at least one picture."""
        step = _STEP_SECONDS
        while (stop - start) / step > _MOST_PICTURES:
            step *= 2
        first, last = math.ceil(start / step - 1e-9), math.ceil(stop / step - 1e-9)
        asked = [number * step for number in range(first, last)] or [start]
        shown = self._video.timestamps
        at = np.searchsorted(shown, np.array(asked) + SAME_MOMENT_SECONDS, side="right") - 1
        return step, sorted({float(shown[max(0, place)]) for place in at})

    def _look(self, detect: Detect, times: Sequence[float]) -> None:
        path = make_video_folder(self._video.content_hash, self._cache) / f"things-{NAME}.json"
        if not self._seen and (kept := load_kept(path, _KEPT)) is not None:
            self._seen = {one.seconds: one for one in kept["pictures"]}
        missing = [time for time in times if time not in self._seen and time not in self._damaged]
        if not missing or is_time_up():
            return
        info = self._video.info
        height = math.ceil(info.height * min(1.0, _READ_SIDE / min(info.width, info.height)))
        try:
            for number, frame in enumerate(self._video.read(missing, height), start=1):
                self._seen[frame.seconds] = SeenPicture(frame.seconds, tuple(detect(frame.pixels)))
                if number % _KEPT_EACH == 0:
                    self._keep(path)
                if is_time_up():
                    break
            else:
                self._damaged.update(set(missing) - self._seen.keys())
        finally:
            self._keep(path)

    def _keep(self, path: Path) -> None:
        pictures = [asdict(self._seen[seconds]) for seconds in sorted(self._seen)]
        keep(path, {"version": 3, "pictures": pictures})


def _select_tracks(pictures: list[tuple[float, list[Detection]]], step: float) -> list[Track]:
    """The tracks; where nothing can be followed, each picture's things by themselves."""
    if step > FOLLOWED_SECONDS:
        return [Track([seconds], [one]) for seconds, found in pictures for one in found if one.score >= SURE_SCORE]
    tracks = follow(pictures)
    return [track for track in tracks if len(track.seconds) >= min(_LEAST_SEEN, len(pictures))]


class _StoredThings(TypedDict):
    """Pictures of one video on disk."""

    version: Literal[3]
    pictures: tuple[SeenPicture, ...]


_KEPT = TypeAdapter(_StoredThings)
