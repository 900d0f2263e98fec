"""Closed captions (CEA-608) that broadcasts hide in the data of their pictures, read without decoding these."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tools.demux.container import open_container
from tools.demux.picture_stream import choose_stream
from tools.speech.subtitle_text import SubtitleCue, parse_ass_rows

if TYPE_CHECKING:
    from tools.video.source import VideoSource

_MARK = b"GA94\x03"
"""What ATSC A/53 puts before captions, in MPEG-2 as in H.264 and HEVC; a table and three bytes a pair follow."""
_MOST_TRIPLETS = 31
"""Most pairs with a picture: their number is written in five bits (ATSC A/53)."""
_ERASE = b"\xfc\x94\x2c"
"""The order that takes everything off the screen, with parity."""
_PROBED_PACKETS = 300
"""Packets after which a file without captions has none: a captioned broadcast has its table in every picture."""
_MOST_SHOWN_SECONDS = 16.0
"""Time for which a caption stays, at most, that nothing takes away: decoders erase it then (CEA-608)."""


def read_closed_captions(video: "VideoSource") -> list[SubtitleCue]:
    """The captions of the first channel in time order, a cue for each screen; empty without any."""
    found: list[tuple[float, bytes]] = []
    with open_container(video.path) as container:
        stream = choose_stream(container)
        if stream is None:
            return []
        is_escaped = stream.codec_context.name in ("h264", "hevc")
        for number, packet in enumerate(video.clock.read_packets(container, stream)):
            if packet.pts is not None and (triplets := _find_triplets(bytes(packet), is_escaped=is_escaped)):
                found.append((float(packet.pts * packet.time_base), triplets))
            if number >= _PROBED_PACKETS and not found:
                return []
    pairs = [(seconds, triplets) for seconds, triplets in sorted(found) if _has_letters(triplets)]
    if not pairs:
        return []
    # FFmpeg says when a caption that pops on comes, and of all others only when they go
    comes = _decode(pairs, is_at_once=True)
    cues: list[SubtitleCue] = []
    before = float("-inf")
    for stop, rows in _decode([*pairs, (pairs[-1][0] + _MOST_SHOWN_SECONDS, _ERASE)], is_at_once=False):
        popped = [at for at, shown in comes if before <= at < stop and shown == rows]
        start = popped[0] if popped else next(at for at, _ in pairs if at >= before)
        cues.append(SubtitleCue(start, min(stop, start + _MOST_SHOWN_SECONDS), rows))
        before = stop
    return cues


def _decode(pairs: Sequence[tuple[float, bytes]], *, is_at_once: bool) -> list[tuple[float, tuple[str, ...]]]:
    """The rows on screen, with when they came if `is_at_once`, else with when they went."""
    import av

    decoder: Any = av.CodecContext.create("cc_dec", "r")
    decoder.options = {"real_time": str(int(is_at_once))}
    told = [(seconds, shown.ass) for seconds, pair in pairs for shown in decoder.decode2(av.Packet(pair)) or ()]
    rows = [(seconds, parse_ass_rows(ass.decode(errors="replace").split(",", 8)[-1])) for seconds, ass in told]
    return [(seconds, shown) for seconds, shown in rows if shown]


def _has_letters(triplets: bytes) -> bool:
    """Whether some pair is more than the zeros that a picture without news has, which are sent with parity."""
    return any(triplets[i] & 7 == 4 and (triplets[i + 1] | triplets[i + 2]) & 0x7F for i in range(0, len(triplets), 3))


def _find_triplets(packet: bytes, *, is_escaped: bool) -> bytes:
    """The caption bytes of one picture, three for each pair of characters; empty without any."""
    at = packet.find(_MARK)
    if at < 0:
        return b""
    table = packet[at + len(_MARK) :][: 3 * (3 * _MOST_TRIPLETS + 2) // 2]
    if is_escaped:  # where two zeros are followed by a 3 that is not part of the data
        table = table.replace(b"\0\0\3", b"\0\0")
    count = table[0] & _MOST_TRIPLETS if table else 0
    found = table[2 : 2 + 3 * count]
    return found[: len(found) // 3 * 3]
