"""Closed captions written into the pictures of drawn clips, as a broadcaster's encoder does it."""

import re
from pathlib import Path

import av
import pytest

from tests import clips
from tools.speech.closed_captions import read_closed_captions
from tools.speech.subtitles import read_subtitle_streams
from tools.video.video import Video

FPS = 30
LOAD, CLEAR_HIDDEN, SHOW, CLEAR, BOTTOM_ROW = 0x1420, 0x142E, 0x142F, 0x142C, 0x1470
ROLL_TWO_ROWS, NEW_ROW = 0x1425, 0x142D


def _letters(text: str) -> list[int]:
    padded = text + "\0" * (len(text) % 2)
    return [ord(padded[i]) << 8 | ord(padded[i + 1]) for i in range(0, len(padded), 2)]


def _popped(text: str) -> list[int]:
    return [LOAD, CLEAR_HIDDEN, BOTTOM_ROW, *_letters(text), SHOW]


def _with_parity(byte: int) -> int:
    return byte | 0x80 * (byte.bit_count() % 2 == 0)


def _table(pair: int) -> bytes:
    """ATSC A/53, part 4, 6.2.3: one pair of field 1, and padding whose zeros H.264 has to escape."""
    said = bytes([0xFC, _with_parity(pair >> 8), _with_parity(pair & 0x7F)])
    return b"GA94\x03" + bytes([0xC0 | 2, 0xFF]) + said + b"\xf9\0\0" + b"\xff"


def _insert(packet: bytes, table: bytes, ending: str) -> bytes:
    if ending == "mpg":  # user data before the first slice
        first_slice = packet.index(b"\0\0\x01\x01")
        return packet[:first_slice] + b"\0\0\x01\xb2" + table + packet[first_slice:]
    message = b"\xb5\0\x31" + table
    unit = re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", b"\x06\x04" + bytes([len(message)]) + message + b"\x80")
    if ending == "mp4":
        return len(unit).to_bytes(4, "big") + unit + packet
    return b"\0\0\0\x01" + unit + packet


def _write_captioned(path: Path, pairs: dict[int, list[int]], frames: int = 150) -> Path:
    """A clip with pairs of characters from the given frames on, one a frame."""
    codec = "mpeg2video" if path.suffix == ".mpg" else "libx264"
    plain = clips.write_clip(path.with_stem("plain"), frames=frames, fps=FPS, codec=codec)
    told = {first + i: pair for first, some in pairs.items() for i, pair in enumerate(some)}
    with av.open(str(plain)) as source, av.open(str(path), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.size]
        shown = sorted(packet.pts or 0 for packet in packets)
        for packet in packets:
            pair = told.get(shown.index(packet.pts or 0), 0)
            new = av.Packet(_insert(bytes(packet), _table(pair), path.suffix[1:]))
            new.pts, new.dts, new.time_base, new.stream = packet.pts, packet.dts, packet.time_base, copy
            new.is_keyframe = packet.is_keyframe
            target.mux(new)
    return path


@pytest.mark.parametrize("ending", ["ts", "mp4", "mpg"])
def test_captions_in_the_pictures_are_read_at_their_times(tmp_path: Path, ending: str) -> None:
    first, second = _popped("THE HERON WAITS"), _popped("UNTIL NOON")
    path = _write_captioned(tmp_path / f"clip.{ending}", {10: first, 70: second, 130: [CLEAR]})
    with av.open(str(path)) as container:  # FFmpeg takes them for captions too
        assert any(frame.side_data.get("A53_CC") for frame in container.decode(video=0))
    with Video(path) as video:
        found = read_subtitle_streams(video)
    assert [line.text for line in found.lines] == ["THE HERON WAITS", "UNTIL NOON"]
    starts = [(10 + len(first) - 1) / FPS, (70 + len(second) - 1) / FPS]
    assert [line.start_seconds for line in found.lines] == pytest.approx(starts, abs=0.1)
    assert [line.stop_seconds for line in found.lines] == pytest.approx([starts[1], 130 / FPS], abs=0.1)
    assert found.is_whole


def test_live_captions_that_roll_up_are_told_once(tmp_path: Path) -> None:
    rows = {
        10 + 40 * i: [ROLL_TWO_ROWS, NEW_ROW, BOTTOM_ROW, *_letters(row)]
        for i, row in enumerate(("the mill turns at dawn", "and stops at noon", "when the bell rings"))
    }
    with Video(_write_captioned(tmp_path / "live.ts", rows)) as video:
        told = " ".join(line.text for line in read_subtitle_streams(video).lines)
    assert told == "the mill turns at dawn and stops at noon when the bell rings"


def test_pictures_without_captions_tell_nothing(tmp_path: Path) -> None:
    with Video(clips.write_clip(tmp_path / "plain.ts", frames=30)) as video:
        assert read_closed_captions(video) == []
        assert not read_subtitle_streams(video).is_whole
    with Video(_write_captioned(tmp_path / "silent.ts", {}, frames=30)) as video:
        assert not read_subtitle_streams(video).is_whole
