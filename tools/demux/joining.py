"""Puts all streams of a file on one clock, that of its video stream, also where it was glued together from several.

A clock that jumps ahead looks like a picture that stays. It is taken for a jump only where something speaks against
the picture: later times fall back into the gap, the sound jumps as well, the file promises a shorter length; or where
nothing speaks for it in a format whose clocks are known to jump, where FFmpeg's tools take it for one too. For the
picture speak the packet that says itself how long it stays, and sound that goes on under it.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.demux.clock import Pieces
from tools.demux.pieces import (
    JUMP_SECONDS,
    SHORT_PACKETS,
    ClockBreak,
    ClockPiece,
    cut_at_breaks,
    estimate_step,
    lay_in_sequence,
)

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

UNKNOWN = -(2**63)
"""Stands for no time in columns of integers."""

_MOST_SECONDS = 30 * 3600.0
"""A gap longer than this is a jump whatever speaks for it, as in FFmpeg's tools (dts_error_threshold)."""
_OVERHANG_SECONDS = 0.25
"""Time by which sound may go on past the last picture of a piece without the next piece having to wait."""
_SLACK_SECONDS = 1.0
"""Overlap allowed between a piece of sound and the one before it: sound is cut in larger parts than pictures."""
_LEAST_SOUND_BYTES = 50.0
"""Least bytes of sound a second that are believed: silence takes more in any codec."""
_MOST_PIECES = 1000
"""Pieces beyond which the times are taken for noise: all pieces are then laid behind each other."""
_SCALE = 1000
"""Number of parts that a tick is cut into where packets of one time are shown one after the other."""


class Column:
    """The packets of one stream in columns of machine integers, because long files have many."""

    def __init__(self, index: int, kind: str, time_base: Fraction) -> None:
        self.index, self.kind, self.time_base = index, kind, time_base
        self.pts, self.dts, self.durations = array("q"), array("q"), array("q")
        self.sizes, self.places, self.orders = array("q"), array("q"), array("q")
        self.is_key, self.is_discard, self.is_torn = bytearray(), bytearray(), bytearray()
        self._latest_dts = UNKNOWN

    @classmethod
    def of(cls, stream: "Stream") -> "Column":
        """An empty column for a stream."""
        return cls(stream.index, stream.type, stream.time_base or Fraction(1, 1000))

    def add(self, packet: "Packet[Any]", order: int) -> None:
        """Appends a packet; `order` is its number among the packets of all streams."""
        self.pts.append(UNKNOWN if packet.pts is None else packet.pts)
        self.dts.append(UNKNOWN if packet.dts is None else packet.dts)
        self.durations.append(packet.duration or 0)
        self.sizes.append(packet.size)
        self.places.append(-1 if packet.pos is None else packet.pos)
        self.orders.append(order)
        self.is_key.append(packet.is_keyframe)
        # What an edit list hides goes on in decoding time. FFmpeg also marks fragments whose clock begins again.
        self._latest_dts = max(self._latest_dts, UNKNOWN if packet.dts is None else packet.dts)
        is_hidden = packet.is_discard and packet.dts is not None and packet.dts >= self._latest_dts
        self.is_discard.append(is_hidden)
        self.is_torn.append(packet.is_corrupt)

    def times(self) -> list[int | None]:
        """Presentation time of each packet in ticks, else its decoding time; None where it has neither."""
        return [p if p != UNKNOWN else d if d != UNKNOWN else None for p, d in zip(self.pts, self.dts, strict=True)]


