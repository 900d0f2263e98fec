"""Finds shots: from cut to cut or fade to fade, each cut at the time of the first frame after it.

Candidates come from the 1-fps thumbnails that the index has anyway; only the seconds in which one lies are decoded,
and past the end of an unfinished index so many seconds more.
A cut is a frame that differs from the one before far more than its neighbours do from theirs, so that fast motion,
which is fast for longer than a frame, is none. On the clips this was tried on, PySceneDetect's adaptive detector found
the same cuts but not one in the last frames, and its others took fades or motion for cuts.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.deadline import is_time_up, take_until_deadline
from tools.vision.changes import Change, find_changes

if TYPE_CHECKING:
    from tools.video.source import VideoSource
    from tools.video.video import Frame

__all__ = ["Change", "Shot", "ShotBoundary", "find_changes", "find_cuts", "find_shots"]

_COARSE_CHANGE = 0.3
"""Change between two thumbnails from which a cut may lie there: share of the colours that differ (histogram), or mean
difference of the pixels in eighths of full scale."""
_MAX_LOOKS = 120
"""Gaps between thumbnails that are decoded at most, the most different ones first: a second each."""
_MAX_PIECES = 4
"""Pieces that are decoded past the last thumbnail."""
# A cut changes 32x18 thumbnails by more than 12 of 255 and by more than 4 times the change of its neighbours plus 4.
# True cuts changed 55-141 with neighbours at 0.1-7; the fastest motion 27 with neighbours at 7-11.
_CUT_CHANGE = 12.0
_CUT_RATIO = 4.0
_CUT_MARGIN = 4.0
_FADE_SECONDS = 1.0
"""Time in which a fade or dissolve exchanges the colours."""
_FADE_CHANGE = 0.55
"""Share of the colours that a fade or dissolve exchanges in that time, without a cut."""
_CONTEXT_SECONDS = 0.25
"""Time before and after a gap that is decoded with it, for the neighbours of its frames."""
_CONTEXT_FRAMES = 4
"""Neighbours on each side that a frame's change is compared with, and frames after which a flash is over."""
_THUMB = (32, 18)
"""Width and height in pixels at which frames are compared."""
_PIECE_SECONDS = 30.0
"""Length of a piece, whose frames are held at once: at 60 a second 1,800 thumbnails of 7 kB, at most 7,500, 50 MB."""
_MAX_FPS = 250.0
"""Frames a second that are looked at, at most: within 4 ms no motion is as fast as a cut."""


@dataclass(frozen=True)
class Shot:
    """A run of frames without a cut, [start, stop)."""

    start_seconds: float
    stop_seconds: float
    score: float | None
    """Certainty of the cut or fade at the start, 0..1; None where the shot starts because the window does."""
    begins_with: Literal["window", "cut", "fade"]


@dataclass(frozen=True)
class ShotList:
    """The shots of a window, and how much of it was not looked at."""

    shots: tuple[Shot, ...]
    unseen_seconds: float = 0.0
    """Length of the parts of the window in which no cut was looked for."""


@dataclass(frozen=True)
class ShotBoundary:
    """The first frame of a new shot, or the middle of a fade to it."""

    seconds: float
    score: float
    is_fade: bool = False


@dataclass(frozen=True, eq=False)
class _Strip:
    """Thumbnails of neighbouring frames, none left out."""

    seconds: NDArray[np.float64]  # (T,)
    small: NDArray[np.float32]  # (T, 18, 32, 3)


def find_shots(
    video: "VideoSource",
    seconds: NDArray[np.float64],
    thumbs: NDArray[np.uint8],
    start_seconds: float,
    stop_seconds: float,
) -> ShotList:
    """The shots of a window, as far as the time allows.

    Args:
        video: the video.
        seconds: (N,) times of the samples of the whole video, as far as the index has come.
        thumbs: (N, h, w, 3) uint8 thumbnails of the samples.
        start_seconds: start of the window.
        stop_seconds: end of the window, not included.
    """
    found: list[ShotBoundary] = []
    gaps = _choose_gaps(seconds, thumbs, start_seconds, stop_seconds)
    rest = _find_unindexed(seconds, start_seconds, stop_seconds, video.timestamps)
    unseen = sum(end - begin for begin, end in gaps[_MAX_LOOKS:]) + sum(
        end - begin for begin, end in rest[_MAX_PIECES:]
    )
    for gap in _join_gaps([*gaps[:_MAX_LOOKS], *rest[:_MAX_PIECES]]):
        for begin, end in _split_gap(*gap, video.timestamps):
            before = _CONTEXT_SECONDS if begin == gap[0] else _FADE_SECONDS
            after = _CONTEXT_SECONDS if end == gap[1] else _FADE_SECONDS
            frames = video.window(max(0.0, begin - before), end + after, max_height=72, max_fps=_MAX_FPS)
            found += [cut for cut in find_cuts(take_until_deadline(frames)) if begin < cut.seconds <= end]
            if is_time_up():
                unseen += end - begin
    cuts = sorted((cut for cut in found if start_seconds < cut.seconds < stop_seconds), key=lambda cut: cut.seconds)
    bounds = [start_seconds, *(cut.seconds for cut in cuts), stop_seconds]
    shots = [Shot(bounds[0], bounds[1], None, "window")]
    for cut, stop in zip(cuts, bounds[2:], strict=True):
        shots.append(Shot(cut.seconds, stop, cut.score, "fade" if cut.is_fade else "cut"))
    return ShotList(tuple(shots), unseen)


