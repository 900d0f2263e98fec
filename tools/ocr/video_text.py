"""Reads the screen text of a whole video: once where the picture differs, kept on disk, given as spans of time.

Reading costs about a second a frame, so frames that look the same are read once, and of many different ones only those
in which a cheap detector sees text. Where the index has not come, frames are decoded here. What is looked at comes from
all over the window before it gets dense, so that whoever stops early has seen some of everything.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from difflib import SequenceMatcher
from functools import cache, lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from tools.cache import keep, load_kept, make_video_folder
from tools.deadline import (
    THREAD_NAME,
    acquire_in_time,
    get_seconds_left,
    get_timeout_left,
    is_time_up,
    set_deadline,
    take_until_deadline,
)
from tools.index.builder import make_thumbnail
from tools.index.frame_store import fit_stored_size
from tools.index.samples import Samples
from tools.index.video_index import IndexProgress
from tools.observation import FULL_FRAME, Box, Finding, ToolError, to_outer_box
from tools.ocr.ppocr import find_added_models
from tools.ocr.reader import SURELY_TEXT, TextLine, TextReader
from tools.ocr.reading_plan import (
    NEAR_SECONDS,
    choose_readings,
    count_stroke_pixels,
    find_covered,
    measure_longest_skipped,
    select_distinct_frames,
)
from tools.ocr.tracking import TextSpan, track_text
from tools.runtime.threads import choose_thread_count
from tools.sampling import choose_fps, crop, scatter, spread, thin_times
from tools.video.source import VideoSource
from tools.video.video import SAME_MOMENT_SECONDS, Frame, find_frame_ranks

_Seen = TypeVar("_Seen")

_VERSION = 8
"""Number of the rules by which text is read; text kept by another version is read again."""
_MOST_FRAMES = 48
"""Frames of one window that are read; at a second or less each on one core."""
_WORKERS = 2
"""Threads that read at most, each with a picture of its own."""
_THUMB_CHANGE = 10
"""Greatest change of a thumbnail pixel, 0..255, up to which two frames hold the same text. The mean would miss a new
line in a terminal; picked by eye on screen recordings."""
_GLANCES_A_READING = 4
"""Frames that the detector looks at, for each frame that may be read."""
_TRIED_IN_VAIN = 12
"""Frames without a row of letters that are read in vain until the others like them are left out: in some films the
detector marks a pattern in each frame."""
_TRIED_AT_ONCE = 4
"""Such frames between two looks at whether any was read."""
_AT_ONCE = 8
"""Frames between two looks at the clock."""
_FEW = 4
"""Frames for each glance up to which these are spread evenly, without counting strokes."""
_STROKES_AT_ONCE = 64
"""Frames whose strokes are counted between two looks at the clock."""
_STROKES_TIME_SHARE = 0.3
"""Share of the time left that counting strokes may take."""
_THUMB_HEIGHT = 72
"""Height in pixels at which frames outside the index are decoded to be compared."""
_THUMBS_TIME_SHARE = 0.2
"""Share of the time left that comparing frames outside the index may take."""
_NEXT = 1.5
"""Distance, in times of a sample, up to which two frames follow one another: frames are not where samples are."""
_READING_WORK = 7
"""Glances that are as much work as one reading."""
_GLANCES_TIME_SHARE = 0.4
"""Share of the time left that glances may take; the rest is for reading."""
_FINEST_SECONDS = 0.125
"""Precision to which the ends of a span are found."""
_MOST_HELD_AGAINST = 12
"""Stored pictures that are compared between two readings, at 2 ms each."""
_SAME_PICTURE = 0.5
"""Correlation of outlines from which a line still stands. While each of ten captions of two clips stood, the median was
0.74 or more, and elsewhere in the clip at most 0.35; in a fade it is as low."""
_MARGINS = (0.5, 2.0)
"""Heights of a line around it in a close look; in a narrow part the detector breaks some lines into pieces."""
_SAME_LINE = 0.7
"""Likeness from which two readings are the same line: half faded in, a letter or two are misread."""


class _StoredText(TypedDict):
    """Screen text of a video in its cache: readings of frames and of their parts, glances, strokes, refined ends."""

    version: list[int | str]
    frames: tuple[tuple[float, tuple[TextLine, ...]], ...]
    parts: tuple[tuple[tuple[float, Box], tuple[TextLine, ...]], ...]
    glances: tuple[tuple[float, float], ...]
    strokes: tuple[tuple[float, int], ...]
    prepared: bool
    refined: tuple[tuple[tuple[str, float, float, float, float], tuple[float, float]], ...]


_KEPT = TypeAdapter(_StoredText)


@dataclass(frozen=True)
class WindowText:
    """Screen text of a window, and the parts of the window in which it was read."""

    spans: tuple[TextSpan, ...]
    """Lines with the time for which they stand."""
    looked_at: tuple[float, ...]
    """Times of the frames that were read or found to hold no text, in seconds, ascending."""
    skipped_seconds: float = 0.0
    """Longest time between two frames looked at in which the picture changed; 0 if there is none."""
    covered: tuple[tuple[float, float], ...] | None = None
    """Parts of the window that were read, (start, stop) in seconds; None if all of it was."""


@dataclass(frozen=True)
class _PictureToRead:
    """A picture that may be read, and until when it stands: no sampled frame differs before `stop_seconds`."""

    seconds: float
    stop_seconds: float


class ScreenText:
    """Reads a video's screen text on demand. Threads may share it.

    What was kept of earlier calls saves work and never changes a result: with a whole index and time enough a call
    gives the same lines whatever was read before.
    """

    def __init__(
        self,
        video: VideoSource,
        samples: Samples,
        reader: Callable[[], TextReader],
        cache: Path | None = None,
        on_progress: Callable[[IndexProgress], None] = lambda _: None,
    ) -> None:
        self._video = video
        self._samples = samples
        self._on_progress = on_progress
        self._reader = reader
        self._cache = cache
        self._lock = threading.Lock()
        self._known: dict[float, tuple[TextLine, ...]] | None = None
        self._parts: dict[tuple[float, Box], tuple[TextLine, ...]] = {}
        self._glances: dict[float, float] = {}
        self._strokes: dict[float, int] = {}
        self._is_prepared = False
        self._refined: dict[tuple[str, float, float, float, float], tuple[float, float]] = {}

    def read_frame(self, frame: Frame, box: Box, stop_seconds: float) -> tuple[Finding, ...]:
        """Reads the lines in one frame or a part of it, with boxes in fractions of the whole frame.

        Args:
            frame: the frame.
            box: the part to read.
            stop_seconds: when the frame leaves the screen.

        Raises:
            ToolError: it could not be read in the time that was left.
        """
        if box == FULL_FRAME:
            with self._lock:
                read = self._read_all([frame.seconds], {frame.seconds: frame})
            if frame.seconds not in read:
                raise ToolError(f"the text at {frame.seconds:.2f} s could not be read in the time that was left")
            lines = read[frame.seconds]
        else:
            lines = self._read_part(frame.seconds, box, lambda: frame)
            with self._lock:
                self._save()
        return tuple(
            Finding(
                "text", frame.seconds, stop_seconds, x.text, round(x.score, 3), to_outer_box(x.box, box), doubt=x.doubt
            )
            for x in lines
        )

    def read_window(self, start_seconds: float, stop_seconds: float, max_frames: int = _MOST_FRAMES) -> WindowText:
        """Reads the lines of a window, as far as the time allows.

        Args:
            start_seconds: start of the window.
            stop_seconds: end of the window, not included.
            max_frames: number of frames read at most.
        """
        looks: list[_PictureToRead] = []
        times: list[float] = []
        readings: dict[float, tuple[TextLine, ...]] = {}
        with acquire_in_time(self._lock) as is_held:
            if is_held:
                self._load()
                is_prepared = self._is_prepared and self._samples.wait()
                looks = self._choose_pictures(start_seconds, stop_seconds, max_frames, is_prepared=is_prepared)
                times = [look.seconds for look in looks]
                with set_deadline(_GLANCES_TIME_SHARE * get_seconds_left()):
                    glances = self._glance_at(times) if is_prepared else self._glance(times, max_frames)
                # a frame without text is a reading too: it ends the lines before it
                readings |= dict.fromkeys((t for t, likelihood in glances.items() if not likelihood), ())
                if not is_prepared and (tried := self._read_in_vain(glances)):
                    readings |= tried
                    glances = {t: x if x >= SURELY_TEXT else 0.0 for t, x in glances.items()}
                readings |= self._read_all(
                    choose_readings(times, glances, len(times) if is_prepared else max_frames), {}
                )
        looked_at = tuple(sorted(readings))
        ends = {look.seconds: look.stop_seconds for look in looks}

        def stands_until(box: Box, since: float, until: float) -> float:
            end = ends.get(since, since)
            return min(end, until) if end >= until or is_time_up() else self._find_end(box, since, until)

        spans = track_text(sorted(readings.items()), stop_seconds, stands_until)
        covered = find_covered([(t, ends[t]) for t in looked_at], start_seconds, stop_seconds)
        return WindowText(spans, looked_at, measure_longest_skipped(times, (*looked_at, stop_seconds)), covered)

    def prepare(self) -> None:
        """Reads the text of the whole video, which may take longer than the video: later calls find all of it."""
        times = [look.seconds for look in self._choose_pictures(*self._bounds, 1, is_prepared=False)]
        with self._lock:
            self._load()
            glances = self._glance_at(times)
            self._read_all([t for t, likelihood in glances.items() if likelihood], {})
            self._is_prepared = True
            self._save()

    @property
    def _bounds(self) -> tuple[float, float]:
        """Seconds at which the video begins and ends."""
        return self._video.info.start_seconds, self._video.info.duration_seconds

    @property
    def is_prepared(self) -> bool:
        """Whether the text of the whole video has been read."""
        with self._lock:
            self._load()
            return self._is_prepared

    def _choose_pictures(
        self, start_seconds: float, stop_seconds: float, max_frames: int, *, is_prepared: bool
    ) -> list[_PictureToRead]:
        """Pictures of a window that differ: by the samples of the index, and where these end decoded here.

        A decoded one stands for the time of a sample, since nothing is known of what follows it. Where all text was
        read ahead, a picture may have come on screen before the window.
        """
        if is_prepared:
            looks = self._choose_pictures(*self._bounds, max_frames, is_prepared=False)
            return [look for look in looks if look.seconds < stop_seconds and look.stop_seconds > start_seconds]
        samples = self._samples.select(start_seconds, stop_seconds)
        times = samples.seconds[select_distinct_frames(samples.thumbs, _THUMB_CHANGE)].tolist()
        looks = [_PictureToRead(t, stop) for t, stop in pairwise([*times, samples.reached_seconds]) if t < stop]
        return looks + self._choose_unindexed(samples.reached_seconds, stop_seconds, max_frames * _GLANCES_A_READING)

    def _choose_unindexed(self, reached_seconds: float, stop_seconds: float, most: int) -> list[_PictureToRead]:
        """Pictures where the index has not come: one a sample, or `most` keyframes, which are cheap to decode."""
        if reached_seconds >= stop_seconds:
            return []
        apart = 1 / choose_fps(self._video.info.length_seconds)
        every = np.arange(reached_seconds, stop_seconds, apart)
        if len(every) > most:
            keys = self._video.keyframe_seconds
            inside = keys[(keys > reached_seconds) & (keys < stop_seconds)].tolist()
            every = np.array([reached_seconds, *thin_times(inside, (stop_seconds - reached_seconds) / most)])
        shown = self._video.timestamps
        times = np.unique(shown[np.searchsorted(shown, every + SAME_MOMENT_SECONDS, side="right") - 1]).tolist()
        follow = pairwise([*times, stop_seconds])
        ends = [after if after - t <= _NEXT * apart else t + apart for t, after in follow]
        return self._merge_repeats([_PictureToRead(t, end) for t, end in zip(times, ends, strict=True)])

    def _merge_repeats(self, looks: list[_PictureToRead]) -> list[_PictureToRead]:
        """Merges runs of pictures that look the same and lie close together, as far as time allows."""
        thumbs: dict[float, NDArray[np.uint8]] = {}
        with set_deadline(_THUMBS_TIME_SHARE * get_seconds_left()):
            for frame in take_until_deadline(
                self._video.read([look.seconds for look in looks], max_height=_THUMB_HEIGHT)
            ):
                thumbs[frame.seconds] = make_thumbnail(frame.pixels)
        kept: list[_PictureToRead] = []
        for look in looks:
            last = kept[-1] if kept else None
            known = [thumbs[one.seconds] for one in (last, look) if one is not None and one.seconds in thumbs]
            is_same = len(known) == 2 and len(select_distinct_frames(np.stack(known), _THUMB_CHANGE)) < 2
            if last is not None and is_same and last.stop_seconds == look.seconds:
                kept[-1] = _PictureToRead(last.seconds, look.stop_seconds)
            else:
                kept.append(look)
        return kept

    def find_unknown_letters(self, text: str) -> str:
        """Letters of a text that no recogniser knows, each once."""
        foreign = [letter for letter in dict.fromkeys(text) if letter.isalpha() and not letter.isascii()]
        known = self._reader().letters if foreign else frozenset[str]()
        return "".join(x for x in foreign if not known & {x, x.lower(), x.upper()})

    def refined(self, span: TextSpan, looked_at: Sequence[float]) -> TextSpan:
        """Refines the ends of a span between the frames that were looked at, to an eighth of a second.

        Each end costs a few looks at the line's place, and where it is not read there, readings of the part around it,
        the first time. A part in which the line can't be read even where it surely stands says nothing of when it goes:
        then the span stays as it is.
        """
        before = _find_last_before(looked_at, span.start_seconds)
        within = _find_last_before(looked_at, span.stop_seconds)
        key = (span.text, span.start_seconds, span.stop_seconds, before or 0.0, within or 0.0)
        with self._lock:
            self._load()
            if (ends := self._refined.get(key)) is not None:
                return replace(span, start_seconds=ends[0], stop_seconds=ends[1])

        @lru_cache(1)
        def decode(shown: float) -> Frame | None:
            return next(self._video.read([shown]), None)

        def is_same_line(text: str) -> bool:
            return _measure_likeness(text, span.text) >= _SAME_LINE

        @cache
        def is_in_place(shown: float) -> bool:
            frame = decode(shown)
            return frame is not None and is_same_line(self._reader().read_row(frame.pixels, span.box))

        def is_read(seconds: float, part: Box) -> bool:
            shown = self._find_shown(seconds)  # a still is read once, however long it stands
            if is_in_place(shown):
                return True
            return any(is_same_line(line.text) for line in self._read_part(shown, part, lambda: decode(shown)))

        start, stop = span.start_seconds, span.stop_seconds
        stands = max(start, within or 0.0)
        parts = (_add_margin(span.box, lines) for lines in _MARGINS)
        part = next((part for part in parts if is_read(stands, part)), None)
        if part is not None and before is not None:
            start = bisect_appearance(partial(is_read, part=part), before, start)
        if part is not None and within is not None and within > span.start_seconds - 1e-6:
            stop = bisect_appearance(
                lambda t: not is_read(t, part), within, min(stop, self._video.info.duration_seconds - 1e-3)
            )
            stop = span.stop_seconds if stop >= self._video.info.duration_seconds - 2e-3 else stop
        if not is_time_up():
            with self._lock:
                self._refined[key] = (start, max(stop, start))
                self._save()
        return replace(span, start_seconds=start, stop_seconds=max(stop, start))

    def _find_shown(self, seconds: float) -> float:
        """Own time of the frame on screen at a time."""
        (rank,) = find_frame_ranks(self._video.timestamps, self._video.info.duration_seconds, [seconds])
        return float(self._video.timestamps[rank])

    def _read_part(self, seconds: float, box: Box, find_frame: Callable[[], Frame | None]) -> tuple[TextLine, ...]:
        """The lines in a part of a frame, read once; `find_frame` gives the frame where it was not yet."""
        with self._lock:
            self._load()
            if (known := self._parts.get((seconds, box))) is not None:
                return known
        frame = find_frame()
        lines = self._reader().read(np.ascontiguousarray(crop(frame.pixels, box))) if frame is not None else ()
        with self._lock:
            self._parts[seconds, box] = lines
        return lines

    def _find_end(self, box: Box, since: float, until: float) -> float:
        """Time until which the text read in a box at `since` is seen to stay; `until` if no picture shows that it went.

        Readings may be a minute apart, and a caption may come and go between them: the pictures of the index that lie
        there are held against the one that was read.
        """
        if until - since <= NEAR_SECONDS:
            return until
        if not len(self._samples.index.store.seconds):
            return since + NEAR_SECONDS
        seconds = self._samples.index.seconds
        between = spread([float(t) for t in seconds[(seconds > since) & (seconds < until)]], _MOST_HELD_AGAINST)
        shown, last = self._compute_outlines(since, box), since
        widest = max(NEAR_SECONDS, 2 * (until - since) / _MOST_HELD_AGAINST)
        for at in (*between, until):
            if at - last > widest:  # nobody has a picture from there
                return last + min(NEAR_SECONDS, at - last)
            if at < until and float((self._compute_outlines(at, box) * shown).sum()) < _SAME_PICTURE:
                return at
            last = at
        return until

    def _compute_outlines(self, seconds: float, box: Box) -> NDArray[np.float32]:
        """Outlines (h, w) float32 in a part of a stored picture, less their mean, of length 1.

        Letters stay when what is behind them moves, and so do their outlines.
        """
        store = self._samples.index.store
        grey = cv2.cvtColor(crop(store.frame(store.at(seconds)).pixels, box), cv2.COLOR_RGB2GRAY)
        across, down = (cv2.Sobel(grey, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
        edges = np.hypot(across, down)
        edges -= edges.mean()
        return np.asarray(edges / max(float(np.linalg.norm(edges)), 1e-6), np.float32)

    def _read_in_vain(self, glances: dict[float, float]) -> dict[float, tuple[TextLine, ...]]:
        """Readings of a few frames without a row of letters; none where there are no more, or any gives a line."""
        unlikely = [t for t, likelihood in sorted(glances.items()) if 0 < likelihood < SURELY_TEXT]
        tried = scatter(unlikely)[:_TRIED_IN_VAIN] if len(unlikely) > _TRIED_IN_VAIN else []
        readings: dict[float, tuple[TextLine, ...]] = {}
        for start in range(0, len(tried), _TRIED_AT_ONCE):
            if not is_time_up():
                readings |= self._read_all(tried[start : start + _TRIED_AT_ONCE], {})
            if is_time_up() or any(not line.doubt for lines in readings.values() for line in lines):
                return {}
        return readings

    def _glance(self, times: list[float], max_frames: int) -> dict[float, float]:
        """How likely each frame holds text, by time. Few frames surely do: a glance may miss small print."""
        if len(times) <= max_frames // 2:
            return dict.fromkeys(times, 1.0)
        return self._glance_at(self._choose_glances(times, max_frames * _GLANCES_A_READING), max_frames)

    def _glance_at(self, times: list[float], readings: int = 0) -> dict[float, float]:
        """How likely each frame holds text, as far as time allows; `readings` to come count in the progress."""
        new = [t for t in scatter(times) if t not in self._glances]
        if new:
            reader = self._reader()
            with _open_pool() as pool:
                for start in range(0, len(new), _AT_ONCE):
                    # not taken from full readings, which may see more: then it would matter what was read before
                    pictures = self._read_pictures(sorted(new[start : start + _AT_ONCE]))
                    self._glances |= _map_in_time(pictures, pool, lambda frame: round(reader.glance(frame.pixels), 3))
                    self._tell(start + _AT_ONCE, len(new), readings)
                    if is_time_up():
                        break
            self._save()
        return {t: self._glances[t] for t in times if t in self._glances}

    def _choose_glances(self, times: list[float], count: int) -> list[float]:
        """Picks at most `count` times, evenly; of very many, half evenly and half where most new strokes come up."""
        if len(times) <= _FEW * count:
            return spread(times, count)
        new = [t for t in scatter(times) if t not in self._strokes]
        with set_deadline(_STROKES_TIME_SHARE * get_seconds_left()), _open_pool() as pool:
            for start in range(0, len(new), _STROKES_AT_ONCE):
                stored = self._read_stored(sorted(new[start : start + _STROKES_AT_ONCE]))
                self._strokes |= _map_in_time(stored, pool, lambda frame: count_stroke_pixels(frame.pixels))
                if is_time_up():
                    break
        known = [t for t in times if t in self._strokes]
        rise = {after: self._strokes[after] - self._strokes[before] for before, after in pairwise(known)}
        even = spread(times, count // 2)
        others = sorted(rise.keys() - set(even), key=lambda t: (-rise[t], t))
        return sorted({*even, *others[: count - len(even)]})

    def _read_stored(self, times: Sequence[float]) -> Iterator[Frame]:
        """Frames at these times that the index has stored; the others are left out."""
        store = self._samples.index.store
        for t in times if len(store.seconds) else ():
            number = store.at(t)
            if abs(float(store.seconds[number]) - t) < SAME_MOMENT_SECONDS:
                yield replace(store.frame(number), seconds=t)

    def _tell(self, glances: int, all_glances: int, readings: int, done: int = 0) -> None:
        """Reports the progress of reading a window, where a reading counts as some glances."""
        so_far = min(glances, all_glances) + _READING_WORK * min(done, readings)
        self._on_progress(IndexProgress("text", so_far, all_glances + _READING_WORK * readings, None))

    def _read_pictures(self, times: Sequence[float]) -> Iterator[Frame]:
        """Frames at these times, stored or decoded, at the size of the store."""
        missing = set(times)
        for frame in self._read_stored(times):
            missing.remove(frame.seconds)
            yield frame
        height = fit_stored_size(self._video.info.width, self._video.info.height)[1]
        yield from self._video.read(sorted(missing), max_height=height)

    def _read_all(self, times: Sequence[float], frames: dict[float, Frame]) -> dict[float, tuple[TextLine, ...]]:
        known = self._load()
        new = [t for t in times if t not in known]
        if new:
            reader = self._reader()
            # who is in no hurry decodes once from front to back
            size = len(new) if math.isinf(get_seconds_left()) else _AT_ONCE
            order = scatter(new) if size < len(new) else new
            with _open_pool() as pool:
                for start in range(0, len(new), size):
                    some = sorted(order[start : start + size])
                    source = (frames[t] for t in some) if frames else self._video.read(some)
                    for seconds, lines in _map_in_time(source, pool, lambda frame: reader.read(frame.pixels)).items():
                        known[seconds] = lines
                    self._tell(0, 0, len(new), start + size)
                    if is_time_up():
                        break
            self._save()
        return {t: known[t] for t in times if t in known}

    def _load(self) -> dict[float, tuple[TextLine, ...]]:
        if self._known is None:
            known = load_kept(self._path, _KEPT)
            if known is None or known["version"] != _get_version():
                known = _StoredText(
                    version=_get_version(), frames=(), parts=(), glances=(), strokes=(), prepared=False, refined=()
                )
            self._known = dict(known["frames"])
            self._parts = dict(known["parts"])
            self._glances = dict(known["glances"])
            self._strokes = dict(known["strokes"])
            self._is_prepared = known["prepared"]
            self._refined = dict(known["refined"])
        return self._known

    def _save(self) -> None:
        rows = [[seconds, [asdict(line) for line in lines]] for seconds, lines in sorted(self._load().items())]
        parts = [[key, [asdict(line) for line in lines]] for key, lines in self._parts.items()]
        glances, refined = sorted(self._glances.items()), list(self._refined.items())
        strokes_seen = sorted(self._strokes.items())
        marks = {"glances": glances, "strokes": strokes_seen, "prepared": self._is_prepared, "refined": refined}
        keep(self._path, {"version": _get_version(), "frames": rows, "parts": parts, **marks})

    @property
    def _path(self) -> Path:
        return make_video_folder(self._video.content_hash, self._cache) / "text-ppocrv6.json"


def _get_version() -> list[int | str]:
    """Version of a kept reading: the number of the rules, and the added recognisers."""
    return [_VERSION, *sorted(find_added_models())]


def bisect_appearance(is_there: Callable[[float], bool], without: float, having: float) -> float:
    """Finds by bisection when something comes on screen, to `_FINEST_SECONDS` or until the time is up.

    Args:
        is_there: whether it is on screen at a time.
        without: a time at which it is not.
        having: a later time at which it is.
    """
    while having - without > _FINEST_SECONDS and not is_time_up():
        middle = (without + having) / 2
        if is_there(middle):
            having = middle
        else:
            without = middle
    return having


def _find_last_before(times: Sequence[float], seconds: float) -> float | None:
    return max((t for t in times if t < seconds - 1e-6), default=None)


def _add_margin(box: Box, lines: float) -> Box:
    """A box with so many times its height around it."""
    margin = lines * (box[3] - box[1])
    left, top, right, bottom = box
    return max(0.0, left - margin), max(0.0, top - margin), min(1.0, right + margin), min(1.0, bottom + margin)


def _measure_likeness(first: str, second: str) -> float:
    return SequenceMatcher(None, first.casefold(), second.casefold(), autojunk=False).ratio()


def sort_by_showing(ranked: Sequence[TextSpan]) -> list[TextSpan]:
    """Reorders ranked spans so that of those with one text the earlier stands in the place of the better."""
    showings: dict[str, list[TextSpan]] = {}
    for span in sorted(ranked, key=lambda span: span.start_seconds, reverse=True):
        showings.setdefault(span.text, []).append(span)
    return [showings[span.text].pop() for span in ranked]


@contextmanager
def _open_pool() -> Iterator[ThreadPoolExecutor]:
    """A pool of threads; those that are late are not waited for."""
    pool = ThreadPoolExecutor(min(_WORKERS, choose_thread_count()), thread_name_prefix=THREAD_NAME)
    try:
        yield pool
    finally:
        pool.shutdown(wait=not is_time_up(), cancel_futures=True)


def _map_in_time(
    frames: Iterable[Frame], pool: ThreadPoolExecutor, look: Callable[[Frame], _Seen]
) -> dict[float, _Seen]:
    """Results of `look` for each frame until the time is up; a few frames in flight, so that memory stays flat."""
    seen: dict[float, _Seen] = {}
    waiting: deque[tuple[float, Future[_Seen]]] = deque()

    def take(most: int) -> None:
        while len(waiting) > most:
            seconds, done = waiting.popleft()
            seen[seconds] = done.result(get_timeout_left())

    with suppress(TimeoutError):
        for frame in frames:
            waiting.append((frame.seconds, pool.submit(look, frame)))
            take(2 * _WORKERS)
        take(0)
    return seen