@dataclass(frozen=True)
class Promise:
    """Properties of a file's clock that its format and header promise."""

    stop_seconds: float | None
    """Container seconds at which the file ends as its header says; None where it says nothing."""
    clock_may_jump: bool
    """True for formats made of broadcasts, where FFmpeg's tools take a jump for a discontinuity."""
    numbers_packets: bool
    """True where a packet that does not follow the one before it is marked."""
    has_fields: bool
    """True where a picture may come in two packets, one for each field (interlaced video)."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Packet times of the video stream on one clock, and the offsets that put the other streams on it."""

    pts: NDArray[np.int64]
    """(P,) int64 times of the packets, in `scale`-ths of the stream's ticks."""
    scale: int
    """Parts of a tick: 1, or more where packets of one time had to be shown one after the other."""
    join_seconds: tuple[float, ...]
    """Times at which the clock broke, in seconds of the joined clock."""
    seams: frozenset[int]
    """Places of packets that do not go on with what is before them: pictures may not refer across."""
    damaged_count: int
    """Number of packets with impossible times."""
    pieces: Mapping[int, Pieces]
    """Offsets onto the container's time of the first piece, by stream index, for the streams that need any."""
    sound: tuple[float, float] | None
    """Start and end of the sound, in seconds of the joined clock; None without any."""
    has_absurd_sound: bool
    """True where sound claims a length that its bytes cannot fill; that length is left out of `sound`."""


def join(own: Column, times: Sequence[int | None], depth: int, others: Sequence[Column], promise: Promise) -> Joined:
    """Puts all streams of a file on the clock of its video stream.

    Args:
        own: the video stream.
        times: (P,) presentation times of its packets in ticks, None where a packet has none.
        depth: reorder depth, the number of packets shown later that may come before a packet.
        others: streams of sound and subtitles.
        promise: what the header and the format say. In a format with fields, two packets of one time are one picture.
    """
    # What an edit list hides has times among those of what is shown.
    kept = [place for place in range(len(times)) if not own.is_discard[place]] or list(range(len(times)))
    rate = float(1 / own.time_base)
    own_times, own_durations = [times[p] for p in kept], [own.durations[p] for p in kept]
    whole = cut_at_breaks(own_times, own_durations, [bool(own.is_key[p]) for p in kept], depth, rate)
    sounds = [_SoundStream.of(column) for column in others if column.kind == "audio"]
    orders = np.array(own.orders, np.int64)[kept]
    line = _VideoClock(whole, orders, own.time_base)
    is_ruin = len(whole.pieces) > _MOST_PIECES
    are_gaps = [not is_ruin and _picture_stays(line, number, sounds, promise) for number in range(len(whole.pieces))]
    extra = [0 if gap or is_ruin else line.ticks(_measure_overhang(line, n, sounds)) for n, gap in enumerate(are_gaps)]
    offsets = lay_in_sequence(whole.pieces, are_gaps, extra, estimate_step(own_times, own_durations, rate))
    line.offsets = offsets
    pieces = {sound.column.index: moved for sound in sounds if (moved := sound.place(line)) is not None}
    for column in others:
        if column.kind == "subtitle" and len(set(offsets)) > 1:
            pieces[column.index] = _place_lines(column, line)
    pts, scale = _apply_offsets(times, kept, whole, offsets), 1
    if not promise.has_fields:
        pts, scale = _spread_equal_times(pts, np.frombuffer(own.is_discard, bool))
    starts = [
        float((p.start + o) * own.time_base)
        for p, o, gap in zip(whole.pieces, offsets, are_gaps, strict=True)
        if not gap
    ]
    spans = [span for sound in sounds if (span := sound.span(line.stop_seconds)) is not None]
    return Joined(
        pts=pts,
        scale=scale,
        join_seconds=tuple(starts[1:]),
        seams=frozenset(kept[p] for p in _find_seams(whole, offsets, are_gaps, own, kept, promise)),
        damaged_count=len(whole.damaged),
        pieces=pieces,
        sound=(min(s for s, _ in spans), max(s for _, s in spans)) if spans else None,
        has_absurd_sound=any(sound.is_absurd for sound in sounds),
    )