def _choose_gaps(
    seconds: NDArray[np.float64], thumbs: NDArray[np.uint8], start_seconds: float, stop_seconds: float
) -> list[tuple[float, float]]:
    """Gaps between samples in the window that may hold a cut, the likeliest first."""
    change = compute_coarse_change(thumbs)
    ranked = [
        (float(change[i]), float(seconds[i]), float(seconds[i + 1]))
        for i in range(len(change))
        if seconds[i + 1] > start_seconds and seconds[i] < stop_seconds and change[i] > _COARSE_CHANGE
    ]
    return [(begin, end) for _, begin, end in sorted(ranked, reverse=True)]


def _find_unindexed(
    seconds: NDArray[np.float64], start_seconds: float, stop_seconds: float, frame_seconds: NDArray[np.float64]
) -> list[tuple[float, float]]:
    """Pieces of the window after the last sample, which the index has not seen."""
    begin = max(start_seconds, float(seconds[-1])) if len(seconds) else start_seconds
    return _split_gap(begin, stop_seconds, frame_seconds) if begin < stop_seconds else []


def _split_gap(begin: float, end: float, frame_seconds: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Splits a long gap, such as the rest of a film that is not indexed yet, into equal parts that fit in memory.

    Parts in which no frame begins are left out: there may be hours of them.
    """
    edges = np.linspace(begin, end, max(1, math.ceil((end - begin) / _PIECE_SECONDS)) + 1)
    frames_before = np.searchsorted(frame_seconds, edges, side="right")
    return [piece for piece, count in zip(pairwise(edges.tolist()), np.diff(frames_before), strict=True) if count]


def _join_gaps(gaps: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for begin, end in sorted(gaps):
        if joined and begin <= joined[-1][1] + _CONTEXT_SECONDS:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return joined


def compute_coarse_change(thumbs: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Change between neighbouring thumbnails, (N - 1,) float64: by colours or pixel by pixel, whichever is more."""
    if len(thumbs) < 2:
        return np.zeros(0)
    by_colour = np.abs(np.diff(_count_colours(thumbs), axis=0)).sum(axis=1) / 2
    by_pixel = np.abs(np.diff(thumbs.astype(np.float32), axis=0)).mean(axis=(1, 2, 3)) / 32
    return np.asarray(np.maximum(by_colour, by_pixel), np.float64)


def _count_colours(thumbs: NDArray[np.uint8] | NDArray[np.float32]) -> NDArray[np.float64]:
    """Share of each of 64 colours, (N, 64) float64, which does not change when things move."""
    steps = thumbs.astype(np.int64) // 64
    bins = (steps[..., 0] * 16 + steps[..., 1] * 4 + steps[..., 2]).reshape(len(thumbs), -1)
    return np.stack([np.bincount(row, minlength=64) for row in bins]) / bins.shape[1]


def find_cuts(frames: "Iterable[Frame]") -> list[ShotBoundary]:
    """Finds cuts and fades in neighbouring frames, all of which are held; across a gap motion looks like a cut."""
    times: list[float] = []
    small: list[NDArray[np.float32]] = []
    for frame in frames:
        times.append(frame.seconds)
        small.append(cv2.resize(frame.pixels, _THUMB, interpolation=cv2.INTER_AREA).astype(np.float32))
    if len(times) < 2:
        return []
    strip = _Strip(np.array(times), np.stack(small))
    cuts = _find_hard_cuts(strip)
    return cuts + _find_fades(strip, cuts)


def _find_hard_cuts(strip: _Strip) -> list[ShotBoundary]:
    change = np.abs(np.diff(strip.small, axis=0)).mean(axis=(1, 2, 3))
    found = []
    for i, value in enumerate(change):
        beside = np.concatenate([change[max(0, i - _CONTEXT_FRAMES) : i], change[i + 1 : i + 1 + _CONTEXT_FRAMES]])
        usual = float(np.median(beside)) if len(beside) else 0.0
        if value > max(_CUT_CHANGE, _CUT_RATIO * usual + _CUT_MARGIN) and not _is_flash(strip.small, i):
            found.append(ShotBoundary(float(strip.seconds[i + 1]), min(1.0, (float(value) - usual) / 64)))
    return found


def _is_flash(small: NDArray[np.float32], i: int) -> bool:
    """Whether the change after frame i is a flash: frame i comes back within four frames, or i + 1 was there before."""
    step = float(np.abs(small[i + 1] - small[i]).mean())
    after = np.abs(small[i + 2 : i + 2 + _CONTEXT_FRAMES] - small[i]).mean(axis=(1, 2, 3))
    before = np.abs(small[max(0, i - _CONTEXT_FRAMES) : i] - small[i + 1]).mean(axis=(1, 2, 3))
    back = np.concatenate([after, before])
    return len(back) > 0 and float(back.min()) < 0.35 * step


def _find_fades(strip: _Strip, cuts: Sequence[ShotBoundary]) -> list[ShotBoundary]:
    """Finds the middles of gradual changes from one set of colours to another."""
    colours = _count_colours(strip.small)
    later = np.minimum(np.searchsorted(strip.seconds, strip.seconds + _FADE_SECONDS), len(strip.seconds) - 1)
    exchanged = np.abs(colours[later] - colours).sum(axis=1) / 2  # (T,)
    for cut in cuts:
        exchanged[(strip.seconds < cut.seconds) & (strip.seconds[later] >= cut.seconds)] = 0
    found = []
    while exchanged.max() > _FADE_CHANGE:
        first = int(exchanged.argmax())
        so_far = np.abs(colours[first : later[first] + 1] - colours[first]).sum(axis=1) / 2
        middle = first + int(np.argmax(so_far >= exchanged[first] / 2))
        found.append(ShotBoundary(float(strip.seconds[middle]), float(exchanged[first]) / 2, is_fade=True))
        exchanged[np.abs(strip.seconds - strip.seconds[first]) < 2 * _FADE_SECONDS] = 0
    return found
