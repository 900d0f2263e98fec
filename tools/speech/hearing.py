"""Recognises speech part by part: those of the window first; lines are kept on disk, also of a part broken off.

Parts are two minutes long and end where it is quietest, so that no word is cut in two.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter
from typing_extensions import TypedDict

from tools.cache import keep, load_kept
from tools.deadline import acquire_in_time, is_time_up, run_in_time
from tools.speech.audio import SAMPLE_RATE, SoundTrack, TrackReader, find_quietest
from tools.speech.subtitles import SpeechLine

if TYPE_CHECKING:
    from tools.video.source import VideoSource

PART_SECONDS = 120.0
"""Length of a part: the least that is heard for a window."""
_CUT_SECONDS = 20.0
"""Last seconds of a part, in which it ends where it is quietest."""
_TOLD_SECONDS = 1.0
"""Shortest stretch that is reported as not heard."""
_TOLD_DAMAGE_SECONDS = 0.5
"""Least sound that did not decode which is reported: less holds no word."""
_BEFORE_SECONDS = -3600.0
"""Start of the first part: sound from before the first picture has negative seconds."""


@dataclass(frozen=True)
class HeardSpan:
    """A stretch of sound that was heard, and every line said in it."""

    start_seconds: float
    stop_seconds: float
    lines: tuple[SpeechLine, ...]
    damaged_seconds: float = 0.0
    """Length of the sound in it that did not decode."""


Listen = Callable[[NDArray[np.float32], float], Iterator[SpeechLine]]
"""A recogniser: (mono sound (S,) at 16 kHz, second of its first sample) -> lines, one by one as they are recognised."""


class Hearing:
    """The lines recognised on one sound track so far."""

    def __init__(
        self, video: "VideoSource", track: SoundTrack | None, path: Path, one_at_a_time: threading.Lock
    ) -> None:
        """Reads what was heard before.

        Args:
            video: the video with the sound.
            track: the sound track, the usual one if None.
            path: file in which the lines are kept.
            one_at_a_time: held by the thread that hears.
        """
        self._video = video
        self._track = track
        self._path = path
        self._lock = one_at_a_time
        self._last = max(0, math.ceil(video.info.duration_seconds / PART_SECONDS) - 1)
        self.spans = self._kept()

    def hear(
        self,
        listen: Listen,
        start_seconds: float,
        stop_seconds: float,
        on_progress: Callable[[float, float], None] | None = None,
        *,
        is_whole: bool = False,
    ) -> None:
        """Hears what was not heard yet of the parts of a window, until the time is up.

        Args:
            listen: recognises the lines in a piece of sound.
            start_seconds: start of the window.
            stop_seconds: end of the window, not included.
            on_progress: called with the seconds heard and the seconds to hear.
            is_whole: whether a part that was begun is heard to its end, as lines that overlap want.
        """
        wanted = [number for number in self._parts(start_seconds, stop_seconds) if self._find_left(number) is not None]
        if not wanted:
            return

        def work() -> None:
            with acquire_in_time(self._lock) as is_held:
                if is_held:
                    self.spans = self._kept()  # another thread may have heard it meanwhile
                    self._hear(listen, wanted, on_progress, is_whole)

        run_in_time([work], grace_seconds=0.0)

    def unheard(self, start_seconds: float, stop_seconds: float) -> tuple[tuple[float, float], ...]:
        """Parts of a window that were not heard, (start, stop) in seconds; moments are left out."""
        stop_seconds = min(stop_seconds, self._video.info.duration_seconds)
        edges = [(start_seconds, start_seconds)]
        edges += [(s.start_seconds, s.stop_seconds) for s in self.spans if s.stop_seconds > start_seconds]
        edges.append((stop_seconds, stop_seconds))
        holes = [(before[1], min(after[0], stop_seconds)) for before, after in pairwise(edges)]
        return tuple((start, stop) for start, stop in holes if stop - start > _TOLD_SECONDS)

    def gaps(self, start_seconds: float, stop_seconds: float) -> tuple[str, ...]:
        """Sentences that say what of a window could not be heard, or was not heard yet."""
        gaps = []
        inside = [s for s in self.spans if s.stop_seconds > start_seconds and s.start_seconds < stop_seconds]
        damaged = sum(span.damaged_seconds for span in inside)
        if damaged >= _TOLD_DAMAGE_SECONDS:
            gaps.append(f"{damaged:.1f} s of the sound are damaged or encrypted and could not be heard")
        if holes := self.unheard(start_seconds, stop_seconds):
            seconds = sum(stop - start for start, stop in holes)
            where = ", ".join(f"{start:.0f}-{stop:.0f} s" for start, stop in holes[:3])
            more = " and elsewhere" if len(holes) > 3 else ""
            gaps.append(f"{seconds:.0f} s of the sound were not heard yet: {where}{more}")
        return tuple(gaps)

    def _parts(self, start_seconds: float, stop_seconds: float) -> range:
        """Numbers of the parts that a window lies in; a part's last seconds may belong to the next one."""
        first = min(self._last, int(max(0.0, start_seconds) // PART_SECONDS))
        last = min(self._last, int(max(0.0, stop_seconds) // PART_SECONDS))
        return range(first, last + 1)

    def _hear(
        self,
        listen: Listen,
        numbers: Sequence[int],
        on_progress: Callable[[float, float], None] | None,
        is_whole: bool,
    ) -> None:
        sound = TrackReader(self._video, self._track)
        left = {number: span for number in numbers if (span := self._find_left(number)) is not None}
        blocks = sound.read_spans(list(left.values()))
        damaged = 0.0
        for done, ((number, (start, stop)), (begin, block)) in enumerate(zip(left.items(), blocks, strict=True)):
            if is_time_up():
                return
            first, last = self._choose_cuts(number, start, stop, begin, block)
            samples = block[max(0, round((first - begin) * SAMPLE_RATE)) : round((last - begin) * SAMPLE_RATE)]
            lines: list[SpeechLine] = []
            reached = last
            for line in listen(samples, max(first, begin)):
                lines.append(line)
                if is_time_up() and not is_whole:
                    reached = min(last, line.stop_seconds)
                    break
            # what is damaged is counted once, although the seconds around a cut are read for both parts
            self._add(HeardSpan(first, reached, tuple(lines), sound.damaged_seconds - damaged))
            damaged = sound.damaged_seconds
            if on_progress:
                on_progress((done + 1) * PART_SECONDS, len(left) * PART_SECONDS)

    def _find_left(self, number: int) -> tuple[float, float] | None:
        """Sound (start, stop) in seconds that is needed to hear what is left of a part; None if nothing is."""
        begin, end = number * PART_SECONDS, (number + 1) * PART_SECONDS
        start = begin - _CUT_SECONDS if number else _BEFORE_SECONDS
        for span in self.spans:
            if span.start_seconds <= max(start, begin):
                start = max(start, span.stop_seconds)
        stop = math.inf if number == self._last else end
        done = self._video.info.duration_seconds if number == self._last else end - _CUT_SECONDS
        return None if start >= done else (start, stop)

    def _choose_cuts(
        self, number: int, start: float, stop: float, begin: float, block: NDArray[np.float32]
    ) -> tuple[float, float]:
        """Start and end of a part in seconds: at what was heard before and after, else where it is quietest."""
        first, last = start, stop

        def quiet(from_seconds: float) -> float:
            at = max(0, round((from_seconds - begin) * SAMPLE_RATE))
            edge = block[at : at + round(_CUT_SECONDS * SAMPLE_RATE)]
            return begin + (at + find_quietest(edge)) / SAMPLE_RATE if len(edge) else from_seconds

        if number and start == number * PART_SECONDS - _CUT_SECONDS:
            first = quiet(start)
        if number < self._last:
            after = [s.start_seconds for s in self.spans if stop - _CUT_SECONDS <= s.start_seconds < stop]
            last = after[0] if after else quiet(stop - _CUT_SECONDS)
        else:
            last = max(self._video.info.duration_seconds, begin + len(block) / SAMPLE_RATE)
        return first, last

    def _add(self, span: HeardSpan) -> None:
        spans = {one.start_seconds: one for one in (*self._kept(), *self.spans, span)}
        self.spans = tuple(spans[start] for start in sorted(spans))
        keep(self._path, {"version": _VERSION, "spans": [asdict(one) for one in self.spans]})

    def _kept(self) -> tuple[HeardSpan, ...]:
        known = load_kept(self._path, _KEPT)
        return () if known is None else known["spans"]


_VERSION: Literal[4] = 4
"""Number of the file's format; what another version kept is heard again."""


class _StoredTranscript(TypedDict):
    """Spans of one sound track on disk."""

    version: Literal[4]
    spans: tuple[HeardSpan, ...]


_KEPT = TypeAdapter(_StoredTranscript)
