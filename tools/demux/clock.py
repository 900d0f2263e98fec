"""The video's one clock, for every stream of a file whose own clocks may start again, step back or jump ahead.

A file glued together from several keeps the times of each. Where they break, the streams are cut into pieces, and the
pieces are laid one behind the other: a piece is known by its place in the stream, not by its times, which others have
too. Seconds of the video count from the first frame shown.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from tools.demux.container import PacketReader, is_empty

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.stream import Stream


@dataclass(frozen=True)
class Pieces:
    """The pieces of one stream and the offset of each, in the stream's order."""

    first_packets: tuple[int, ...]
    """Number of each piece's first packet, counted in the stream from 0; ascending, the first is 0."""
    offsets: tuple[Fraction, ...]
    """Seconds to add to the container's time in each piece."""

    def find_offset(self, packet: int) -> Fraction:
        """Seconds to add to the container's time of a packet, by its number in the stream."""
        return self.offsets[bisect_right(self.first_packets, packet) - 1]


@dataclass(frozen=True)
class StreamClock:
    """Turns container times of any stream into seconds of the video."""

    default_offset: Fraction = Fraction(0)
    """Seconds to add to the container's time in streams that are in one piece."""
    pieces: Mapping[int, Pieces] = field(default_factory=dict)
    """The pieces of streams that are in several, by the stream's index."""

    def shift(self, seconds: float | Fraction) -> "StreamClock":
        """The clock of the part of the video that begins at `seconds`."""
        by = Fraction(seconds)
        moved = {
            index: Pieces(known.first_packets, tuple(offset - by for offset in known.offsets))
            for index, known in self.pieces.items()
        }
        return StreamClock(self.default_offset - by, moved)

    def read_packets(self, container: "InputContainer", stream: "Stream") -> "Iterator[Packet[Any]]":
        """Packets of a stream from the file's beginning, their times moved onto the clock: seconds are pts * time_base.

        The container must have been opened anew, because packets are counted. The times of what is decoded from the
        packets are moved with them.
        """
        known = self.pieces.get(stream.index)
        number = 0
        for packet in PacketReader(container, stream):
            offset = self.default_offset if known is None else known.find_offset(number)
            number += not is_empty(packet)
            if packet.time_base:
                ticks = round(offset / packet.time_base)
                packet.pts = None if packet.pts is None else packet.pts + ticks
                packet.dts = None if packet.dts is None else packet.dts + ticks
            yield packet
