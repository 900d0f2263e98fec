"""Cuts a stream's packets into pieces where its clock breaks, and lays the pieces one behind the other.

Times are believed as far as they are possible. In a stream that is whole a packet comes after at most a few that are
shown later, a keyframe after none; so a time that goes back further is a clock that began again, and what follows is
another piece. A gap that is too long for a frame begins a piece as well. A single packet that fits neither what is
before nor what is after it is damaged, and gets a time where one is missing.
"""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

JUMP_SECONDS = 10.0
"""A gap up to this is never taken for a jump, as in FFmpeg's tools (dts_delta_threshold)."""
_JUMP_STEPS = 10
"""Frames that a gap may take in a slow time-lapse without being taken for a jump."""
_REACH = 4
"""Usual steps that a picture may take in a stream of variable rate."""
SHORT_PACKETS = 8
"""Number of packets looked at to tell one damaged time from a clock that began again."""


@dataclass(frozen=True)
class ClockPiece:
    """Consecutive packets of one stream whose times are on one clock."""

    first: int
    """Place of the first packet in the stream."""
    start: int
    """Earliest time of a packet, in ticks."""
    stop: int
    """End of the last packet, in ticks."""

    def __post_init__(self) -> None:
        assert self.start <= self.stop, f"a piece from {self.start} to {self.stop}"


@dataclass(frozen=True, eq=False)
class ClockBreak:
    """A stream cut where its clock breaks."""

    pieces: tuple[ClockPiece, ...]
    times: NDArray[np.int64]
    """(P,) int64 times of the packets in ticks, damaged ones replaced; in each piece on its own clock."""
    damaged: tuple[int, ...]
    """Places of the packets whose times were replaced."""


def cut_at_breaks(
    times: Sequence[int | None],
    durations: Sequence[int],
    is_key: Sequence[bool],
    depth: int,
    ticks_per_second: float,
) -> ClockBreak:
    """Cuts a stream's packets, in their order, into pieces whose times are possible.

    Args:
        times: presentation times in ticks; None where a packet has none.
        durations: duration of each packet in ticks, 0 where unknown.
        is_key: True for packets that nothing shown later comes before.
        depth: reorder depth, the number of packets shown later that may come before a packet.
        ticks_per_second: unit of the times.
    """
    step = estimate_step(times, durations, ticks_per_second)
    limit = max(round(JUMP_SECONDS * ticks_per_second), _JUMP_STEPS * step)
    cutter = _Cutter(times, durations, is_key, depth, step, limit)
    cutter.run()
    return cutter.pieces()


def estimate_step(times: Sequence[int | None], durations: Sequence[int], ticks_per_second: float) -> int:
    """Ticks from one frame to the next, at least 1: the median step of the sorted times.

    Args:
        times: presentation times in ticks; None where a packet has none.
        durations: duration of each packet in ticks, 0 where unknown; taken where all times are one.
        ticks_per_second: unit of the times; a 25th of a second is taken where nothing else is known.
    """
    known = np.sort(np.array([t for t in times if t is not None], dtype=np.float64))
    steps = np.diff(known)
    steps = steps[steps > 0]
    if not len(steps):
        stored = [d for d in durations if d > 0]
        return int(np.median(stored)) if stored else max(1, round(ticks_per_second / 25))
    return max(1, int(np.median(steps)))