class _VideoClock:
    """The video stream's pieces, and where they lie on the joined clock once that is known."""

    def __init__(self, whole: ClockBreak, orders: NDArray[np.int64], time_base: Fraction) -> None:
        self.pieces, self._times, self.orders, self.time_base = whole.pieces, whole.times, orders, time_base
        self._firsts = [piece.first for piece in self.pieces]
        self.offsets: list[int] = [0] * len(self.pieces)

    def seconds(self, ticks: int) -> float:
        return float(ticks * self.time_base)

    def ticks(self, seconds: float) -> int:
        return round(seconds / self.time_base)

    def find_orders_around(self, number: int) -> tuple[int, int]:
        """Range of packet orders [first, stop) of piece `number` and the piece before it."""
        last = self.pieces[number + 1].first if number + 1 < len(self.pieces) else len(self.orders)
        return int(self.orders[self.pieces[number - 1].first]), int(self.orders[last - 1]) + 1

    def get_first_order(self, number: int) -> int:
        return int(self.orders[self.pieces[number].first])

    @cached_property
    def stop_seconds(self) -> float:
        """End of the video, in seconds of the joined clock."""
        return max((self.seconds(p.stop + o) for p, o in zip(self.pieces, self.offsets, strict=True)), default=0.0)

    def at(self, order: int) -> tuple[int, float]:
        """Piece of the video and second on the joined clock at which the packet of an order is read."""
        if not self.pieces:
            return 0, 0.0
        place = min(int(np.searchsorted(self.orders, order)), len(self.orders) - 1)
        number = max(0, bisect_right(self._firsts, place) - 1)
        return number, self.seconds(int(self._times[place]) + self.offsets[number])

    def list_offsets_near(self, number: int) -> list[Fraction]:
        """Offsets in seconds of piece `number`, then of the pieces around it."""
        near = [n for n in (number, number + 1, number - 1, number + 2) if 0 <= n < len(self.offsets)]
        return [self.offsets[n] * self.time_base for n in near]


class _SoundStream:
    """A stream of sound in pieces, and where they lie on the video's clock."""

    def __init__(self, column: Column, whole: ClockBreak) -> None:
        self.column, self._whole = column, whole
        self._tick = float(column.time_base)
        self._starts = whole.times * self._tick
        self._orders = np.array(column.orders, np.int64)
        self._seconds = np.clip(np.array(column.durations, np.float64) * self._tick, 0, JUMP_SECONDS)
        self._offsets: list[Fraction] = []
        self.is_absurd = False

    @classmethod
    def of(cls, column: Column) -> "_SoundStream":
        """The stream cut where its clock breaks."""
        most = round(JUMP_SECONDS / column.time_base)
        durations = [min(duration, most) for duration in column.durations]
        times = column.times()
        return cls(column, cut_at_breaks(times, durations, [True] * len(times), 0, float(1 / column.time_base)))

    def covers(self, start: float, stop: float, orders: tuple[int, int]) -> bool:
        """Whether its packets, of those read between `orders`, fill at least half of [start, stop)."""
        inside = (self._starts >= start) & (self._starts < stop) & self._read(orders)
        return float(self._seconds[inside].sum()) >= 0.5 * (stop - start)

    def skips(self, start: float, stop: float, orders: tuple[int, int]) -> bool:
        """Whether, of those read between `orders`, it has packets on both sides of the gap and none inside."""
        before, after, read = self._starts < start + 1, self._starts > stop - 1, self._read(orders)
        return bool((read & before).any() and (read & after).any() and not (read & ~before & ~after).any())

    def _read(self, orders: tuple[int, int]) -> NDArray[np.bool_]:
        read: NDArray[np.bool_] = (self._orders >= orders[0]) & (self._orders < orders[1])
        return read

    def find_break_near(self, after: int, near: int, before: int) -> tuple[ClockPiece, ClockPiece] | None:
        """The two pieces between which its clock breaks nearest to an order, of those between two others."""
        pairs = zip(self._whole.pieces, self._whole.pieces[1:], strict=False)
        known = [(int(self._orders[b.first]), a, b) for a, b in pairs]
        known = [k for k in known if after < k[0] < before]
        return min(known, key=lambda k: abs(k[0] - near))[1:] if known else None

    def place(self, line: _VideoClock) -> Pieces | None:
        """Offsets that put the stream on the joined clock; None where nothing has to be moved."""
        end = None
        for piece in self._whole.pieces:
            start, stop = piece.start * self.column.time_base, piece.stop * self.column.time_base
            offset = self._choose_offset(piece, start, end, line)
            self._offsets.append(offset)
            end = max(float(stop + offset), end) if end is not None else float(stop + offset)
        moves = {p.first: offset for p, offset in zip(self._whole.pieces, self._offsets, strict=True)}
        raw = self.column.times()
        firsts = [piece.first for piece in self._whole.pieces]
        for place in self._whole.damaged:
            offset = self._offsets[max(0, bisect_right(firsts, place) - 1)] if firsts else Fraction(0)
            moves.setdefault(place + 1, offset)
            stored = raw[place]
            if stored is not None:
                moves[place] = offset + (int(self._whole.times[place]) - stored) * self.column.time_base
        if set(moves.values()) <= {Fraction(0)}:
            return None
        places = sorted(moves)
        return Pieces(tuple(places), tuple(moves[place] for place in places))

    def _choose_offset(self, piece: ClockPiece, start: Fraction, end: float | None, line: _VideoClock) -> Fraction:
        """Offset of a piece in seconds: that of a piece of the video if the sound then goes on next to `end`."""
        number, beside = line.at(int(self._orders[piece.first]))
        offers = line.list_offsets_near(number)
        if not offers:
            return Fraction(0)
        if end is None:
            best = min(offers, key=lambda offset: abs(float(start + offset) - beside))
            is_near = abs(float(start + best) - beside) <= JUMP_SECONDS
            return best if is_near or len(self._whole.pieces) == 1 else Fraction(beside) - start
        fits = [offset for offset in offers if float(start + offset) >= end - _SLACK_SECONDS]
        if fits:
            best = min(fits, key=lambda offset: float(start + offset))
            at = float(start + best)
            # A pause in the sound is one where the picture goes on.
            if min(abs(at - end), abs(at - beside)) <= JUMP_SECONDS or at <= line.stop_seconds:
                return best
        return Fraction(end) - start

    def span(self, video_stop: float) -> tuple[float, float] | None:
        """Start and end of the sound in seconds of the joined clock, as far as its bytes can fill that time."""
        if not self._whole.pieces:
            return None
        ends = [
            (float(p.start * self.column.time_base + o), float(p.stop * self.column.time_base + o))
            for p, o in zip(self._whole.pieces, self._offsets, strict=True)
        ]
        start, stop = min(a for a, _ in ends), max(b for _, b in ends)
        total = max(1e-9, stop - start)
        if stop > video_stop + JUMP_SECONDS and sum(self.column.sizes) / total < _LEAST_SOUND_BYTES:
            self.is_absurd = True
            stop = min(stop, video_stop)
        return (start, stop) if start < stop else None


