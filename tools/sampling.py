"""Arithmetic of sample times and of boxes in a picture; keeps no video and no pixels.

Times are seconds, spans half-open [start, stop), boxes fractions 0..1 of the displayed picture.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from tools.limits import MAX_SECONDS
from tools.observation import FULL_FRAME, Box

_LONGEST_GAP = 1.25
"""Gap between two looks at samples at most, in gaps between the looks asked for: what is shorter than it is missed."""


def grid(side: int) -> tuple[Box, ...]:
    """The side x side equal parts of a picture, row by row."""
    return tuple(
        (column / side, row / side, (column + 1) / side, (row + 1) / side)
        for row in range(side)
        for column in range(side)
    )


TILES: tuple[Box, ...] = (FULL_FRAME, *grid(3))
"""The whole picture and its ninths, in which small things are found. Its quarters as well cost half as much again and
found no more (evals/RESULTS.md, section 5)."""

_MAX_TIMES = 8 * int(MAX_SECONDS)
"""Four times a second over the longest video there may be, and room to spare; 40 MB."""


def choose_fps(duration_seconds: float) -> float:
    """Frames a second of the index: 1, and denser for clips under 32 s, so that each has about 32 frames, at most 4."""
    return min(4.0, max(1.0, 32.0 / duration_seconds)) if duration_seconds > 0 else 4.0


def make_sample_times(duration_seconds: float, fps: float) -> NDArray[np.float64]:
    """Sample times of the index: 0, 1/fps, 2/fps, ... below the duration; (N,) float64 seconds, at least one.

    Raises:
        ValueError: `fps` is not above 0, or there would be too many times.
    """
    if fps <= 0:
        raise ValueError(f"need frames a second above 0, got {fps:g}")
    if not duration_seconds * fps <= _MAX_TIMES:
        raise ValueError(f"{duration_seconds:g} s at {fps:g} frames a second are too many times, up to {_MAX_TIMES}")
    # Divided, not added up: the thousandth time is exact. The tolerance keeps a duration of 2.9999999 from losing 2.75.
    count = max(1, int(np.ceil(duration_seconds * fps - 1e-6)))
    return np.arange(count, dtype=np.float64) / fps


def spread_times(start_seconds: float, stop_seconds: float, count: int) -> tuple[float, ...]:
    """Evenly spread times, each in the middle of one of `count` equal parts of [start, stop).

    Args:
        start_seconds: start of the span.
        stop_seconds: end of the span, not included.
        count: number of times, at least 1.

    Raises:
        ValueError: the span or the count is empty.
    """
    if not start_seconds < stop_seconds:
        raise ValueError(f"need start < stop, got [{start_seconds:g}, {stop_seconds:g})")
    if count < 1:
        raise ValueError(f"need at least one time, got {count}")
    part = (stop_seconds - start_seconds) / count
    return tuple(start_seconds + part * (index + 0.5) for index in range(count))


def snap_to_samples(
    times: Sequence[float], apart_seconds: float, fps: float, first_seconds: float = 0.0
) -> tuple[float, ...]:
    """The sample time of the index nearest to each time, where no gap gets much longer by it; else the times.

    Times that lie closer than samples do stay, too. As each is the middle of its part of a window, the nearest sample
    lies in the same part: none is taken twice.

    Args:
        times: what `spread_times` gave.
        apart_seconds: length of a part.
        fps: sampled frames a second of the index.
        first_seconds: the first sample time.
    """
    samples = apart_seconds * fps
    if samples < 1 - 1e-6 or math.ceil(samples - 1e-6) > _LONGEST_GAP * samples:
        return tuple(times)
    # half a sample away on both sides, the earlier one: the later is the start of the next part
    return tuple(first_seconds + math.ceil((time - first_seconds) * fps - 0.5 - 1e-6) / fps for time in times)


def spread(times: list[float], count: int) -> list[float]:
    """Picks at most `count` of the times, evenly by rank, the first and last among them."""
    if len(times) <= count:
        return times
    return [times[round(i)] for i in np.linspace(0, len(times) - 1, count)]


def scatter(times: Sequence[float]) -> list[float]:
    """Orders times so that each beginning of the order is spread over all of them: ends, middle, quarters, ..."""
    ranks: list[int] = []
    step = 1 << max(0, len(times) - 1).bit_length()
    while step:
        ranks += [rank for rank in range(0, len(times), step) if rank % (2 * step) or not ranks]
        step //= 2
    return [times[rank] for rank in ranks]


def thin_times(times: Iterable[float], apart_seconds: float) -> tuple[float, ...]:
    """The ascending `times` without those closer than `apart_seconds` to the last one kept."""
    kept: list[float] = []
    for time in times:
        if not kept or time - kept[-1] >= apart_seconds:
            kept.append(time)
    return tuple(kept)


def to_pixel_box(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """A box in whole pixels (left, top, right, bottom): covers what the fractions touch, never empty.

    Args:
        box: left, top, right, bottom in fractions 0..1.
        width: pixels of the picture.
        height: pixels of the picture.

    Raises:
        ValueError: the box is empty or leaves the picture.
    """
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise ValueError(f"need 0 <= left < right <= 1 and 0 <= top < bottom <= 1, got {box}")
    # Rounded first: 1/3 of 360 is 119.99999 or 120.00001, and neither should cost or add a row.
    x0, y0 = (int(np.floor(round(part * size, 6))) for part, size in ((left, width), (top, height)))
    x1, y1 = (int(np.ceil(round(part * size, 6))) for part, size in ((right, width), (bottom, height)))
    x0, y0 = min(x0, width - 1), min(y0, height - 1)
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def compute_area(box: Box) -> float:
    """Area of a box, as a share of the picture; 0 for a box turned inside out."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def compute_overlap(a: Box, b: Box) -> float:
    """Area that two boxes share."""
    return compute_area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def unite(a: Box, b: Box) -> Box:
    """The smallest box that holds both boxes."""
    return min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3])