class _Cutter:
    """One pass over a stream's times, which finds the pieces and the damaged times."""

    def __init__(
        self,
        times: Sequence[int | None],
        durations: Sequence[int],
        is_key: Sequence[bool],
        depth: int,
        step: int,
        limit: int,
    ) -> None:
        self._times, self._durations, self._is_key = times, durations, is_key
        self._depth, self._step, self._limit = depth, step, limit
        self._firsts: list[int] = []
        self._lost: list[int] = []
        self._latest: list[int] = []
        """The latest times of the piece, ascending, one more than the reorder depth."""
        self._last_duration = 0
        self._before: int | None = None
        """Latest time before the gap that the piece began with."""

    def run(self) -> None:
        for place, time in enumerate(self._times):
            if time is None:
                self._lost.append(place)
                continue
            if self._latest and self._breaks(place, time):
                if self._is_alone(place, time):
                    self._lost.append(place)
                    continue
                self._before = self._latest[-1] if time > self._latest[-1] else None
                self._latest = []
            if not self._latest:
                self._firsts.append(place)
            if not self._latest or time >= self._latest[-1]:
                self._last_duration = self._durations[place]
            insort(self._latest, time)
            del self._latest[: -self._depth - 1]

    def _breaks(self, place: int, time: int) -> bool:
        latest = self._latest[-1]
        if time > latest:
            gap = time - latest
            return gap > self._limit and self._last_duration < gap // 2
        if self._depth == 0 or self._is_key[place]:
            return time < latest
        # Behind all that are known: too many come before it, or it is further back than so many pictures can reach.
        behind = self._latest[0] - time
        is_far = behind > _REACH * (self._depth + 1) * self._step and not self._is_before_gap(time)
        return behind > 0 and (len(self._latest) > self._depth or is_far)

    def _is_before_gap(self, time: int) -> bool:
        """Whether a picture shown before the gap that this piece began with was put in after one shown after it."""
        return self._before is not None and abs(time - self._before) <= self._limit

    def _is_alone(self, place: int, time: int) -> bool:
        """Whether the packets after a break go on with the piece before it: then a single time is wrong."""
        latest, earliest = self._latest[-1], self._latest[0]
        if earliest <= time <= latest and self._depth:
            return False  # a small step back at a keyframe
        ahead = [t for t in self._times[place + 1 : place + 1 + SHORT_PACKETS] if t is not None]
        return 2 * sum(abs(t - latest) < abs(t - time) for t in ahead) > len(ahead)

    def pieces(self) -> ClockBreak:
        """The pieces that the pass has found, with a time for each damaged packet."""
        if not self._firsts:
            return ClockBreak((), np.zeros(len(self._times), np.int64), tuple(self._lost))
        firsts = [0, *self._firsts[1:]]
        lost = set(self._lost)
        times = [0 if t is None else t for t in self._times]
        for place in self._lost:
            times[place] = self._fill_time(place, firsts, lost, times)
            lost.discard(place)
        pieces = []
        for first, after in zip(firsts, [*firsts[1:], len(times)], strict=True):
            inside = times[first:after]
            stop = max(range(first, after), key=lambda place: times[place])
            stored = self._durations[stop]
            length = stored if 0 < stored <= self._limit or (stored > 0 and after == len(times)) else self._step
            pieces.append(ClockPiece(first, min(inside), times[stop] + length))
        return ClockBreak(tuple(pieces), np.array(times, np.int64), tuple(self._lost))

    def _fill_time(self, place: int, firsts: Sequence[int], lost: set[int], times: Sequence[int]) -> int:
        """A time for a packet without one: the middle of the widest gap among those around it, else after the last."""
        number = bisect_left(firsts, place + 1) - 1
        begin, end = firsts[number], firsts[number + 1] if number + 1 < len(firsts) else len(times)
        reach = self._depth + 1
        before = [times[p] for p in range(max(begin, place - 2 * reach), place) if p not in lost]
        after = [times[p] for p in range(place + 1, min(end, place + 1 + 2 * reach)) if p not in lost]
        # What is shown before the packets ahead of it were put in is past; its own time is not earlier than they.
        known = sorted({*before[-reach:], *after[:reach]})
        if not known:
            return max((times[p] for p in range(begin, end) if p not in lost), default=0) + self._step
        gaps = [(b - a, a) for a, b in pairwise(known)]
        wide, at = max(gaps, default=(0, 0))
        if not after or wide < 2:
            return known[-1] + self._step
        if not before:
            return known[0] - self._step
        return at + wide // 2


def lay_in_sequence(
    pieces: Sequence[ClockPiece], are_gaps: Sequence[bool], extra: Sequence[int], step: int
) -> list[int]:
    """Offset of each piece in ticks, so that it begins where the one before it ends.

    Args:
        pieces: pieces of one stream, in its order.
        are_gaps: for each piece, True where the time before it is a picture that stays.
        extra: for each piece, ticks by which the piece before it goes on in other streams.
        step: ticks from one frame to the next.
    """
    # Moved only where the sums might not fit into 64 bits.
    offsets = [0 if abs(pieces[0].start) < 2**61 else -pieces[0].start]
    for number in range(1, len(pieces)):
        end = pieces[number - 1].stop + offsets[-1] + extra[number]
        # A clock that comes back after a damaged stretch is the one from before, and fits to the tick.
        back = [o for o in offsets[-4:] if abs(pieces[number].start + o - end) <= 2 * step]
        if are_gaps[number]:
            offsets.append(offsets[-1])
        else:
            offsets.append(back[-1] if back else end - pieces[number].start)
    return offsets
