"""Finds when and where the picture changes most without a cut: something enters, lights up, starts to move.

A place counts as changing where it differs from itself half a second ago by more than is usual for that place, so a
tree that sways all the time, noise and a shaking camera are usual; and a change counts more the longer its place had
been quiet, so an entrance weighs more than a walk that goes on. Pictures are compared at 96 pixels on the long side.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.deadline import is_time_up, take_until_deadline
from tools.observation import Box
from tools.sampling import pick_apart

if TYPE_CHECKING:
    from tools.video.source import VideoSource
    from tools.video.video import Frame

_LONG_SIDE = 96
"""Long side in pixels at which pictures are compared."""
_LAG_SECONDS = 0.45
"""Time over which a place is compared with itself."""
_FLOOR = 7.0
"""Difference, 0..255, up to which a change is noise and compression whatever the place."""
_USUAL_FACTOR = 2.5
"""Factor of a place's median difference up to which a change is usual for it."""
_QUIET_SECONDS = 4.0
"""Time constant after which a place that moved counts as quiet again."""
_APART_SECONDS = 0.8
"""Time around an event's start and peak in which no other event is found."""
_EVENT_CONTRAST = 0.2
"""Share of the greatest change at an event's peak from which a change belongs to the event."""
_EVENT_SHARE = 0.05
"""Share of the change at an event's peak from which what touches the event continues it."""
_LONGEST_SECONDS = 3.0
"""Time before and after the peak to which an event is followed."""
# Change of whole pictures, 0..255, and its ratio to that of the neighbours, from which a frame is a cut; as in `shots`.
_CUT_CHANGE = 12.0
_CUT_RATIO = 4.0
_FASTEST_FPS = 12.0
"""Frames a second that are compared; of faster videos only the starts are then looked up among all frames."""
SHORT_SECONDS = 75.0
"""Length up to which a window is looked at whole."""
_LOOKS_A_CHANGE = 2
"""Places of a long window that are looked at, for each change that is asked for."""
_AROUND_SECONDS = 2.5
"""Time before and after such a place that is looked at."""
_NO_SECONDS = np.zeros(0)
_NO_THUMBS = np.zeros((0, 18, 32, 3), np.uint8)


@dataclass(frozen=True)
class Change:
    """A change of the picture, from when it is first seen until it has come to rest, at most three seconds each way."""

    start_seconds: float
    stop_seconds: float
    box: Box
    """Box of the change when it is first seen, in fractions of the picture."""
    place: str
    """Place in words, with where it goes if it moves: "top right, moving left"."""
    strength: float
    """Change 0..1 of places that had been quiet, averaged over the picture; compares changes of one window."""


@dataclass(frozen=True)
class ChangeList:
    """The strongest changes of a window, and how much of the window was looked at."""

    changes: tuple[Change, ...]
    """Changes in order of time."""
    seen_seconds: float
    """Length of the parts looked at frame by frame; of the rest only the samples of the index are known."""


def find_changes(
    video: "VideoSource",
    start_seconds: float,
    stop_seconds: float,
    count: int,
    seconds: NDArray[np.float64] = _NO_SECONDS,
    thumbs: NDArray[np.uint8] = _NO_THUMBS,
) -> ChangeList:
    """The strongest changes of a window; their starts are exact to a frame.

    A long window is looked at only where the samples of the index differ most, and in its first part where there are
    none. The search ends when the time is up.

    Args:
        video: the video.
        start_seconds: start of the window.
        stop_seconds: end of the window, not included.
        count: number of changes at most.
        seconds: (N,) times of the index's samples.
        thumbs: (N, h, w, 3) uint8 thumbnails of the samples.
    """
    found: list[Change] = []
    seen = 0.0
    for begin, end in _choose_parts(start_seconds, stop_seconds, count, seconds, thumbs):
        if is_time_up():
            break
        changes = find_changes_in(
            take_until_deadline(video.window(begin, end, max_height=144, max_fps=_FASTEST_FPS)), count
        )
        if video.info.average_fps > _FASTEST_FPS and not is_time_up():
            changes = [_refine_start(video, change, 1 / _FASTEST_FPS) for change in changes]
        found += changes
        seen += 0.0 if is_time_up() else end - begin
    strongest = sorted(found, key=lambda change: -change.strength)[:count]
    return ChangeList(tuple(sorted(strongest, key=lambda change: change.start_seconds)), seen)


def _choose_parts(
    start_seconds: float,
    stop_seconds: float,
    count: int,
    seconds: NDArray[np.float64],
    thumbs: NDArray[np.uint8],
) -> list[tuple[float, float]]:
    """Parts (start, stop) to look at frame by frame: all of a short window, else around the most unusual samples."""
    if stop_seconds - start_seconds <= SHORT_SECONDS:
        return [(start_seconds, stop_seconds)]
    inside = (seconds >= start_seconds) & (seconds < stop_seconds)
    times = seconds[inside]
    if len(times) < 3:
        return [(start_seconds, start_seconds + SHORT_SECONDS)]
    unusual = compute_unusual_change(thumbs[inside].astype(np.float32), times)
    by_strength = np.argsort(-(unusual * _compute_quietness(unusual, times)).mean(axis=(1, 2)), kind="stable")
    places = sorted(pick_apart(by_strength.tolist(), times.tolist(), _LOOKS_A_CHANGE * count, 2 * _AROUND_SECONDS))
    return [(max(start_seconds, t - _AROUND_SECONDS), min(stop_seconds, t + _AROUND_SECONDS)) for t in times[places]]


