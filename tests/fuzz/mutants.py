"""Deterministic changes to a file's bytes: anywhere, and where its format keeps sizes, counts and times."""

import re
import struct
from collections.abc import Callable
from random import Random

Mutator = Callable[[bytearray, Random], bytearray]

INTS_4 = (0, 1, 2, 0x7F, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x01000000, 16384, 65535)
INTS_8 = (0, 1, 2**31, 2**32 - 1, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 10**15, 10**18)
NUMBERS = (b"-1", b"0", b"1e308", b"NaN", b"Infinity", b"9" * 30, b"1e-300", b"null", b'"x"', b"true", b"[]", b"{}")
ODD_TEXT = (
    b"\xff",
    b"\0",
    b"\x1b[2J",
    b"{" * 3000,
    b"<" * 3000,
    b"[" * 3000,
    b"\n" * 3000,
    b"9" * 3000,
    "\u202e".encode(),
)


def change(data: bytes, name: str, random: Random) -> tuple[bytes, str]:
    """The changed bytes, and what was done to them; `name` says by its ending which format it is."""
    own = OF_FORMAT.get(name.rpartition(".")[2], ())
    changed, done = bytearray(data), []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        mutator = random.choice(own) if own and random.random() < 0.5 else random.choice(ANYWHERE)
        if len(changed) > 16:
            changed = mutator(changed, random)
            done.append(mutator.__name__)
    return bytes(changed), "+".join(done)


def flip_bytes(data: bytearray, random: Random) -> bytearray:
    start, stop = random.choice(((0, len(data)), (0, min(2048, len(data))), (max(0, len(data) - 4096), len(data))))
    for _ in range(random.choice((1, 3, 10, 50))):
        data[random.randrange(start, stop)] = random.randrange(256)
    return data


def cut_end(data: bytearray, random: Random) -> bytearray:
    return data[: random.randrange(1, len(data))]


