"""Decodes the pictures of chosen packets of one keyframe interval, each proved to be the one that was asked for.

Only what the wanted pictures need is decoded: pictures that no other refers to are passed over, unless they are
wanted. Every seek is checked by the packets it lands on. A picture is handed out only after every packet that it may
depend on has come out of the decoder whole: a decoder conceals damage, and owns up for the damaged picture alone.

Damage that reads like data is not found: changed bytes in HEVC, VP8 and WMV2 often decode to other pictures,
which are handed out: 5 to 24 of 100 frames of files damaged on purpose (`python -m tests.fuzz.unreadable`). MPEG-2, AV1
and Motion JPEG: up to 3, H.264, MPEG-4 and VP9 under 1. FFV1 without checksums may show an earlier picture again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.demux.container import PacketReader, VideoError, is_empty, is_encrypted, open_container
from tools.demux.packets import PacketIndex
from tools.limits import MAX_PICTURE_PIXELS
from tools.pixels.picture_shapes import PictureShapes
from tools.video.damage import DamageFilter
from tools.video.picture_decoder import open_decoder

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

STEPS_BACK = (0, 1, 4)
"""Keyframes further back to aim when a seek lands too late; after these the file is read from its start."""


@dataclass(frozen=True)
class DecodeInterval:
    """Packets whose pictures one run of the decoder gives."""

    start: int
    """Keyframe to start from: index into the packet index's keyframes."""
    positions: tuple[int, ...]
    """Positions of the wanted packets, in the order in which they are shown."""


def group_intervals(plan: PacketIndex, wanted_pts: Sequence[int]) -> list[DecodeInterval]:
    """Groups wanted times (ticks, ascending) into intervals of one run of the decoder each, in the order shown."""
    intervals: list[DecodeInterval] = []
    for pts in wanted_pts:
        position = plan.position_of(pts)
        assert position is not None, f"{pts} is not the time of a packet"
        start = 0 if plan.in_order else plan.start_for(position)
        # In a damaged file the keyframe to start from may change to and fro; what is shown does not.
        if intervals and intervals[-1].start == start:
            intervals[-1] = DecodeInterval(start, (*intervals[-1].positions, position))
        else:
            intervals.append(DecodeInterval(start, (position,)))
    return intervals


