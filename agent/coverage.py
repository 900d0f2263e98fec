"""Which seconds of the video an answer can know of: looked at in frames, only searched, or neither.

A frame of an even sweep stands for the time halfway to its neighbours in the same call; every other frame (a search
hit, a zoom) stands for half a second either side, because nothing is known of the time between two search hits.
Pure arithmetic over a trajectory.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.trajectory import Result, ToolCall, Trajectory

SWEEPS = frozenset({"overview", "select_frames", "caption"})
"""Tools that spread their frames evenly over a window."""

LONE_FRAME_SECONDS = 1.0
"""What a frame outside a sweep stands for, in all."""

CLOSE_SPACING_SECONDS = 2.0
"""Frames at most this far apart count as a close look; picked by eye: most gestures and captions last longer."""


@dataclass(frozen=True)
class Look:
    """A span seen in frames, with the finest spacing that any call had there."""

    start_seconds: float
    stop_seconds: float
    spacing_seconds: float


@dataclass(frozen=True)
class Span:
    """Seconds, half-open."""

    start_seconds: float
    stop_seconds: float


@dataclass(frozen=True)
class Coverage:
    """What was looked at, what was only searched, and what neither: all within [0, duration)."""

    duration_seconds: float
    looked: tuple[Look, ...]
    """Disjoint, in order."""
    searched: tuple[Span, ...]
    """Searched by index, speech, text or shots, and not in `looked`. Disjoint, in order."""
    frame_count: int
    """Distinct pictures shown."""
    unindexed: tuple[str, ...] = ()
    """What a search of the unfinished index left out, a sentence each."""

    @property
    def looked_share(self) -> float:
        """Share of the duration that some frame stands for, however sparse, 0..1."""
        return self._share(look.stop_seconds - look.start_seconds for look in self.looked)

    @property
    def close_share(self) -> float:
        """Share of the duration seen with frames at most CLOSE_SPACING_SECONDS apart, 0..1."""
        return self._share(
            look.stop_seconds - look.start_seconds
            for look in self.looked
            if look.spacing_seconds <= CLOSE_SPACING_SECONDS
        )

    @property
    def searched_share(self) -> float:
        """Share of the duration that was searched and not looked at, 0..1."""
        return self._share(span.stop_seconds - span.start_seconds for span in self.searched)

    @property
    def unseen_share(self) -> float:
        """Share of the duration that nothing was asked of, 0..1."""
        return max(0.0, 1.0 - self.looked_share - self.searched_share)

    @property
    def widest_spacing_seconds(self) -> float | None:
        """The sparsest spacing within what was looked at; None if nothing was."""
        return max((look.spacing_seconds for look in self.looked), default=None)

    @property
    def sentence(self) -> str:
        """The coverage in one or two plain sentences."""
        if not self.looked and not self.searched:
            return " ".join(("Nothing of the video was looked at or searched.", *self.unindexed))
        parts = []
        if self.looked:
            parts.append(
                f"{_percent(self.looked_share)} of {mmss(self.duration_seconds)} seen in {self.frame_count} "
                f"{'frame' if self.frame_count == 1 else 'frames'} (each stands for at most "
                f"{self.widest_spacing_seconds:.3g} s), {_percent(self.close_share)} closely "
                f"(a frame every {CLOSE_SPACING_SECONDS:g} s or denser)"
            )
        else:
            parts.append("No frame was looked at")
        if self.searched:
            parts.append(f"{_percent(self.searched_share)} only searched, not looked at")
        if self.unseen_share > 0.0005:
            parts.append(f"{_percent(self.unseen_share)} neither")
        sentence = "; ".join(parts) + "."
        return " ".join((sentence[0].upper() + sentence[1:], *self.unindexed))

    def _share(self, lengths: Iterable[float]) -> float:
        return min(1.0, sum(lengths) / self.duration_seconds) if self.duration_seconds > 0 else 0.0


def coverage_of(trajectory: Trajectory) -> Coverage:
    """The coverage of everything that the trajectory's calls brought; failed calls cover nothing."""
    duration = trajectory.facts.duration_seconds
    calls = {call.id: call for call in trajectory.calls}
    looks: list[Look] = []
    spans: list[Span] = []
    for result in trajectory.results:
        if result.observation.is_error or result.call_id not in calls:
            continue
        looks += looks_of(calls[result.call_id], result, duration)
        span = searched_of(calls[result.call_id], result, duration)
        spans += [span] if span else []
    looked = _finest(looks)
    searched = _without(_merged(spans), looked)
    return Coverage(duration, looked, searched, len(trajectory.frames_seen), _unindexed(trajectory, calls))