def find_changes_in(frames: "Iterable[Frame]", count: int) -> list[Change]:
    """The strongest changes among frames that come in time order, the strongest first."""
    small, times = _shrink_frames(frames)
    if len(times) < 3:
        return []
    unusual = compute_unusual_change(small, times)  # (T, h, w)
    new = unusual * _compute_quietness(unusual, times)
    left = new.mean(axis=(1, 2))
    strongest = float(left.max())
    changes: list[Change] = []
    while len(changes) < count and left.max() > 0.02 * strongest:
        peak = int(left.argmax())
        event = _follow_event(new, times, peak)
        changes.append(_make_change(event, times, float(left[peak])))
        left[event.first : event.last + 1] = 0
        left[np.abs(times - times[event.first]) < _APART_SECONDS] = 0
        left[np.abs(times - times[peak]) < _APART_SECONDS] = 0
    return changes


def _shrink_frames(frames: "Iterable[Frame]") -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Shrinks frames to (T, h, w, 3) float32, blurred so that a shift below a pixel is none; with (T,) seconds."""
    pictures, times = [], []
    for frame in frames:
        height, width = frame.pixels.shape[:2]
        scale = _LONG_SIDE / max(height, width)
        size = (max(4, round(width * scale)), max(4, round(height * scale)))
        picture = cv2.resize(frame.pixels, size, interpolation=cv2.INTER_AREA)
        pictures.append(cv2.GaussianBlur(picture, (3, 3), 0))
        times.append(frame.seconds)
    if not pictures:
        return np.zeros((0, 4, 4, 3), np.float32), np.zeros(0)
    return np.stack(pictures).astype(np.float32), np.array(times)


def compute_unusual_change(small: NDArray[np.float32], times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Change of each place since half a second ago beyond what is usual there, (T, h, w) float32 0..1; 0 at cuts."""
    earlier = np.minimum(np.searchsorted(times, times - _LAG_SECONDS), np.maximum(np.arange(len(times)) - 1, 0))
    shots = np.cumsum(_find_cuts(small))
    difference = np.zeros(small.shape[:3], np.float32)
    for i, j in enumerate(earlier):
        if shots[i] != shots[j]:
            continue
        signed = small[i] - small[j]
        # A change of light moves the whole picture alike; what is left is local.
        difference[i] = np.abs(signed - np.median(signed, axis=(0, 1))).max(axis=-1)
    usual = np.median(difference, axis=0)
    # The neighbourhood's usual change, so that a leaf that sways a pixel further than before is usual too.
    around = np.asarray(cv2.dilate(usual, np.ones((3, 3), np.uint8)), np.float32)
    beyond = np.clip(difference - np.maximum(_FLOOR, _USUAL_FACTOR * around), 0, 255).astype(np.uint8)
    # A median takes away lone pixels, which are noise, and keeps what is three pixels wide.
    kept = np.stack([np.asarray(cv2.medianBlur(picture, 3), np.uint8) for picture in beyond])
    return np.asarray(kept / 255, np.float32)


