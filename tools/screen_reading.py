"""Screen text of a whole video: read once where the picture differs, remembered on disk, given as spans of time.

Reading costs about a second a frame, so frames that look the same are read once, and of many different ones only those
in which a cheap detector sees text.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from tools.cache import keep, kept, video_folder
from tools.footage import Footage
from tools.indexing import VideoIndex
from tools.observation import FULL_FRAME, Box, Finding
from tools.sampling import box_inside, crop
from tools.screen_text import TextLine, TextReader, TextSpan, track_text
from tools.text_model import added_models
from tools.video import Frame

_VERSION = 4
_WORKERS = 2
_THUMB_CHANGE = 10
"""Greatest change of a thumbnail pixel, 0..255, up to which two frames hold the same text. The mean would miss a new
line in a terminal; picked by eye on screen recordings."""
_GLANCES_A_READING = 4
_FINEST_SECONDS = 0.125
_NEAR_SECONDS = 2.0
"""Nothing is taken to come and go between two readings so near: text shown for less is hardly meant to be read."""
_MOST_HELD_AGAINST = 12
"""Pictures between two readings, at 2 ms each."""
_SAME_PICTURE = 0.5
"""Correlation of outlines from which a line still stands. While each of ten captions of two clips stood, the median was
0.74 or more, and elsewhere in the clip at most 0.35; in a fade it is as low."""
_SAME_LINE = 0.7
"""Likeness from which two readings are the same line: half faded in, a letter or two are misread."""


class _Kept(TypedDict):
    """What is remembered of a video on disk."""

    version: list[int | str]
    frames: tuple[tuple[float, tuple[TextLine, ...]], ...]
    glances: tuple[tuple[float, bool], ...]
    refined: tuple[tuple[tuple[str, float, float, float, float], tuple[float, float]], ...]


_KEPT = TypeAdapter(_Kept)


@dataclass(frozen=True)
class Reading:
    """The text of a window."""

    spans: tuple[TextSpan, ...]
    """Lines with the time for which they stand."""
    looked_at: tuple[float, ...]
    """The frames they were read from, those without text too. Seconds, ascending."""
    skipped_seconds: float = 0.0
    """The longest time between two of them in which the picture changed and nobody looked; 0 if there is none."""
    covered: tuple[tuple[float, float], ...] | None = None
    """Of the window, what was read; None if all of it was."""


class ScreenText:
    """Reads a video's screen text on demand. Threads may share it.

    What is remembered saves work and never changes a result: a call gives the same lines whatever was read before.
    """

    def __init__(
        self, video: Footage, index: VideoIndex, reader: Callable[[], TextReader], cache: Path | None = None
    ) -> None:
        self._video = video
        self._index = index
        self._reader = reader
        self._cache = cache
        self._lock = threading.Lock()
        self._known: dict[float, tuple[TextLine, ...]] | None = None
        self._glances: dict[float, bool] = {}
        self._refined: dict[tuple[str, float, float, float, float], tuple[float, float]] = {}

    def in_frame(self, frame: Frame, box: Box, stop_seconds: float) -> tuple[Finding, ...]:
        """The lines in one frame or a part of it, in boxes of the whole frame."""
        if box == FULL_FRAME:
            with self._lock:
                lines = self._read_all([frame.seconds], {frame.seconds: frame})[frame.seconds]
        else:
            lines = self._reader().read(np.ascontiguousarray(crop(frame.pixels, box)))
        return tuple(
            Finding(
                "text", frame.seconds, stop_seconds, x.text, round(x.score, 3), box_inside(x.box, box), doubt=x.doubt
            )
            for x in lines
        )

    def in_window(self, start_seconds: float, stop_seconds: float, max_frames: int) -> Reading:
        """The lines of a window, from at most `max_frames` readings."""
        self._index.wait()
        seconds = self._index.seconds
        # the sample before the window is on screen when it opens
        first = max(0, int(np.searchsorted(seconds, start_seconds, side="right")) - 1)
        last = max(first + 1, int(np.searchsorted(seconds, stop_seconds, side="left")))
        distinct = first + distinct_frames(self._index.thumbs[first:last], _THUMB_CHANGE)
        with self._lock:
            times = [float(seconds[i]) for i in distinct]
            glances = self._glance(times, max_frames)
            lines = self._read_all(spread([t for t, has_text in glances.items() if has_text], max_frames), {})
        # a frame without text is a reading too: it ends the lines before it
        readings = dict.fromkeys((t for t, has_text in glances.items() if not has_text), ()) | lines
        looked_at = tuple(sorted(readings))
        spans = track_text(sorted(readings.items()), stop_seconds, self._stands_until)
        covered = read_parts(times, looked_at, start_seconds, stop_seconds)
        return Reading(spans, looked_at, longest_skipped(times, (*looked_at, stop_seconds)), covered)

    def unknown_letters(self, text: str) -> str:
        """The letters of a text that nobody here can read, each once."""
        foreign = [letter for letter in dict.fromkeys(text) if letter.isalpha() and not letter.isascii()]
        known = self._reader().letters if foreign else frozenset[str]()
        return "".join(x for x in foreign if not known & {x, x.lower(), x.upper()})

    def refined(self, span: TextSpan, looked_at: Sequence[float]) -> TextSpan:
        """The span with its ends found between the frames that were looked at, to an eighth of a second.

        Each end costs a few readings of the part of the picture where the line is, the first time.
        """
        before = _last_before(looked_at, span.start_seconds)
        within = _last_before(looked_at, span.stop_seconds)
        key = (span.text, span.start_seconds, span.stop_seconds, before or 0.0, within or 0.0)
        with self._lock:
            self._load()
            if (ends := self._refined.get(key)) is not None:
                return replace(span, start_seconds=ends[0], stop_seconds=ends[1])
        reader = self._reader()

        def is_there(seconds: float) -> bool:
            part = _with_margin(span.box)
            frame = next(self._video.read([seconds]), None)
            lines = reader.read(np.ascontiguousarray(crop(frame.pixels, part))) if frame is not None else ()
            return any(_likeness(line.text, span.text) >= _SAME_LINE for line in lines)

        start, stop = span.start_seconds, span.stop_seconds
        if before is not None:
            start = first_with(is_there, before, start)
        if within is not None and within > span.start_seconds - 1e-6:
            stop = first_with(lambda t: not is_there(t), within, min(stop, self._video.info.duration_seconds - 1e-3))
            stop = span.stop_seconds if stop >= self._video.info.duration_seconds - 2e-3 else stop
        with self._lock:
            self._refined[key] = (start, max(stop, start))
            self._save()
        return replace(span, start_seconds=start, stop_seconds=max(stop, start))

    def _stands_until(self, box: Box, since: float, until: float) -> float:
        """Until when what was read in a box at `since` is seen to stay; `until` if nothing says that it went.

        Readings may be a minute apart, and a caption may come and go between them: the pictures of the index that lie
        there are held against the one that was read.
        """
        if until - since <= _NEAR_SECONDS:
            return until
        seconds = self._index.seconds
        between = spread([float(t) for t in seconds[(seconds > since) & (seconds < until)]], _MOST_HELD_AGAINST)
        shown, last = self._edges(since, box), since
        widest = max(_NEAR_SECONDS, 2 * (until - since) / _MOST_HELD_AGAINST)
        for at in (*between, until):
            if at - last > widest:  # nobody has a picture from there
                return last + min(_NEAR_SECONDS, at - last)
            if at < until and float((self._edges(at, box) * shown).sum()) < _SAME_PICTURE:
                return at
            last = at
        return until

    def _edges(self, seconds: float, box: Box) -> NDArray[np.float32]:
        """The outlines in a part of a stored picture, less their mean, of length 1: letters stay when what is behind
        them moves."""
        store = self._index.store
        grey = cv2.cvtColor(crop(store.frame(store.at(seconds)).pixels, box), cv2.COLOR_RGB2GRAY)
        across, down = (cv2.Sobel(grey, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
        edges = np.hypot(across, down)
        edges -= edges.mean()
        return np.asarray(edges / max(float(np.linalg.norm(edges)), 1e-6), np.float32)

    def _glance(self, times: list[float], max_frames: int) -> dict[float, bool]:
        """Which frames hold text. Few frames are all taken to hold some: a glance may miss small print."""
        if len(times) <= max_frames // 2:
            return dict.fromkeys(times, True)
        self._load()
        times = spread(times, max_frames * _GLANCES_A_READING)
        new = [t for t in times if t not in self._glances]
        if new:
            reader = self._reader()
            frames = (self._index.store.frame(self._index.store.at(t)).pixels for t in new)
            with ThreadPoolExecutor(_WORKERS) as pool:
                # not taken from full readings, which may see more: then it would matter what was read before
                self._glances |= zip(new, pool.map(reader.has_text, frames), strict=True)
            self._save()
        return {t: self._glances[t] for t in times}

    def _read_all(self, times: Sequence[float], frames: dict[float, Frame]) -> dict[float, tuple[TextLine, ...]]:
        known = self._load()
        new = [t for t in times if t not in known]
        if new:
            reader = self._reader()
            source = (frames[t] for t in new) if frames else self._video.read(new)
            with ThreadPoolExecutor(_WORKERS) as pool:
                for frame, lines in _read_ahead(source, pool, reader):
                    known[frame.seconds] = lines
            self._save()
        return {t: known[t] for t in times if t in known}

    def _load(self) -> dict[float, tuple[TextLine, ...]]:
        if self._known is None:
            known = kept(self._path, _KEPT)
            if known is None or known["version"] != _version():
                known = _Kept(version=_version(), frames=(), glances=(), refined=())
            self._known = dict(known["frames"])
            self._glances = dict(known["glances"])
            self._refined = dict(known["refined"])
        return self._known

    def _save(self) -> None:
        rows = [[seconds, [asdict(line) for line in lines]] for seconds, lines in sorted(self._load().items())]
        glances, refined = sorted(self._glances.items()), list(self._refined.items())
        keep(self._path, {"version": _version(), "frames": rows, "glances": glances, "refined": refined})

    @property
    def _path(self) -> Path:
        return video_folder(self._video.content_hash, self._cache) / "text-ppocrv6.json"


def _version() -> list[int | str]:
    """What a remembered reading depends on besides the video: the rules, and who can read."""
    return [_VERSION, *sorted(added_models())]


def first_with(is_there: Callable[[float], bool], without: float, having: float) -> float:
    """The first time in (without, having] at which something is there, by halving, to `_FINEST_SECONDS`."""
    while having - without > _FINEST_SECONDS:
        middle = (without + having) / 2
        if is_there(middle):
            having = middle
        else:
            without = middle
    return having


def _last_before(times: Sequence[float], seconds: float) -> float | None:
    return max((t for t in times if t < seconds - 1e-6), default=None)


def _with_margin(box: Box) -> Box:
    """The box with half a line's height around it: the detector needs some room."""
    margin = (box[3] - box[1]) / 2
    left, top, right, bottom = box
    return max(0.0, left - margin), max(0.0, top - margin), min(1.0, right + margin), min(1.0, bottom + margin)


