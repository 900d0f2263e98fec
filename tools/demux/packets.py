"""Index of a video file's packets: when each picture is shown, and where decoding may start.

One pass over the packets decodes nothing and costs about 1 % of decoding. Headers are not believed: frame counts,
rates and durations in them are often wrong (variable rate, edit lists, files that were cut off), packets are not, as
far as their times are possible. Times here are integers in the index's time base, on one clock for the whole file, also
where the file's own begins again; "position" is a packet's place in the file's decode order.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.demux.container import PacketReader, is_empty, open_container
from tools.demux.header import LENGTH_FROM_ZERO
from tools.demux.joining import UNKNOWN, Column, Joined, Promise, join
from tools.demux.picture_stream import choose_stream
from tools.demux.rest import holds_more
from tools.limits import check_packet_count

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream


@dataclass(frozen=True, eq=False)
class PacketIndex:
    """The packets of one video stream in decode order, and the times of the pictures that they promise."""

    stream_index: int
    """Index of the stream in the file."""
    pts: NDArray[np.int64]  # (P,) presentation times by position, no two alike
    stored: NDArray[np.int64]  # (P,) times that the packets carry, or UNKNOWN; several may carry one time
    by_stored: NDArray[np.int64]  # (P,) positions sorted by the time that they carry
    sizes: NDArray[np.int64]  # (P,) bytes
    places: NDArray[np.int64]  # (P,) bytes from the beginning of the file, -1 where it is not known
    keyframes: NDArray[np.int64]  # (K,) positions where decoding may start, ascending
    shown: NDArray[np.int64]  # (N,) times of the pictures to be shown, ascending, no doubles
    shown_positions: NDArray[np.int64]  # (N,) positions of their packets
    last_duration: int
    """Time that the last picture stays on screen, in ticks of `time_base`."""
    time_base: Fraction
    in_order: bool
    """True where packets carry no presentation times: pictures have to be counted from the first one."""
    can_skip: bool
    """True where the decoder may pass over the pictures that it says no other refers to."""
    reached_seconds: float
    """Latest end of any packet of any stream, in the container's time."""
    ends_torn: bool
    """True when reading stopped with an error or with half a packet."""
    holds_more: bool
    """True where another recording lies in the file behind the last packet that could be read."""
    has_more_streams: bool
    """True when the file holds streams that begin later than its header says, which were not read."""
    joined: Joined
    """The file's clocks joined to one."""

    @property
    def is_in_pieces(self) -> bool:
        """True where a time does not say which packet carries it, so that no seek by time can be trusted."""
        return len(self.joined.join_seconds) > 0

    def position_of(self, pts: int) -> int | None:
        """Position of the packet whose picture is shown at `pts`."""
        rank = int(np.searchsorted(self.shown, pts))
        return int(self.shown_positions[rank]) if rank < len(self.shown) and self.shown[rank] == pts else None

    def is_keyframe(self, position: int) -> bool:
        """Whether the file says that decoding may start at the packet of a position."""
        rank = int(np.searchsorted(self.keyframes, position))
        return rank < len(self.keyframes) and bool(self.keyframes[rank] == position)

    def find(self, packet: "Packet[Any]") -> int | None:
        """Position of a packet that was read anew; None where that cannot be told."""
        time = UNKNOWN if packet.pts is None else packet.pts
        low, high = np.searchsorted(self.stored, [time, time + 1], sorter=self.by_stored)
        alike = [int(p) for p in self.by_stored[low:high] if self.sizes[p] == packet.size]
        if len(alike) > 1:
            alike = [p for p in alike if packet.pos is not None and self.places[p] == packet.pos]
        return alike[0] if len(alike) == 1 else None

    def is_at(self, packet: "Packet[Any]", position: int) -> bool:
        """Whether a packet that was read anew is the one at that position."""
        time = UNKNOWN if packet.pts is None else packet.pts
        return bool(self.stored[position] == time and self.sizes[position] == packet.size)

    def start_for(self, position: int) -> int:
        """Keyframe to decode a packet from: index into `keyframes` of the last one before it, in file AND time.

        The leading pictures of an open GOP come after their keyframe in the file but need the pictures before it.
        """
        key_times = np.maximum.accumulate(self.pts[self.keyframes])
        by_time = int(np.searchsorted(key_times, self.pts[position], side="right")) - 1
        by_place = int(np.searchsorted(self.keyframes, position, side="right")) - 1
        return max(0, min(by_time, by_place))


