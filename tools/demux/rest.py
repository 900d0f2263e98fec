"""Finds out whether a file holds another recording behind the last packet that could be read.

FFmpeg reads on into some files that were glued to others and stops before others; what it leaves must not be taken
for nothing.
"""

from pathlib import Path

_STARTS = {
    "matroska,webm": b"\x1a\x45\xdf\xa3",
    "flv": b"FLV\x01",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "ivf": b"DKIF\0\0",
    "yuv4mpegpipe": b"YUV4MPEG2 ",
    "apng": b"\x89PNG\r\n\x1a\n",
}
"""First bytes of a recording, by FFmpeg's name of the format."""
_MOST_BYTES = 64 * 2**20
"""Bytes behind the last packet that are searched: what formats keep there is smaller."""


def holds_more(path: Path, format_name: str, after: int) -> bool:
    """Whether another recording begins behind the last packet of a file.

    Args:
        path: the file.
        format_name: FFmpeg's name of its format.
        after: byte at which the packets end.
    """
    if "mp4" in format_name.split(","):
        return any(kind == b"mdat" and start >= after and size > 16 for start, size, kind in _read_boxes(path))
    start = _STARTS.get(format_name)
    if start is None or path.stat().st_size - after <= len(start):
        return False
    with path.open("rb") as file:
        file.seek(after)
        return start in file.read(_MOST_BYTES)


def _read_boxes(path: Path) -> list[tuple[int, int, bytes]]:
    """Boxes (start, size, kind) at the top of an MP4 file, as far as they follow each other."""
    boxes: list[tuple[int, int, bytes]] = []
    place, end = 0, path.stat().st_size
    with path.open("rb") as file:
        while place + 8 <= end and len(boxes) < 100_000:
            file.seek(place)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:  # the size did not fit
                size = int.from_bytes(head[8:16], "big")
            if size == 0:  # up to the end
                size = end - place
            if size < 8:
                break
            boxes.append((place, size, head[4:8]))
            place += size
    return boxes