class Decoder:
    """An open file with one single-threaded decoder; for one thread at a time."""

    def __init__(self, path: Path, plan: PacketIndex, is_wary: bool = True) -> None:
        """Opens the file.

        Args:
            path: the file.
            plan: packet index of the file.
            is_wary: finds more damage; without it the pictures carry all that the container says of them.
        """
        self._path, self._plan, self._is_wary = path, plan, is_wary
        self.met_encryption = False
        """True once a packet was refused because it needs a key."""
        self._open()

    def _open(self) -> None:
        self._container = open_container(self._path)
        self._cursor: _Cursor | None = None
        stream = next((s for s in self._container.streams.video if s.index == self._plan.stream_index), None)
        if stream is None:
            self._container.close()
            raise VideoError(f"{self._path} changed while it was read: its video stream is gone")
        self._stream, self._context = stream, open_decoder(stream, self._is_wary)
        self.shapes = PictureShapes(stream, self._context)
        # One thread a decoder: two decoders on two intervals do the same work in less time than one with two threads.
        self._context.thread_count = 1
        # Refuse damage instead of painting over it, and compare checksums where a stream carries them. "aggressive"
        # finds a little more, but also refuses healthy old files.
        # A picture may also grow in mid-stream, past what is decoded.
        limits = {"max_pixels": str(MAX_PICTURE_PIXELS)}
        self._context.options = {"err_detect": "crccheck+explode", **limits}

    def close(self) -> None:
        """Closes the file."""
        self._container.close()

    def pictures(
        self, interval: DecodeInterval, is_cancelled: Callable[[], bool]
    ) -> "Iterator[tuple[int, VideoFrame]]":
        """Decodes the wanted packets of an interval: (position, picture) in the order shown, damaged ones left out.

        Where one is missing, a second run starts a keyframe earlier and passes nothing over. That cures streams that
        refresh bit by bit, or refer to pictures across a keyframe; what is still missing then is damaged.
        """
        if self._plan.in_order:
            yield from self._count_pictures(interval, is_cancelled)
            return
        left = list(interval.positions)
        for picture in self._run(interval.start, left, True, is_cancelled):
            left.remove(picture[0])
            yield picture
        if left and not is_cancelled():
            yield from self._run(max(0, interval.start - 1), left, False, is_cancelled)

    def _run(
        self, start: int, wanted: Sequence[int], is_first: bool, is_cancelled: Callable[[], bool]
    ) -> "Iterator[tuple[int, VideoFrame]]":
        """Decodes from a keyframe to the last wanted packet. The first run ends at the first picture found missing."""
        queue = list(wanted)
        skip = is_first and self._plan.can_skip
        for position, picture in self._decode_proved(start, frozenset(wanted), skip, is_cancelled):
            if position not in queue:
                continue
            if is_first and queue[0] != position:
                break
            del queue[: queue.index(position) + 1]
            yield position, picture
            if not queue:
                break

    def _decode_proved(
        self, start: int, wanted: frozenset[int], skip: bool, is_cancelled: Callable[[], bool]
    ) -> "Iterator[tuple[int, VideoFrame]]":
        """Pictures from a keyframe to the last wanted packet that rest on undamaged ones, in the order shown."""
        context, proof, last = self._context, DamageFilter(self._plan), max(wanted)
        context.flush_buffers()
        self.shapes.forget()
        for position, packet in self._read_packets_from(start):
            if is_cancelled():
                return
            context.skip_frame = "NONREF" if skip and position is not None and position not in wanted else "DEFAULT"
            # A picture has the time of its packet, which others may have too, or none; the position is its own.
            packet = _label(packet, position)
            pictures = self._decode(packet)
            if position is not None:
                self.shapes.note_packet(position)
            yield from self._note_shapes(proof.judge(position, pictures))
            if position is not None and position >= last:
                break
        yield from self._note_shapes(proof.judge_last(self._decode(None)))

    def _note_shapes(self, pictures: "Iterable[tuple[int, VideoFrame]]") -> "Iterator[tuple[int, VideoFrame]]":
        for position, picture in pictures:
            self.shapes.note_picture(position, picture)
            yield position, picture

    def _decode(self, packet: "Packet[VideoStream] | None") -> "list[VideoFrame] | None":
        """Pictures that come out of the decoder for a packet; None where it refuses the packet."""
        import av

        if packet is not None and is_encrypted(packet):
            self.met_encryption = True
            return None
        try:
            return self._context.decode(packet)
        except av.error.FFmpegError:
            return None

    def _count_pictures(
        self, interval: DecodeInterval, is_cancelled: Callable[[], bool]
    ) -> "Iterator[tuple[int, VideoFrame]]":
        """Decodes a file without times: the n-th picture that comes out is the n-th shown, until the first damage."""
        self._reopen()
        wanted, count, latest = set(interval.positions), 0, None
        packets = (packet for packet in PacketReader(self._container, self._stream) if not is_empty(packet))
        for packet in chain(packets, (None,)):
            pictures = self._decode(packet)
            if is_cancelled() or not wanted or pictures is None or any(p.is_corrupt for p in pictures):
                return
            for latest in pictures:
                self.shapes.note_picture(count, latest)
                if count in wanted:
                    wanted.remove(count)
                    yield count, latest
                count += 1
        # Packets may be empty; after a whole stream the last picture stays on screen for them.
        if wanted and latest is not None and count - 1 not in interval.positions:
            yield count - 1, latest

    def _read_packets_from(self, start: int) -> "Iterator[tuple[int | None, Packet[VideoStream]]]":
        """Packets (position, packet) from a keyframe on; those that the packet index does not know have no position."""
        key = int(self._plan.keyframes[start])
        # In a file in pieces reading on is sure, and seeks by time are not.
        is_ahead = self._plan.is_in_pieces and self._cursor is not None and self._cursor.can_reach(key)
        if is_ahead and self._cursor is not None and self._cursor.forward(key):
            return self._cursor
        for back in STEPS_BACK:
            if self._seek(max(0, start - back)):
                self._cursor = self._read_on(False)
                if self._cursor.forward(key):
                    return self._cursor
        self._reopen()
        self._cursor = self._read_on(True)
        return self._cursor if self._cursor.forward(key) else iter(())

    def _read_on(self, is_at_start: bool) -> "_Cursor":
        return _Cursor(self._plan, PacketReader(self._container, self._stream), is_at_start)

    def _seek(self, keyframe: int) -> bool:
        import av

        position = int(self._plan.keyframes[keyframe])
        pts, place = int(self._plan.pts[position]) // self._plan.joined.scale, int(self._plan.places[position])
        try:
            if not self._plan.is_in_pieces:
                self._container.seek(pts, stream=self._stream, backward=True)
            elif self._container.format.name in _BY_PLACE and place >= 0:
                self._container.seek(place, unsupported_byte_offset=True)
            else:
                return False
        except av.error.FFmpegError:
            return False
        return True

    def _reopen(self) -> None:
        self._container.close()
        self._open()


def _label(packet: "Packet[Any]", position: int | None) -> "Packet[Any]":
    """Labels a packet with its position in place of its time, and unhides it where FFmpeg means to hide it."""
    from av.packet import Packet

    if packet.is_discard:
        packet, key = Packet(bytes(packet)), packet.is_keyframe
        packet.is_keyframe = key
    packet.pts = position
    return packet


class _Cursor:
    """Packets being read, each with its position in the packet index."""

    def __init__(self, plan: PacketIndex, packets: "Iterable[Packet[Any]]", is_at_start: bool) -> None:
        self._plan = plan
        self._packets = (packet for packet in packets if not is_empty(packet))
        self._next: tuple[int | None, Packet[Any]] | None = None
        self.last: int | None = -1 if is_at_start else None
        """Last position that was read; None until one was recognised."""

    def can_reach(self, key: int) -> bool:
        """Whether the packet at `key` is still to come."""
        return self.last is not None and self.last < key

    def forward(self, key: int) -> bool:
        """Reads on until the packet at `key` comes next; False when reading is past it."""
        for position, packet in self:
            if position == key:
                self._next = position, packet
                return True
            if position is not None and position > key:
                return False
        return False

    def __iter__(self) -> "Iterator[tuple[int | None, Packet[Any]]]":
        return self

    def __next__(self) -> "tuple[int | None, Packet[Any]]":
        """The next (position, packet); position None for a packet that the index does not know."""
        if self._next is not None:
            known, self._next = self._next, None
            return known
        packet = next(self._packets)
        position = None if self.last is None else self.last + 1
        if position is None or not self._plan.is_at(packet, position):
            position = self._plan.find(packet)
        if position is None or (self.last is not None and position <= self.last):
            return None, packet
        self.last = position
        return position, packet


_BY_PLACE = frozenset({"mpegts", "mpeg"})
"""FFmpeg's names of formats that can be read from any byte on."""