def cut_start(data: bytearray, random: Random) -> bytearray:
    return data[random.randrange(1, len(data) // 2) :]


def take_out(data: bytearray, random: Random) -> bytearray:
    start = random.randrange(len(data))
    del data[start : start + random.choice((1, 4, 100, 10_000))]
    return data


def repeat(data: bytearray, random: Random) -> bytearray:
    start = random.randrange(len(data))
    stop = start + random.choice((4, 100, 10_000))
    return data[:stop] + data[start:stop] * random.choice((1, 2, 50)) + data[stop:]


def twice(data: bytearray, random: Random) -> bytearray:
    """The file behind itself, as recordings are glued together."""
    return data + data[random.choice((0, 0, random.randrange(len(data)))) :]


def put_in(data: bytearray, random: Random) -> bytearray:
    place = random.randrange(len(data))
    return data[:place] + random.randbytes(random.choice((1, 4, 64, 1000))) + data[place:]


def wipe(data: bytearray, random: Random) -> bytearray:
    start = random.randrange(len(data))
    length = min(random.choice((4, 64, 1000, 8000)), len(data) - start)
    data[start : start + length] = bytes(length)
    return data


def set_integers(data: bytearray, random: Random) -> bytearray:
    for _ in range(random.choice((1, 2, 5))):
        start, stop = random.choice(((0, min(2048, len(data) - 8)), (max(0, len(data) - 4096), len(data) - 8)))
        _put(data, random.randrange(start, max(stop, start + 1)), random)
    return data


def set_box_field(data: bytearray, random: Random) -> bytearray:
    """A number in one of the tables of MP4."""
    tables = rb"mvhd|mdhd|tkhd|stts|ctts|stsz|stco|elst|stsd|stsc|stss|trun|tfdt|tfhd|hdlr|sidx|dref|trex"
    return _set_behind(data, tables, random, ">", most=60)


def set_box_size(data: bytearray, random: Random) -> bytearray:
    places = [found.start() - 4 for found in re.finditer(rb"moov|trak|mdia|minf|stbl|moof|traf|mdat|stsd|edts", data)]
    places = [place for place in places if place >= 0]
    if places:
        struct.pack_into(">I", data, random.choice(places), random.choice(INTS_4))
    return data


def set_element(data: bytearray, random: Random) -> bytearray:
    """The length or the content of an element of Matroska: scale, duration, sizes, times, blocks, tracks, seeks."""
    names = (
        b"\x2a\xd7\xb1",
        b"\x44\x89",
        b"\xb0",
        b"\xba",
        b"\xe7",
        b"\x9b",
        b"\xa3",
        b"\xa0",
        b"\x23\xe3\x83",
        b"\x63\xa2",
    )
    name = random.choice(
        (*names, b"\x53\xac", b"\xb3", b"\xf1", b"\x86", b"\x83", b"\xd7", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75")
    )
    places = [found.end() for found in re.finditer(re.escape(name), data) if found.end() < len(data) - 9]
    if places:
        place = random.choice(places)
        if random.random() < 0.3:
            data[place] = random.choice((0, 0x80, 0x88, 0xFF, 0x01, 0x40))
        else:
            length = min(max(data[place] & 0x7F, 1), 8)
            data[place + 1 : place + 1 + length] = random.choice(
                (b"\xff" * length, bytes(length), b"\x7f" + b"\xff" * (length - 1), random.randbytes(length))
            )
    return data


def set_chunk_field(data: bytearray, random: Random) -> bytearray:
    """A number in a header or an index of AVI."""
    return _set_behind(data, rb"avih|strh|strf|idx1|LIST|movi|00dc|01wb|RIFF|indx", random, "<", most=16)


def set_packet(data: bytearray, random: Random) -> bytearray:
    """A header, a time or a whole packet of a transport stream."""
    for _ in range(random.choice((1, 3, 20))):
        start = 188 * random.randrange(max(1, len(data) // 188))
        what = random.random()
        if what < 0.3:
            data[start + 1 : start + 4] = random.randbytes(3)
        elif what < 0.7:
            place = max(start, data.find(b"\0\0\1\xe0", start))
            times = (b"\xff" * 10, random.randbytes(10), bytes((0x21, 0, 1, 0, 1)) * 2)
            data[place + 9 : place + 19] = random.choice(times)
        else:
            del data[start : start + 188]
        if len(data) < 400:
            break
    return data


def set_gif_field(data: bytearray, random: Random) -> bytearray:
    """The size of the canvas, or the delay or size of a picture."""
    places = [found.start() for found in re.finditer(rb"\x21\xf9\x04", data) if found.start() < len(data) - 17]
    if random.random() < 0.3 or not places:
        struct.pack_into("<HH", data, 6, random.choice((0, 1, 65535, 16384)), random.choice((0, 1, 65535, 16384)))
    else:
        place = random.choice(places)
        struct.pack_into("<H", data, place + 4, random.choice((0, 1, 65535)))
        struct.pack_into("<HH", data, place + 13, random.choice((0, 1, 65535, 80)), random.choice((0, 65535, 80)))
    return data


def set_number_in_text(data: bytearray, random: Random) -> bytearray:
    """Numbers of JSON and of subtitles, replaced by others or by something else."""
    for _ in range(random.choice((1, 1, 3, 10))):
        found = list(re.finditer(rb"-?\d+(?:\.\d+)?", data))
        if found:
            one = random.choice(found)
            data[one.start() : one.end()] = random.choice(NUMBERS)
    return data


def drop_key(data: bytearray, random: Random) -> bytearray:
    """A key of JSON is renamed, or its value replaced."""
    found = list(re.finditer(rb'"(\w+)": ?("[^"]*"|[\d.]+|null|true|false)?', data))
    if found:
        one = random.choice(found)
        group = 2 if one.group(2) is not None and random.random() < 0.6 else 1
        data[one.start(group) : one.end(group)] = random.choice(NUMBERS) if group == 2 else b"other"
    return data


def put_odd_text_in(data: bytearray, random: Random) -> bytearray:
    place = random.randrange(len(data))
    return data[:place] + random.choice(ODD_TEXT) + data[place:]


def _set_behind(data: bytearray, names: bytes, random: Random, order: str, most: int) -> bytearray:
    places = [found.end() for found in re.finditer(names, data)]
    for _ in range(random.choice((1, 2, 6)) if places else 0):
        place = random.choice(places) + 4 * random.randrange(most)
        if place + 4 <= len(data):
            struct.pack_into(f"{order}I", data, place, random.choice(INTS_4))
    return data


def _put(data: bytearray, place: int, random: Random) -> None:
    order = random.choice("<>")
    if random.random() < 0.7:
        struct.pack_into(f"{order}I", data, place, random.choice(INTS_4))
    else:
        struct.pack_into(f"{order}Q", data, place, random.choice(INTS_8))


ANYWHERE: tuple[Mutator, ...] = (
    *(flip_bytes, flip_bytes, flip_bytes, cut_end, cut_start, take_out, repeat, twice, put_in, wipe, set_integers),
)
_BOXES: tuple[Mutator, ...] = (set_box_field, set_box_field, set_box_size)
_TEXT: tuple[Mutator, ...] = (set_number_in_text, set_number_in_text, drop_key, put_odd_text_in)
OF_FORMAT: dict[str, tuple[Mutator, ...]] = {
    **dict.fromkeys(("mp4", "mov", "3gp"), _BOXES),
    **dict.fromkeys(("mkv", "webm"), (set_element,)),
    **dict.fromkeys(("ts",), (set_packet,)),
    **dict.fromkeys(("avi",), (set_chunk_field,)),
    **dict.fromkeys(("gif",), (set_gif_field,)),
    **dict.fromkeys(("srt", "vtt", "ass", "json", "reply"), _TEXT),
}
