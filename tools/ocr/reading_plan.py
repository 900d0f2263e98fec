"""Which frames of a window are worth reading for text, and what of the window those that were read stand for."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.sampling import spread

_EDGE = 45
"""Gradient of grey levels, 0..255, from which a pixel belongs to a stroke."""
NEAR_SECONDS = 2.0
"""Distance of two readings between which no text is taken to come and go: text shown for less is hardly meant to be
read."""
_ROUNDING_SECONDS = 1e-6
"""Difference of two times that is rounding."""


def select_distinct_frames(thumbs: NDArray[np.uint8], most_change: int) -> NDArray[np.int64]:
    """Indices (n,) of the thumbnails (N, H, W, 3) that differ from the last one chosen; the first is always chosen."""
    chosen: list[int] = []
    for i in range(len(thumbs)):
        if not chosen or int(np.abs(thumbs[i].astype(np.int16) - thumbs[chosen[-1]]).max()) > most_change:
            chosen.append(i)
    return np.array(chosen, dtype=np.int64)


def count_stroke_pixels(pixels: NDArray[np.uint8]) -> int:
    """Number of pixels of an RGB picture that look like rows of letters: near edges that join to something flat.

    Far cheaper than a glance and far less certain (it misses faint letters, and takes fences for some), so it only says
    where to glance first.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    edges = cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > _EDGE
    joined = cv2.morphologyEx(edges.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((1, 9), np.uint8))
    _, _, parts, _ = cv2.connectedComponentsWithStats(joined)
    width, height, area = (parts[1:, column] for column in (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT, cv2.CC_STAT_AREA))
    is_row = (width > 1.5 * height) & (width >= 12) & (height >= 5) & (height < 90) & (area > 0.5 * width * height)
    return int(area[is_row].sum())


def choose_readings(times: Sequence[float], glances: Mapping[float, float], count: int) -> list[float]:
    """Picks the frames to read: those with text, evenly; where these are few, also neighbours without a glance.

    Args:
        times: times of the frames, ascending.
        glances: how likely a frame holds text, 0 if it has none, by time, as far as they were looked at.
        count: number of frames at most.
    """
    hits = [t for t in times if glances.get(t)]
    places = {t: place for place, t in enumerate(times)}
    beside = [
        times[place]
        for t in hits
        for place in (places[t] - 1, places[t] + 1)
        if 0 <= place < len(times) and times[place] not in glances
    ]
    return sorted({*spread(hits, count), *spread(sorted(set(beside)), max(0, count - len(hits)))})


def find_covered(
    read: Sequence[tuple[float, float]], start_seconds: float, stop_seconds: float
) -> tuple[tuple[float, float], ...] | None:
    """Parts of a window that were read, (start, stop) in seconds, ascending; None if all of it was.

    Args:
        read: (start, stop) of each picture that was read, until it is known to have stayed, ascending.
        start_seconds: start of the window.
        stop_seconds: end of the window, not included.
    """
    parts: list[tuple[float, float]] = []
    for at, until in read:
        start, stop = max(at, start_seconds), min(until, stop_seconds)
        if parts and start - parts[-1][1] <= NEAR_SECONDS:
            start = parts.pop()[0]
        parts += [(start, stop)] if start < stop else []
    first, last = start_seconds + NEAR_SECONDS, stop_seconds - _ROUNDING_SECONDS
    is_whole = len(parts) == 1 and parts[0][0] <= first and parts[0][1] >= last
    return None if is_whole else tuple(parts)


def measure_longest_skipped(times: Sequence[float], looked_at: Sequence[float]) -> float:
    """Longest time between two of `looked_at` that has one of `times` in it, both ascending, in seconds."""
    between = [(before, after) for before, after in pairwise(looked_at) if any(before < t < after for t in times)]
    return max((after - before for before, after in between), default=0.0)
