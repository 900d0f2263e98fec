"""Coverage of the video by a trajectory: which seconds were seen in frames, searched by picture, read or heard.

A frame is one instant. It is taken to stand for the time halfway to its neighbours where a call spreads its frames
evenly, but for no more than MOST_FRAME_SECONDS; every other frame (a search hit, a zoom) stands for half a second
either side, because nothing is known of the time between two search hits. Pure arithmetic over a trajectory.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

from agent.trajectory import Result, ToolCall, Trajectory, restrict_to_video
from tools.observation import Observation
from tools.observation_text import format_percent

SWEEPS = frozenset({"overview", "select_frames", "caption"})
"""Tools that spread their frames evenly over a window."""

COMPARING = frozenset({"search_frames", "list_shots", "find_changes", "detect"})
"""Tools that go through the pictures of a window themselves, without showing them all."""

READING = frozenset({"search_text", "read_text"})
"""Tools that read the screen text of a window."""
HEARING = frozenset({"read_speech", "search_speech", "list_sounds"})
"""Tools that listen to a window, or read its subtitles."""
_UNFINISHED = "search_frames"
"""The tool that searches as much of the index as there is, so that its gaps are of the coverage."""

LONE_FRAME_SECONDS = 1.0
"""Seconds that a frame outside a sweep stands for, half of them on either side."""

MOST_FRAME_SECONDS = 4.0
"""Seconds that a frame of a sweep stands for at most, in all. Picked by eye: about as long as a shot of an edited film
or one action lasts, so that further away the picture may well be another one, which nobody saw."""

CLOSE_SPACING_SECONDS = 2.0
"""Frames at most this far apart count as a close look; picked by eye: most gestures and captions last longer."""


@dataclass(frozen=True)
class CoveredSpan:
    """A half-open span seen in frames, with the finest spacing that any call had there."""

    start_seconds: float
    stop_seconds: float
    spacing_seconds: float


@dataclass(frozen=True)
class Span:
    """A half-open span of seconds."""

    start_seconds: float
    stop_seconds: float


_SpanT = TypeVar("_SpanT", CoveredSpan, Span)


@dataclass(frozen=True)
class Coverage:
    """The spans of a video that were seen and searched: within [start, duration), each kind disjoint and in order."""

    duration_seconds: float
    looked: tuple[CoveredSpan, ...]
    """Spans shown to the policy in frames."""
    indexed: tuple[Span, ...]
    """Spans searched by picture: in the index, for shots or for changes."""
    read: tuple[Span, ...]
    """Spans read for screen text."""
    heard: tuple[Span, ...]
    """Spans listened to, or whose subtitles were read."""
    frame_count: int
    """Number of distinct pictures shown."""
    unfinished: tuple[str, ...] = ()
    """Gaps of searches, since not all was indexed, read or heard yet, a sentence each."""
    start_seconds: float = 0.0
    """Second at which the video begins; `duration_seconds` is where it ends."""

    @property
    def whole(self) -> Span:
        """The span of the whole video."""
        return Span(self.start_seconds, self.duration_seconds)

    @property
    def length_seconds(self) -> float:
        """Seconds from the beginning to the end."""
        return self.duration_seconds - self.start_seconds

    @property
    def searched(self) -> tuple[Span, ...]:
        """Spans searched in whatever way, and not seen."""
        return _subtract(_merge((*self.indexed, *self.read, *self.heard)), self.looked)

    @property
    def looked_share(self) -> float:
        """Share of the duration that some frame stands for, 0..1."""
        return self._share(self.looked)

    @property
    def close_share(self) -> float:
        """Share of the duration seen with frames at most CLOSE_SPACING_SECONDS apart, 0..1."""
        return self._share(look for look in self.looked if look.spacing_seconds <= CLOSE_SPACING_SECONDS)

    @property
    def indexed_share(self) -> float:
        """Share of the duration that was searched by picture, 0..1."""
        return self._share(self.indexed)

    @property
    def read_share(self) -> float:
        """Share of the duration that was read for text, 0..1."""
        return self._share(self.read)

    @property
    def heard_share(self) -> float:
        """Share of the duration that was listened to, 0..1."""
        return self._share(self.heard)

    @property
    def unseen_share(self) -> float:
        """Share of the duration that nothing was asked of, 0..1."""
        return max(0.0, 1.0 - self.looked_share - self._share(self.searched))

    @property
    def sentence(self) -> str:
        """The coverage in a few plain sentences."""
        ways = [
            f"{done} {format_percent(share)}."
            for done, share in (
                ("Searched by picture:", self.indexed_share),
                ("Read for text:", self.read_share),
                ("Heard:", self.heard_share),
            )
            if share
        ]
        if not self.looked and not ways:
            return " ".join(("Nothing of the video was looked at or searched.", *self.unfinished))
        parts = ["No frame was looked at." if not self.looked else self._seen, *ways]
        if ways and self.unseen_share > 0.0005:
            parts.append(f"None of this: {format_percent(self.unseen_share)}.")
        return " ".join((*parts, *self.unfinished))

    def as_data(self) -> dict[str, Any]:
        """The coverage as plain data, for JSON."""
        shares = {
            "looked_share": self.looked_share,
            "close_share": self.close_share,
            "indexed_share": self.indexed_share,
            "read_share": self.read_share,
            "heard_share": self.heard_share,
        }
        searched = [asdict(span) for span in self.searched]
        return asdict(self) | {"searched": searched} | shares | {"sentence": self.sentence}

    @property
    def _seen(self) -> str:
        frames = f"{self.frame_count} {'frame' if self.frame_count == 1 else 'frames'}"
        stands = max(look.stop_seconds - look.start_seconds for look in self.looked) if self.frame_count == 1 else None
        each = f"{MOST_FRAME_SECONDS if stands is None else stands:.3g}"
        return (
            f"Seen: {format_percent(self.looked_share)} of {format_mmss(self.length_seconds)}, in {frames} "
            f"(each stands for at most {each} s)."
        )

    def _share(self, spans: Iterable[CoveredSpan | Span]) -> float:
        if self.length_seconds <= 0:
            return 0.0
        return min(1.0, sum(span.stop_seconds - span.start_seconds for span in spans) / self.length_seconds)


def compute_coverage(trajectory: Trajectory) -> Coverage:
    """The coverage of everything that the trajectory's calls brought; failed calls cover nothing.

    A language model is sent what earlier questions brought as well; other policies go by their own calls.

    Raises:
        ValueError: the question is about several videos, each of which has a coverage of its own.
    """
    if trajectory.other_facts:
        raise ValueError(
            f"need one video, got a question about {len(trajectory.content_hashes)}: each has its coverage"
        )
    trajectory = trajectory.as_one if trajectory.setup is not None else trajectory
    start, duration = trajectory.facts.start_seconds, trajectory.facts.duration_seconds
    has_words = trajectory.facts.has_speech_track or trajectory.facts.has_subtitles
    calls = {call.id: call for call in trajectory.calls}
    looks: list[CoveredSpan] = []
    indexed: list[Span] = []
    read: list[Span] = []
    heard: list[Span] = []
    unfinished: list[str] = []
    for result in trajectory.results:
        if result.observation.is_error or result.call_id not in calls:
            continue
        for call, brought in _unfold(calls[result.call_id], result):
            looks += _cut_off_before(start, compute_frame_spans(call, brought, duration))
            for part in brought.observation.searched:
                by_sense = {"pictures": indexed, "screen text": read, "speech": heard}
                by_sense.get(part.sense, []).extend(_cut_off_before(start, (Span(*span) for span in part.spans)))
            way = read if call.name in READING else heard if call.name in HEARING else indexed
            if has_words or way is not heard:
                way += _cut_off_before(start, compute_searched_spans(call, brought, duration))
            if call.name == _UNFINISHED or brought.observation.covered is not None:
                unfinished += brought.observation.gaps
    return Coverage(
        duration,
        _merge_finest(looks),
        _merge(indexed),
        _merge(read),
        _merge(heard),
        len(trajectory.frames_seen),
        tuple(dict.fromkeys(unfinished)),
        start,
    )


def _unfold(call: ToolCall, result: Result) -> Iterator[tuple[ToolCall, Result]]:
    """The call itself, or the calls that it made as a program, of whose frames only some were shown."""
    inner = result.observation.inner_calls
    if not inner:
        yield call, result
    shown = set(result.observation.frames)
    for made in inner:
        frames = tuple(frame for frame in made.frames if frame in shown)
        seen = Observation("", frames, covered=made.covered, gaps=made.gaps, searched=made.searched)
        yield ToolCall(call.id, made.name, made.arguments), Result(call.id, seen)


def _cut_off_before(start_seconds: float, spans: Iterable[_SpanT]) -> list[_SpanT]:
    """The spans without what lies before a second."""
    return [
        replace(span, start_seconds=max(start_seconds, span.start_seconds))
        for span in spans
        if span.stop_seconds > start_seconds
    ]


def compute_coverages(trajectory: Trajectory) -> dict[int | None, Coverage]:
    """The coverage of every video of the question by its number, of the only one by None."""
    return {video: compute_coverage(restrict_to_video(trajectory, video)) for video in trajectory.facts_by_number}


def compute_frame_spans(call: ToolCall, result: Result, duration_seconds: float) -> tuple[CoveredSpan, ...]:
    """One span for each frame of one call, in time order.

    Args:
        call: the call; tools of SWEEPS spread their frames evenly.
        result: result of the call.
        duration_seconds: where spans are cut.
    """
    times = sorted({frame.seconds for frame in result.observation.frames})
    if call.name in SWEEPS and len(times) > 1:
        return _spread_sweep(times, duration_seconds)
    half = LONE_FRAME_SECONDS / 2
    return tuple(
        CoveredSpan(max(0.0, t - half), min(duration_seconds, t + half), LONE_FRAME_SECONDS)
        for t in times
        if t - half < duration_seconds
    )


def merge_to_window(looks: Sequence[CoveredSpan]) -> tuple[Span, ...]:
    """The span from the first frame of a call to its last; empty for a call without frames."""
    return (Span(looks[0].start_seconds, looks[-1].stop_seconds),) if looks else ()


def compute_searched_spans(call: ToolCall, result: Result, duration_seconds: float) -> tuple[Span, ...]:
    """The spans that one call searched: of the window that was asked for, as much as it says that it covered.

    Empty for tools that only show frames, and for unknown ones.

    Args:
        call: the call, whose arguments name the window.
        result: result of the call, whose observation may say what was covered.
        duration_seconds: where spans are cut.
    """
    window = read_asked_window(call, duration_seconds)
    covered = result.observation.covered
    if window is None or (covered is None and call.name not in COMPARING | READING | HEARING):
        return ()
    if covered is None:
        return (window,)
    parts = (Span(max(start, window.start_seconds), min(stop, window.stop_seconds)) for start, stop in covered)
    return tuple(part for part in parts if part.start_seconds < part.stop_seconds)


def read_asked_window(call: ToolCall, duration_seconds: float) -> Span | None:
    """The window that a call asks about: `start`..`stop`, around `seconds`, or the whole video; None beyond its end."""
    at = _read_number(call, "seconds")
    if at is not None:
        start, stop = at - LONE_FRAME_SECONDS / 2, at + LONE_FRAME_SECONDS / 2
    else:
        start = _read_number(call, "start") or 0.0
        asked_stop = _read_number(call, "stop")
        stop = duration_seconds if asked_stop is None else asked_stop
    start, stop = max(0.0, start), min(duration_seconds, stop)
    return Span(start, stop) if start < stop else None


def _read_number(call: ToolCall, name: str) -> float | None:
    """A time among a call's arguments, as `start` or `start_seconds`; None unless it is a finite number."""
    for key in (name, f"{name}_seconds"):
        value = call.arguments.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def _spread_sweep(times: Sequence[float], duration_seconds: float) -> tuple[CoveredSpan, ...]:
    gaps = [b - a for a, b in pairwise(times)]
    looks = []
    for t, before, after in zip(times, (gaps[0], *gaps), (*gaps, gaps[-1]), strict=True):
        start = max(0.0, t - min(before, MOST_FRAME_SECONDS) / 2)
        stop = min(duration_seconds, t + min(after, MOST_FRAME_SECONDS) / 2)
        # a frame is as sparse as the wider of its two gaps
        looks += [CoveredSpan(start, stop, max(before, after))] if start < stop else []
    return tuple(looks)


