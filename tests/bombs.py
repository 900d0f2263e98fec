"""Small files that promise much: written byte by byte, since no encoder makes them."""

import struct
import zlib
from collections.abc import Sequence


def png(width: int, height: int) -> bytes:
    """A black picture of one bit a pixel: 4 kB for 16,000 x 16,000."""
    row = bytes(1 + (width + 7) // 8)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def gif(width: int, height: int) -> bytes:
    """Two pictures of 2x2 pixels on a canvas of that size."""
    frame = b"\x21\xf9\4\0\x0a\0\0\0" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 2, 2, 0) + b"\2\2\x84\x51\0"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame * 2 + b"\x3b"


def matroska(times: Sequence[int], picture: bytes, size: tuple[int, int], scale: int = 1_000_000) -> bytes:
    """PNG pictures at those times, in units of `scale` nanoseconds, a cluster for each."""
    fourcc = struct.pack("<IiiHH4sIiiII", 40, *size, 1, 24, b"MPNG", 0, 0, 0, 0, 0)
    versions = (("4286", 1), ("42F7", 1), ("42F2", 4), ("42F3", 8), ("4287", 4), ("4285", 2))
    head = _element("1A45DFA3", b"".join(_number(*one) for one in versions) + _element("4282", b"matroska"))
    shape = _element("E0", _number("B0", size[0]) + _number("BA", size[1]))
    numbers = (("D7", 1), ("73C5", 1), ("83", 1), ("9C", 0))
    track = b"".join(_number(*one) for one in numbers)
    track += _element("86", b"V_MS/VFW/FOURCC") + _element("63A2", fourcc) + shape
    info = _element("1549A966", _number("2AD7B1", scale))
    clusters = (_element("1F43B675", _number("E7", time) + _block(0, picture)) for time in times)
    return head + _element("18538067", info + _element("1654AE6B", _element("AE", track)) + b"".join(clusters))


def many_pictures(count: int) -> bytes:
    """That many pictures a microsecond apart, in Matroska."""
    picture = png(8, 8)
    start = matroska([], picture, (8, 8), scale=1000)
    clusters = b"".join(
        _element(
            "1F43B675", _number("E7", first) + b"".join(_block(i, picture) for i in range(min(30_000, count - first)))
        )
        for first in range(0, count, 30_000)
    )
    segment = start.index(bytes.fromhex("18538067")) + 4
    body = start[segment + 8 :] + clusters
    return start[:segment] + _size(len(body)) + body


def _block(time: int, data: bytes) -> bytes:
    return _element("A3", b"\x81" + struct.pack(">h", time) + b"\x80" + data)


def _element(identity: str, data: bytes) -> bytes:
    return bytes.fromhex(identity) + _size(len(data)) + data


def _number(identity: str, value: int) -> bytes:
    return _element(identity, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _size(length: int) -> bytes:
    return (0x0100000000000000 | length).to_bytes(8, "big")


def mp4(
    samples: int,
    ticks_each: int = 1,
    ticks_a_second: int = 1000,
    sample_bytes: int = 1,
    edits: int = 0,
    reference: bytes = b"",
    packed: bool = False,
) -> bytes:
    """One track of that many samples, all of one size, in a table of 20 bytes, and two pictures of data.

    `reference` is a data reference entry instead of the usual one to the file itself; `packed`, a packed header.
    """
    picture = png(64, 48)
    sample_bytes = sample_bytes or len(picture)
    start = _box(b"ftyp", b"isom\0\0\2\0isommp42")
    data = _box(b"mdat", picture * 2)
    duration = min(samples * ticks_each, 2**32 - 1)
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    entry = struct.pack(">6xH16xHHIIIH32sHh", 1, 64, 48, 0x480000, 0x480000, 0, 1, b"", 24, -1)
    tables = _full(b"stsd", struct.pack(">I", 1) + _box(b"png ", entry))
    tables += _full(b"stts", struct.pack(">III", 1, samples, ticks_each))
    tables += _full(b"stsc", struct.pack(">IIII", 1, 1, samples, 1))
    tables += _full(b"stsz", struct.pack(">II", sample_bytes, samples))
    tables += _full(b"stco", struct.pack(">II", 1, len(start) + 8))
    reference = reference or _full(b"url ", b"", flags=1)
    where = _box(b"dinf", _full(b"dref", struct.pack(">I", 1) + reference))
    media = _box(b"minf", _full(b"vmhd", bytes(8), flags=1) + where + _box(b"stbl", tables))
    about = _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, ticks_a_second, duration, 0x55C4, 0))
    about += _full(b"hdlr", b"\0\0\0\0vide" + bytes(12) + b"v\0")
    header = struct.pack(">IIIII8xHHHH", 0, 0, 1, 0, duration, 0, 0, 0, 0) + matrix
    track = _full(b"tkhd", header + struct.pack(">II", 64 << 16, 48 << 16), flags=3)
    if edits:
        lists = struct.pack(">Iii", duration, 0, 0x10000) * edits
        track += _box(b"edts", _full(b"elst", struct.pack(">I", edits) + lists))
    clock = struct.pack(">IIIIIH10x", 0, 0, ticks_a_second, duration, 0x10000, 0x100)
    movie = _full(b"mvhd", clock + matrix + bytes(24) + struct.pack(">I", 2))
    movie += _box(b"trak", track + _box(b"mdia", about + media))
    if packed:
        plain = _box(b"moov", movie)
        wrapped = struct.pack(">I", len(plain)) + zlib.compress(plain)
        movie = _box(b"cmov", _box(b"dcom", b"zlib") + _box(b"cmvd", wrapped))
    return start + data + _box(b"moov", movie)


def fragment(samples: int) -> bytes:
    """A fragment of an MP4 file that promises that many samples without a byte for each."""
    run = _full(b"trun", struct.pack(">I", samples))
    return _box(b"moof", _full(b"mfhd", b"\0\0\0\1") + _box(b"traf", _full(b"tfhd", b"\0\0\0\1") + run))


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def _full(kind: bytes, data: bytes, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", flags) + data)


def outside_reference(path: bytes) -> bytes:
    """A QuickTime data reference to another file, as an alias with its path."""
    alias = bytearray(150)
    name = path.rsplit(b"/", 1)[-1]
    alias[4:6] = struct.pack(">H", 150)  # record size, version 2, kind file
    alias[6:8] = struct.pack(">H", 2)
    alias[50 : 51 + len(name)] = bytes([len(name)]) + name
    alias[130:134] = struct.pack(">HH", 1, 1)  # beside this file
    tail = struct.pack(">hH", 2, len(path)) + path + b"\0" * (len(path) % 2)
    tail += struct.pack(">hH", 18, len(path)) + path + b"\0" * (len(path) % 2) + struct.pack(">hH", -1, 0)
    return _full(b"alis", bytes(alias) + tail)