def _unindexed(trajectory: Trajectory, calls: Mapping[str, ToolCall]) -> tuple[str, ...]:
    """What searches by picture say that they left out: they search as much of the index as there is."""
    searches = [r for r in trajectory.results if r.call_id in calls and calls[r.call_id].name == "search_frames"]
    return tuple(dict.fromkeys(gap for result in searches for gap in result.observation.gaps))


def looks_of(call: ToolCall, result: Result, duration_seconds: float) -> tuple[Look, ...]:
    """One span for each frame of one call."""
    times = sorted({frame.seconds for frame in result.observation.frames})
    if call.name in SWEEPS and len(times) > 1:
        return _sweep(times, duration_seconds)
    half = LONE_FRAME_SECONDS / 2
    return tuple(
        Look(max(0.0, t - half), min(duration_seconds, t + half), LONE_FRAME_SECONDS)
        for t in times
        if t - half < duration_seconds
    )


def searched_of(call: ToolCall, result: Result, duration_seconds: float) -> Span | None:
    """The window that one call searched without showing it: `start`..`stop`, around `seconds`, or the whole video.

    None for sweeps, whose frames say all, and for a window that lies outside the video.
    """
    if call.name in SWEEPS and result.observation.frames:
        return None
    at = _number(call, "seconds")
    if at is not None:
        start, stop = at - LONE_FRAME_SECONDS / 2, at + LONE_FRAME_SECONDS / 2
    else:
        start = _number(call, "start") or 0.0
        asked_stop = _number(call, "stop")
        stop = duration_seconds if asked_stop is None else asked_stop
    start, stop = max(0.0, start), min(duration_seconds, stop)
    return Span(start, stop) if start < stop else None


def _number(call: ToolCall, name: str) -> float | None:
    """A time among the arguments, as `start` or `start_seconds`; a policy may send anything, so only finite numbers."""
    for key in (name, f"{name}_seconds"):
        value = call.arguments.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    return None


def _sweep(times: Sequence[float], duration_seconds: float) -> tuple[Look, ...]:
    edges = [(a + b) / 2 for a, b in pairwise(times)]
    first = max(0.0, times[0] - (times[1] - times[0]) / 2)
    last = min(duration_seconds, times[-1] + (times[-1] - times[-2]) / 2)
    bounds = [first, *edges, last]
    spacings = [b - a for a, b in pairwise(times)]
    return tuple(
        # a frame is as sparse as the wider of its two gaps
        Look(start, stop, max(spacings[max(0, i - 1) : i + 1]))
        for i, (start, stop) in enumerate(pairwise(bounds))
        if start < stop
    )


def _finest(looks: Sequence[Look]) -> tuple[Look, ...]:
    """The union, each piece with the finest spacing of the looks over it; equal neighbours joined."""
    edges = sorted({edge for look in looks for edge in (look.start_seconds, look.stop_seconds)})
    pieces: list[Look] = []
    for start, stop in pairwise(edges):
        spacings = [k.spacing_seconds for k in looks if k.start_seconds <= start and stop <= k.stop_seconds]
        if not spacings:
            continue
        piece = Look(start, stop, min(spacings))
        if pieces and pieces[-1].stop_seconds == start and _same_spacing(pieces[-1], piece):
            piece = Look(pieces.pop().start_seconds, stop, piece.spacing_seconds)
        pieces.append(piece)
    return tuple(pieces)


def _same_spacing(a: Look, b: Look) -> bool:
    # frames fall on the video's own clock, so the gaps of one sweep differ by up to a frame or two
    return math.isclose(a.spacing_seconds, b.spacing_seconds, rel_tol=0.1)


def _merged(spans: Sequence[Span]) -> tuple[Span, ...]:
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: s.start_seconds):
        if merged and span.start_seconds <= merged[-1].stop_seconds:
            last = merged.pop()
            span = Span(last.start_seconds, max(last.stop_seconds, span.stop_seconds))
        merged.append(span)
    return tuple(merged)


def _without(spans: Sequence[Span], looked: Sequence[Look]) -> tuple[Span, ...]:
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


def _percent(share: float) -> str:
    """Whole percents, and never 0 % or 100 % of what is a little more or less."""
    if 0.0 < share < 0.005:
        return "under 1 %"
    if 0.995 <= share < 0.9995:
        return "over 99 %"
    return f"{share:.0%}".replace("%", " %")


def mmss(seconds: float) -> str:
    """`mm:ss.s`, or `h:mm:ss` from an hour on: 75.25 is `01:15.2`, 3661 is `1:01:01`."""
    tenths = round(abs(seconds) * 10)
    sign = "-" if seconds < 0 and tenths else ""
    if tenths < 36_000:
        return f"{sign}{tenths // 600:02d}:{tenths % 600 // 10:02d}.{tenths % 10}"
    whole = round(abs(seconds))
    return f"{sign}{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