def _find_cuts(small: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether each frame is the first of a new shot, (T,) bool."""
    change = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3))
    padded = np.pad(change, 3, mode="reflect") if len(change) > 3 else np.pad(change, 3)
    around = np.stack([padded[k : k + len(change)] for k in (0, 1, 2, 4, 5, 6)])
    is_cut = change > np.maximum(_CUT_CHANGE, _CUT_RATIO * np.median(around, axis=0) + 4)
    return np.concatenate([[False], is_cut])


def _compute_quietness(unusual: NDArray[np.float32], times: NDArray[np.float64]) -> NDArray[np.float32]:
    """Quietness (T, h, w) float32 0..1: how long each place and its surroundings had not changed before."""
    last_active = np.full(unusual.shape[1:], times[0] - _QUIET_SECONDS, np.float64)
    quiet = np.empty_like(unusual)
    # What was active within the lag is the same event and must not silence itself.
    pending: list[tuple[float, NDArray[np.bool_]]] = []
    for i, now in enumerate(times):
        while pending and pending[0][0] <= now - 2 * _LAG_SECONDS:
            then, active = pending.pop(0)
            last_active[active] = then
        quiet[i] = 1 - np.exp(-(now - last_active) / _QUIET_SECONDS)
        pending.append((now, cv2.dilate((unusual[i] > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0))
    return quiet


@dataclass(frozen=True)
class _Event:
    """One change followed through the frames: its first and last frame and what is active in each."""

    first: int
    last: int
    regions: dict[int, NDArray[np.float32]]
    """New change (h, w) that belongs to the event, 0 elsewhere, by frame."""


def _follow_event(new: NDArray[np.float32], times: NDArray[np.float64], peak: int) -> _Event:
    """The event with its peak in a frame, followed back and forth through regions that touch from frame to frame."""
    # Weaker change is left out, or everything that stirs in a picture is connected in the end.
    new = np.where(new > _EVENT_CONTRAST * new[peak].max(), new, np.float32(0))
    heaviest = _select_heaviest(new[peak])
    regions = {peak: heaviest}
    enough = _EVENT_SHARE * float(heaviest.sum())
    for step in (-1, 1):
        i = peak + step
        while 0 <= i < len(times) and abs(times[i] - times[peak]) < _LONGEST_SECONDS:
            region = _select_touching(new[i], regions[i - step])
            if float(region.sum()) < enough:
                break
            regions[i] = region
            i += step
    return _Event(min(regions), max(regions), regions)


def _select_heaviest(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """The heaviest connected part of weights (h, w), 0 elsewhere; parts a step apart count as connected."""
    _, labels = cv2.connectedComponents(cv2.dilate((weight > 0).astype(np.uint8), np.ones((3, 3), np.uint8)))
    mass = np.bincount(labels.ravel(), weights=weight.ravel())
    mass[0] = -1  # label 0 is everything else
    return np.where(labels == int(mass.argmax()), weight, np.float32(0))


def _select_touching(weight: NDArray[np.float32], region: NDArray[np.float32]) -> NDArray[np.float32]:
    """The connected parts of weights (h, w) that touch a region, with room for what moves between two frames."""
    near = cv2.dilate((region > 0).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    _, labels = cv2.connectedComponents((weight > 0).astype(np.uint8))
    touched = np.unique(labels[near & (labels > 0)])
    return np.where(np.isin(labels, touched), weight, np.float32(0))


def _make_change(event: _Event, times: NDArray[np.float64], strength: float) -> Change:
    box = _compute_box(event.regions[event.first])
    moving = _name_direction(_compute_centre(event.regions[event.first]), _compute_centre(event.regions[event.last]))
    stop_seconds = float(times[min(event.last + 1, len(times) - 1)])
    place = name_place(box) + (f", moving {moving}" if moving else "")
    return Change(float(times[event.first]), stop_seconds, box, place, strength)


def _compute_box(weight: NDArray[np.float32]) -> Box:
    """Box round the places that have a quarter of the greatest weight, in fractions of the picture."""
    height, width = weight.shape
    rows, columns = np.nonzero(weight > 0.25 * weight.max())
    return (
        float(columns.min() / width),
        float(rows.min() / height),
        float((columns.max() + 1) / width),
        float((rows.max() + 1) / height),
    )


def _compute_centre(weight: NDArray[np.float32]) -> tuple[float, float] | None:
    total = float(weight.sum())
    if total <= 0:
        return None
    height, width = weight.shape
    x = float((weight.sum(axis=0) * (np.arange(width) + 0.5)).sum() / total / width)
    y = float((weight.sum(axis=1) * (np.arange(height) + 0.5)).sum() / total / height)
    return x, y


def _name_direction(start: tuple[float, float] | None, stop: tuple[float, float] | None) -> str:
    if start is None or stop is None:
        return ""
    right, down = stop[0] - start[0], stop[1] - start[1]
    if max(abs(right), abs(down)) < 0.06:
        return ""
    if abs(right) >= abs(down):
        return "right" if right > 0 else "left"
    return "down" if down > 0 else "up"


def name_place(box: Box) -> str:
    """The ninth of the picture with a box's middle: "top right", "centre"; "everywhere" if the box fills most of it."""
    if (box[2] - box[0]) * (box[3] - box[1]) > 0.6:
        return "everywhere"
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    across = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    down = "top" if y < 1 / 3 else "bottom" if y > 2 / 3 else ""
    return f"{down} {across}".strip() or "centre"


def _refine_start(video: "VideoSource", change: Change, step_seconds: float) -> Change:
    """Looks up the start of a change among all frames around it."""
    begin = max(0.0, change.start_seconds - 2 * step_seconds)
    small, times = _shrink_frames(video.window(begin, change.start_seconds + 2 * step_seconds, max_height=144))
    if len(times) < 3:
        return change
    left, top, right, bottom = change.box
    height, width = small.shape[1:3]
    rows = slice(int(top * height), max(int(top * height) + 1, round(bottom * height)))
    columns = slice(int(left * width), max(int(left * width) + 1, round(right * width)))
    away = np.abs(small[:, rows, columns] - small[0, rows, columns]).mean(axis=(1, 2, 3))
    seen = np.flatnonzero(away > max(1.5, 0.3 * float(away.max())))
    return replace(change, start_seconds=float(times[seen[0]])) if len(seen) else change