def _likeness(first: str, second: str) -> float:
    return SequenceMatcher(None, first.casefold(), second.casefold(), autojunk=False).ratio()


def distinct_frames(thumbs: NDArray[np.uint8], most_change: int) -> NDArray[np.int64]:
    """Indices of the (N, H, W, 3) thumbnails that differ from the last one chosen, the first always."""
    chosen: list[int] = []
    for i in range(len(thumbs)):
        if not chosen or int(np.abs(thumbs[i].astype(np.int16) - thumbs[chosen[-1]]).max()) > most_change:
            chosen.append(i)
    return np.array(chosen, dtype=np.int64)


def spread(times: list[float], count: int) -> list[float]:
    """At most `count` of the times, evenly by rank, the first and last among them."""
    if len(times) <= count:
        return times
    return [times[round(i)] for i in np.linspace(0, len(times) - 1, count)]


def in_order_of_showing(ranked: Sequence[TextSpan]) -> list[TextSpan]:
    """The spans in their order, but of those with the same text the earlier in the place of the better."""
    showings: dict[str, list[TextSpan]] = {}
    for span in sorted(ranked, key=lambda span: span.start_seconds, reverse=True):
        showings.setdefault(span.text, []).append(span)
    return [showings[span.text].pop() for span in ranked]