def crop(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.uint8]:
    """The part of a picture (H, W, 3) uint8 inside a box, as a view."""
    left, top, right, bottom = to_pixel_box(box, pixels.shape[1], pixels.shape[0])
    return pixels[top:bottom, left:right]


def fit_within(width: int, height: int, max_width: int, max_height: int) -> tuple[int, int]:
    """Width and height scaled down, never up, to fit the limits; keeps the aspect ratio, at least 1 pixel a side.

    Args:
        width: pixels of the picture.
        height: pixels of the picture.
        max_width: limit in pixels.
        max_height: limit in pixels.
    """
    scale = min(1.0, max_width / width, max_height / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def pick_apart(
    best_first: Iterable[int], seconds: Sequence[float] | NDArray[np.float64], count: int, apart_seconds: float
) -> list[int]:
    """Non-maximum suppression in time: the best indices, none closer in time to another than `apart_seconds`.

    Args:
        best_first: indices into `seconds`, ranked.
        seconds: times, (N,).
        count: number of indices at most.
        apart_seconds: least distance of two of them.
    """
    picked: list[int] = []
    for index in best_first:
        if all(abs(seconds[index] - seconds[other]) >= apart_seconds for other in picked):
            picked.append(index)
            if len(picked) == count:
                break
    return picked


def pick_first(times: Sequence[float], count: int) -> list[float]:
    """The first distinct times of a ranked list, at least a second apart."""
    return [times[i] for i in pick_apart(range(len(times)), times, count, 1.0)]


def subtract_spans(
    start_seconds: float, stop_seconds: float, left_out: Sequence[tuple[float, float]]
) -> tuple[tuple[float, float], ...] | None:
    """What is left of a window without some parts, ascending; None where nothing is left out.

    Args:
        start_seconds: start of the window.
        stop_seconds: end of the window, not included.
        left_out: (start, stop) of each part in seconds, ascending.
    """
    parts, at = [], start_seconds
    for start, stop in left_out:
        parts += [(at, start)] if start > at else []
        at = max(at, stop)
    return (*parts, *([(at, stop_seconds)] if at < stop_seconds else [])) if left_out else None


def format_seconds(seconds: float) -> str:
    """A frame's time in hundredths, rounded up: asking a tool for it gives this frame, not the previous.

    Right for frames that stand for a hundredth of a second or longer.
    """
    return f"{math.ceil(seconds * 100 - 1e-4) / 100:.2f}"