def index_packets(path: Path, number: int | None = None) -> PacketIndex | None:
    """Packet index of the picture stream that `choose_stream` finds, by one pass over all packets; None without any."""
    with open_container(path) as container:
        stream = choose_stream(container, number)
        if stream is None:
            return None
        tally = _PacketScan(path, stream)
        tally.read(container)
        return tally.plan()


class _PacketScan:
    """One pass over all packets of a file, collected in a column of machine integers for each stream."""

    def __init__(self, path: Path, stream: "VideoStream") -> None:
        self._path, self._stream = path, stream
        self._columns = {
            s.index: Column.of(s)
            for s in stream.container.streams
            if s.index == stream.index or s.type in ("audio", "subtitle")
        }
        self._own = self._columns[stream.index]
        self._reached_seconds = 0.0
        self._reader: PacketReader | None = None

    def read(self, container: "InputContainer") -> None:
        """Collects every packet; a read error ends the pass and not the program."""
        is_vp8 = self._stream.codec_context.name == "vp8"
        self._reader = PacketReader(container)
        for order, packet in enumerate(self._reader):
            self._reached_seconds = max(self._reached_seconds, _compute_end_seconds(packet))
            check_packet_count(container.name.removeprefix("file:"), order + 1)
            index = packet.stream.index
            if index not in self._columns or is_empty(packet):
                continue
            if index != self._stream.index or not (is_vp8 and _is_hidden_vp8(packet)):
                self._columns[index].add(packet, order)

    def plan(self) -> PacketIndex | None:
        """The collected packets as an index; None when no packet of the stream was found."""
        own = self._own
        if not own.sizes:
            return None
        times, in_order = self._resolve_times()
        others = [column for column in self._columns.values() if column is not own]
        joined = join(own, times, self._find_reorder_depth(in_order), others, self._read_promise())
        pts = np.sort(joined.pts) if in_order else joined.pts
        keyframes = np.flatnonzero(np.frombuffer(own.is_key, bool)).astype(np.int64)
        shown, shown_positions = self._shown(pts)
        stored = np.array(own.pts, np.int64)
        assert self._reader is not None, "read comes first"
        return PacketIndex(
            stream_index=self._stream.index,
            pts=pts,
            stored=stored,
            by_stored=np.argsort(stored, kind="stable"),
            sizes=np.array(own.sizes, np.int64),
            places=np.array(own.places, np.int64),
            keyframes=keyframes if len(keyframes) else np.zeros(1, np.int64),
            shown=shown,
            shown_positions=shown_positions,
            last_duration=self._estimate_last_duration(shown, shown_positions, joined.scale),
            time_base=own.time_base / joined.scale,
            in_order=in_order,
            can_skip=not in_order and _may_skip(self._stream),
            reached_seconds=self._reached_seconds,
            ends_torn=self._reader.ended_in_error or bool(own.is_torn[-1]),
            holds_more=self._holds_more(),
            has_more_streams=self._reader.more_streams,
            joined=joined,
        )

    def _resolve_times(self) -> tuple[list[int | None], bool]:
        """Presentation times by position, None where there is none, and whether they had to be made up."""
        own = self._own
        pts, dts = np.array(own.pts, np.int64), np.array(own.dts, np.int64)
        has_b_frames = bool(self._stream.codec_context.has_b_frames)
        # AVI stores no presentation times; those that come for reordered pictures are guesses, often swapped in pairs.
        is_guess = self._stream.container.format.name == "avi" and has_b_frames
        without = pts == UNKNOWN
        if is_guess and not without.any():
            return np.sort(pts).tolist(), True
        if without.any() and not (dts == UNKNOWN).any() and not has_b_frames:
            return np.where(without, dts, pts).tolist(), False  # without reordering the two are the same
        if without.mean() <= _FEW:
            return [None if time == UNKNOWN else time for time in pts.tolist()], False
        if not (dts == UNKNOWN).any():
            return dts.tolist(), True
        rate = self._stream.guessed_rate or Fraction(25)
        step = 1 / rate / own.time_base
        return [round(place * step) for place in range(len(pts))], True

    def _find_reorder_depth(self, in_order: bool) -> int:
        """Reorder depth: number of packets shown later that may come before a packet."""
        codec = self._stream.codec_context
        if in_order or (not codec.has_b_frames and codec.name not in _REORDER):
            return 0
        return _REORDER.get(codec.name, 16)

    def _holds_more(self) -> bool:
        ends = (place + size for c in self._columns.values() for place, size in zip(c.places, c.sizes, strict=True))
        return holds_more(self._path, self._stream.container.format.name, max(ends))

    def _read_promise(self) -> Promise:
        container: Any = self._stream.container  # its type is that of all containers, written ones too
        name, length = container.format.name, container.duration
        start = 0 if name in LENGTH_FROM_ZERO else container.start_time or 0
        return Promise(
            # Other formats hold no length, and the one that is given for them is made from their times.
            stop_seconds=(start + length) / 1e6 if length and name in ("matroska,webm", "flv") else None,
            numbers_packets=name == "mpegts",
            clock_may_jump=name in ("mpegts", "mpeg"),
            has_fields=self._stream.codec_context.field_order > _PROGRESSIVE,
        )

    def _shown(self, pts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Times of the pictures to be shown, and their positions.

        A torn packet keeps its moment, which does not belong to its neighbour; but behind the last whole one it is
        only where the file was cut off.
        """
        wanted = ~np.frombuffer(self._own.is_discard, bool)
        whole = wanted & ~np.frombuffer(self._own.is_torn, bool)
        if not whole.any():
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        positions = np.flatnonzero(wanted & (pts <= pts[whole].max()))
        shown, first = np.unique(pts[positions], return_index=True)
        return shown, positions[first].astype(np.int64)

    def _estimate_last_duration(self, shown: NDArray[np.int64], shown_positions: NDArray[np.int64], scale: int) -> int:
        if not len(shown):
            return 0
        stored = self._own.durations[int(shown_positions[-1])] * scale
        if stored > 0:
            return stored
        return int(np.median(np.diff(shown))) if len(shown) > 1 else 1


_PROGRESSIVE = 1
"""FFmpeg's AV_FIELD_PROGRESSIVE; 0 is unknown, and values above it are pictures in fields."""
_FEW = 0.1
"""Share of packets without a time up to which they are taken for damaged, not for a stream that has none."""
_REORDER = {"h264": 16, "hevc": 16, "vvc": 16, "mpeg1video": 1, "mpeg2video": 1, "mpeg4": 1, "vc1": 1, "wmv3": 1}
"""Reorder depth by codec; others reorder where the stream says so."""


def _is_hidden_vp8(packet: "Packet[Stream]") -> bool:
    """True for a VP8 picture that has a packet and a time but is only referred to, never shown (RFC 6386, 9.1)."""
    return packet.size > 0 and not memoryview(packet)[0] & 0x10


def _compute_end_seconds(packet: "Packet[Stream]") -> float:
    start = packet.pts if packet.pts is not None else packet.dts
    if start is None or packet.is_discard:
        return 0.0
    return float((start + (packet.duration or 0)) * packet.time_base)


def _may_skip(stream: "VideoStream") -> bool:
    """False for HEVC in temporal layers: there "not referred to" holds within a layer only (H.265, 7.4.2.2)."""
    extradata = stream.codec_context.extradata
    if stream.codec_context.name != "hevc" or not extradata:
        return True
    if extradata[0] == 1 and len(extradata) > 21:  # hvcC (ISO/IEC 14496-15, 8.3.3.1): numTemporalLayers
        return (extradata[21] >> 3) & 7 <= 1
    sps = extradata.find(b"\x00\x00\x01\x42")  # start code and SPS; then sps_max_sub_layers_minus1 in 3 bits
    return sps >= 0 and (extradata[sps + 5] >> 1) & 7 == 0