def read_parts(
    times: Sequence[float], looked_at: Sequence[float], start_seconds: float, stop_seconds: float
) -> tuple[tuple[float, float], ...] | None:
    """What of a window was read; None if all of it was. A reading holds until the picture changes.

    `times` are those at which it changes, `looked_at` those of them that were read; both ascending.
    """
    parts: list[tuple[float, float]] = []
    for at in looked_at:
        until = next((t for t in times if t > at), stop_seconds)
        start, stop = max(at, start_seconds), min(until, stop_seconds)
        if parts and start - parts[-1][1] <= _NEAR_SECONDS:
            start = parts.pop()[0]
        parts += [(start, stop)] if start < stop else []
    is_whole = len(parts) == 1 and parts[0][0] <= start_seconds + _NEAR_SECONDS and parts[0][1] >= stop_seconds
    return None if is_whole else tuple(parts)


def longest_skipped(times: Sequence[float], looked_at: Sequence[float]) -> float:
    """The longest time between two looks, both ascending, that has one of the times in it."""
    between = [(before, after) for before, after in pairwise(looked_at) if any(before < t < after for t in times)]
    return max((after - before for before, after in between), default=0.0)


def _read_ahead(
    frames: Iterable[Frame], pool: ThreadPoolExecutor, reader: TextReader
) -> Iterator[tuple[Frame, tuple[TextLine, ...]]]:
    """Each frame with its lines; a few frames in flight, so that memory stays flat."""
    waiting: deque[tuple[Frame, Future[tuple[TextLine, ...]]]] = deque()
    for frame in frames:
        waiting.append((frame, pool.submit(reader.read, frame.pixels)))
        if len(waiting) > 2 * _WORKERS:
            done, lines = waiting.popleft()
            yield done, lines.result()
    for done, lines in waiting:
        yield done, lines.result()