def _picture_stays(line: _VideoClock, number: int, sounds: Sequence[_SoundStream], promise: Promise) -> bool:
    """Whether the picture before piece `number` stays on screen until it begins, rather than the clock jumps."""
    if number == 0:
        return False
    before, piece = line.pieces[number - 1], line.pieces[number]
    start, stop = line.seconds(before.stop), line.seconds(piece.start)
    if not 0 < stop - start <= _MOST_SECONDS:
        return False
    if any(before.start < later.start < piece.start for later in line.pieces[number + 1 :]):
        return False
    read = line.find_orders_around(number)
    if any(sound.covers(start, stop, read) for sound in sounds):
        return True
    if any(sound.skips(start, stop, read) for sound in sounds):
        return False
    if promise.stop_seconds is not None:
        return line.seconds(piece.start) - promise.stop_seconds < 0.5 * (stop - start)
    return not promise.clock_may_jump


def _find_seams(
    whole: ClockBreak,
    offsets: Sequence[int],
    are_gaps: Sequence[bool],
    own: Column,
    kept: Sequence[int],
    promise: Promise,
) -> Iterator[int]:
    """Places of the first packets of pieces that do not go on with the pictures before them."""
    for number in range(1, len(whole.pieces)):
        first = whole.pieces[number].first
        is_back = number > 1 and offsets[number] == offsets[number - 2]  # a damaged stretch lies between
        is_short = number + 1 < len(whole.pieces) and whole.pieces[number + 1].first - first < SHORT_PACKETS
        if are_gaps[number] or is_back or is_short:
            continue
        # A broadcast numbers its packets: where none is missing, only the clock was set.
        is_torn = any(own.is_torn[place] for place in kept[max(0, first - 2) : first + 2])
        if own.is_key[kept[first]] or is_torn or not promise.numbers_packets:
            yield first