def _merge_finest(looks: Sequence[CoveredSpan]) -> tuple[CoveredSpan, ...]:
    """The union of spans, each piece with the finest spacing of those over it; equal neighbours joined."""
    edges = sorted({edge for look in looks for edge in (look.start_seconds, look.stop_seconds)})
    waiting = sorted(looks, key=lambda look: look.start_seconds, reverse=True)
    going: list[tuple[float, float]] = []  # (spacing, stop) of spans over this piece, the finest first
    pieces: list[CoveredSpan] = []
    for start, stop in pairwise(edges):
        while waiting and waiting[-1].start_seconds <= start:
            begun = waiting.pop()
            heapq.heappush(going, (begun.spacing_seconds, begun.stop_seconds))
        while going and going[0][1] <= start:
            heapq.heappop(going)
        if not going:
            continue
        piece = CoveredSpan(start, stop, going[0][0])
        if pieces and pieces[-1].stop_seconds == start and _is_same_spacing(pieces[-1], piece):
            piece = CoveredSpan(pieces.pop().start_seconds, stop, piece.spacing_seconds)
        pieces.append(piece)
    return tuple(pieces)


def _is_same_spacing(a: CoveredSpan, b: CoveredSpan) -> bool:
    # frames fall on the video's own clock, so the gaps of one sweep differ by up to a frame or two
    return math.isclose(a.spacing_seconds, b.spacing_seconds, rel_tol=0.1)


