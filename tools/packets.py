"""What a video file holds, from its packets alone: when each picture is shown, and where decoding may start.

One pass over the packets decodes nothing and costs about 1 % of decoding. Headers are not believed: frame counts,
rates and durations in them are often wrong (variable rate, edit lists, files that were cut off), packets are not.
Times here are integers in the stream's time base; "position" is a packet's place in the file's decode order.
"""

from array import array
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.container import open_container
from tools.picture_stream import choose_stream

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream


@dataclass(frozen=True, eq=False)
class PacketPlan:
    """The packets of one video stream in decode order, and the times of the pictures that they promise."""

    stream_index: int
    """Which of the file's streams it is."""
    pts: NDArray[np.int64]  # (P,) presentation times by position
    sizes: NDArray[np.int64]  # (P,) bytes; together with the time this identifies a packet after a seek
    by_pts: NDArray[np.int64]  # (P,) positions sorted by presentation time
    keyframes: NDArray[np.int64]  # (K,) positions where decoding may start, ascending
    shown: NDArray[np.int64]  # (N,) times of the pictures to be shown, ascending, no doubles
    last_duration: int
    """How long the last picture stays on screen."""
    time_base: Fraction
    in_order: bool
    """True where packets carry no presentation times: pictures have to be counted from the first one."""
    can_skip: bool
    """True where the decoder may pass over the pictures that it says no other refers to."""
    reached_seconds: float
    """Latest end of any packet of any stream, in the container's time."""
    ends_torn: bool
    """True when reading stopped with an error or with half a packet."""

    def position_of(self, pts: int) -> int | None:
        """Position of the packet shown at `pts`."""
        rank = int(np.searchsorted(self.pts, pts, sorter=self.by_pts))
        if rank == len(self.pts) or self.pts[self.by_pts[rank]] != pts:
            return None
        return int(self.by_pts[rank])

    def start_for(self, position: int) -> int:
        """Which keyframe to start from: index into `keyframes` of the last one before the packet, in file AND time.

        The leading pictures of an open GOP come after their keyframe in the file but need the pictures before it.
        """
        key_times = np.maximum.accumulate(self.pts[self.keyframes])
        by_time = int(np.searchsorted(key_times, self.pts[position], side="right")) - 1
        by_place = int(np.searchsorted(self.keyframes, position, side="right")) - 1
        return max(0, min(by_time, by_place))


def read_plan(path: Path, number: int | None = None) -> PacketPlan | None:
    """The plan of the picture stream that `choose_stream` finds, by one pass over all packets; None without any."""
    with open_container(path) as container:
        stream = choose_stream(container, number)
        if stream is None:
            return None
        tally = _Tally(stream)
        tally.read(container)
        return tally.plan()


class _Tally:
    """What one pass over the packets collects; columns of machine integers, because long files have many."""

    def __init__(self, stream: "VideoStream") -> None:
        self._stream = stream
        self._pts, self._dts, self._sizes, self._durations = array("q"), array("q"), array("q"), array("q")
        self._is_key, self._is_discard, self._is_torn = bytearray(), bytearray(), bytearray()
        self._reached_seconds = 0.0
        self._ended_in_error = False

    def read(self, container: "InputContainer") -> None:
        """Collect every packet; a read error ends the pass and not the program."""
        import av

        try:
            for packet in container.demux():
                self._reached_seconds = max(self._reached_seconds, _end_seconds(packet))
                if packet.stream.index == self._stream.index and not is_empty(packet):
                    self._add(packet)
        except av.error.FFmpegError:
            self._ended_in_error = True

    def _add(self, packet: "Packet[Stream]") -> None:
        if self._stream.codec_context.name == "vp8" and _is_hidden_vp8(packet):
            return
        self._pts.append(_UNKNOWN if packet.pts is None else packet.pts)
        self._dts.append(_UNKNOWN if packet.dts is None else packet.dts)
        self._sizes.append(packet.size)
        self._durations.append(packet.duration or 0)
        self._is_key.append(packet.is_keyframe)
        self._is_discard.append(packet.is_discard)
        self._is_torn.append(packet.is_corrupt)

    def plan(self) -> PacketPlan | None:
        """The tally as a plan; None when no packet of the stream was found."""
        if not self._pts:
            return None
        pts, in_order = self._times()
        keyframes = np.flatnonzero(np.frombuffer(self._is_key, bool)).astype(np.int64)
        shown = self._shown(pts)
        return PacketPlan(
            stream_index=self._stream.index,
            pts=pts,
            sizes=np.array(self._sizes, np.int64),
            by_pts=np.argsort(pts, kind="stable"),
            keyframes=keyframes if len(keyframes) else np.zeros(1, np.int64),
            shown=shown,
            last_duration=self._last_duration(pts, shown),
            time_base=self._stream.time_base or Fraction(1, 1000),
            in_order=in_order,
            can_skip=not in_order and _may_skip(self._stream),
            reached_seconds=self._reached_seconds,
            ends_torn=self._ended_in_error or bool(self._is_torn[-1]),
        )

    def _times(self) -> tuple[NDArray[np.int64], bool]:
        """Presentation times by position, and whether they had to be made up."""
        pts, dts = np.array(self._pts, np.int64), np.array(self._dts, np.int64)
        # AVI stores no presentation times; those that come for reordered pictures are guesses, often swapped in pairs.
        is_guess = self._stream.container.format.name == "avi" and self._stream.codec_context.has_b_frames
        if not (pts == _UNKNOWN).any():
            return (np.sort(pts), True) if is_guess else (pts, False)
        if not (dts == _UNKNOWN).any() and not self._stream.codec_context.has_b_frames:
            return np.where(pts == _UNKNOWN, dts, pts), False  # without reordering the two are the same
        if not (dts == _UNKNOWN).any():
            return np.sort(dts), True
        rate = self._stream.guessed_rate or Fraction(25)
        step = 1 / rate / (self._stream.time_base or Fraction(1, 1000))
        return np.array([round(place * step) for place in range(len(pts))], np.int64), True

    def _shown(self, pts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Times of the pictures to be shown.

        A torn packet keeps its moment, which does not belong to its neighbour; but behind the last whole one it is
        only where the file was cut off.
        """
        wanted = ~np.frombuffer(self._is_discard, bool)
        whole = wanted & ~np.frombuffer(self._is_torn, bool)
        if not whole.any():
            return np.zeros(0, np.int64)
        return np.unique(pts[wanted & (pts <= pts[whole].max())])

    def _last_duration(self, pts: NDArray[np.int64], shown: NDArray[np.int64]) -> int:
        if not len(shown):
            return 0
        told = self._durations[int(np.flatnonzero(pts == shown[-1])[-1])]
        if told > 0:
            return told
        return int(np.median(np.diff(shown))) if len(shown) > 1 else 1


_UNKNOWN = -(2**63)


def is_empty(packet: "Packet[Any]") -> bool:
    """True for the packet without times and bytes that marks the end of a stream."""
    return packet.size == 0 and packet.pts is None and packet.dts is None


def _is_hidden_vp8(packet: "Packet[Stream]") -> bool:
    """True for a VP8 picture that has a packet and a time but is only referred to, never shown (RFC 6386, 9.1)."""
    return packet.size > 0 and not memoryview(packet)[0] & 0x10


def _end_seconds(packet: "Packet[Stream]") -> float:
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