def _measure_overhang(line: _VideoClock, number: int, sounds: Sequence[_SoundStream]) -> float:
    """Seconds by which sound goes on past the pictures before a join, or begins before those after it."""
    if number == 0:
        return 0.0
    before, piece = line.pieces[number - 1], line.pieces[number]
    after = line.get_first_order(number + 1) if number + 1 < len(line.pieces) else 2**62
    seconds = 0.0
    for sound in sounds:
        around = sound.find_break_near(line.get_first_order(number - 1), line.get_first_order(number), after)
        if around is not None:
            base = sound.column.time_base
            late = float(around[0].stop * base) - line.seconds(before.stop)
            early = line.seconds(piece.start) - float(around[1].start * base)
            end = line.seconds(before.stop)
            is_heard = late <= JUMP_SECONDS or sound.covers(end, end + late, line.find_orders_around(number))
            if is_heard and abs(early) <= JUMP_SECONDS:
                seconds = max(seconds, late + early)
    return seconds if seconds > _OVERHANG_SECONDS else 0.0


def _place_lines(column: Column, line: _VideoClock) -> Pieces:
    """Offsets of a subtitle stream's packets: those of the piece of the video next to which each was read."""
    firsts: list[int] = []
    offsets: list[Fraction] = []
    for place, (time, order) in enumerate(zip(column.times(), column.orders, strict=True)):
        number, beside = line.at(order)
        start = Fraction(0) if time is None else time * column.time_base
        best = min(line.list_offsets_near(number), key=lambda offset: abs(float(start + offset) - beside))
        if not offsets or best != offsets[-1]:
            firsts.append(place)
            offsets.append(best)
    return Pieces((0, *firsts[1:]), tuple(offsets) or (Fraction(0),))


def _apply_offsets(
    times: Sequence[int | None], kept: Sequence[int], whole: ClockBreak, offsets: Sequence[int]
) -> NDArray[np.int64]:
    """(P,) int64 ticks on the joined clock, also of packets that are not shown."""
    # Arrays: a film of hours has hundreds of thousands of packets. What is absurd stays so, and a sum never overflows.
    moved = np.fromiter((0 if time is None else _clip(time) for time in times), np.int64, len(times))
    moved[np.asarray(kept, np.int64)] = np.clip(whole.times, -_ABSURD, _ABSURD)
    if offsets:
        firsts = [kept[piece.first] for piece in whole.pieces[1:]]
        pieces = np.searchsorted(firsts, np.arange(len(times)), side="right")
        moved += np.array([_clip(offset) for offset in offsets], np.int64)[pieces]
    return moved


_ABSURD = 2**61
"""Ticks beyond which a time is no time."""


def _clip(ticks: int) -> int:
    return min(max(ticks, -_ABSURD), _ABSURD)


def _spread_equal_times(pts: NDArray[np.int64], is_discard: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """Spreads equal times until the next one; gives the times and the number of parts that a tick is cut into."""
    shown = np.flatnonzero(~is_discard)
    order = shown[np.argsort(pts[shown], kind="stable")]
    sorted_pts = pts[order]
    same = np.flatnonzero(np.diff(sorted_pts) == 0) + 1
    if not len(same) or np.abs(sorted_pts[[0, -1]]).max() > 2**50:
        return pts, 1
    scaled = sorted_pts * _SCALE
    firsts = np.flatnonzero(np.diff(sorted_pts, prepend=sorted_pts[0] - 1))
    groups = [*firsts.tolist(), len(sorted_pts)]
    step = int(np.median(np.diff(sorted_pts[firsts]))) if len(firsts) > 1 else 1
    for a, b in pairwise(groups):
        if b - a > 1:
            until = int(sorted_pts[b]) if b < len(sorted_pts) else int(sorted_pts[a]) + max(1, step)
            length = (until - int(sorted_pts[a])) * _SCALE
            scaled[a:b] += np.arange(b - a) * length // (b - a)
    spread = pts * _SCALE
    spread[order] = scaled
    return spread, _SCALE