def _merge(spans: Sequence[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start_seconds):
        if merged and span.start_seconds <= merged[-1].stop_seconds:
            last = merged.pop()
            span = Span(last.start_seconds, max(last.stop_seconds, span.stop_seconds))
        merged.append(span)
    return tuple(merged)


def _subtract(spans: Sequence[Span], looked: Sequence[CoveredSpan]) -> tuple[Span, ...]:
    """The spans minus everything looked at."""
    rest: list[Span] = []
    for span in spans:
        at = span.start_seconds
        for look in looked:
            if look.stop_seconds <= at or span.stop_seconds <= look.start_seconds:
                continue
            if at < look.start_seconds:
                rest.append(Span(at, look.start_seconds))
            at = look.stop_seconds
        if at < span.stop_seconds:
            rest.append(Span(at, span.stop_seconds))
    return tuple(rest)


def format_mmss(seconds: float) -> str:
    """`mm:ss.s`, or `h:mm:ss` from an hour on: 75.25 is `01:15.2`, 3661 is `1:01:01`."""
    tenths = round(abs(seconds) * 10)
    sign = "-" if seconds < 0 and tenths else ""
    if tenths < 36_000:
        return f"{sign}{tenths // 600:02d}:{tenths % 600 // 10:02d}.{tenths % 10}"
    whole = round(abs(seconds))
    return f"{sign}{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
