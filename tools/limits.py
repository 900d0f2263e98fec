"""Limits on the size of a file in every respect: a few bytes can promise pictures, years or lines without end.

Each limit lies beyond what real films have, and below what would fill the memory of a laptop. What is beyond one is
refused in a sentence when it is opened, before anything of that size is made.
"""

from pathlib import Path


class VideoError(ValueError):
    """The user's bad input, in one sentence: no such file, not a video, no frame that decodes."""


MAX_PICTURE_PIXELS = 2**26
"""Twice 8K (7680x4320), 8192x8192. A decoder needs about 12 bytes for each pixel, 0.8 GB."""
MAX_PICTURE_SIDE = 2**15
"""Walls of screens have pictures 20,000 wide; scaling works with 16-bit places."""
MAX_SECONDS = 7 * 24 * 3600.0
"""A week of one camera. The index looks at each second, so a length alone, without frames, costs memory."""
MAX_PACKETS = 12_000_000
"""40 hours at 30 frames a second with sound are 11 million; the tables of times take 70 bytes for each, 0.8 GB."""
MAX_STREAMS = 400
"""A whole satellite transponder, 40 programmes of ten streams."""
OPEN_SECONDS = 60.0
"""Time to open a file: slow disks and networks need a few seconds for a header and the 5 MB that are probed."""
READ_SECONDS = 60.0
"""Time to read one packet, which is found in milliseconds, on a slow network in seconds."""
MAX_PICTURE_FILES = 1_000_000
"""Pictures in a folder: nine hours at 30 a second."""


def is_picture_size(width: int, height: int) -> bool:
    """Whether a picture is small enough to be decoded."""
    return width * height <= MAX_PICTURE_PIXELS and max(width, height) <= MAX_PICTURE_SIDE


def check_picture_size(path: Path, width: int, height: int) -> None:
    """Refuses a picture that is too large to be decoded.

    Args:
        path: the file, for the message.
        width: pixels.
        height: pixels.

    Raises:
        VideoError: it is larger than `MAX_PICTURE_PIXELS` or `MAX_PICTURE_SIDE`.
    """
    if not is_picture_size(width, height):
        raise VideoError(
            f"{path}: pictures of {width}x{height} pixels are too large; {MAX_PICTURE_PIXELS >> 20} megapixels and "
            f"{MAX_PICTURE_SIDE} a side can be read"
        )


def check_length(path: Path, seconds: float) -> None:
    """Refuses a video that is too long.

    Raises:
        VideoError: it is longer than `MAX_SECONDS`, or has no length.
    """
    if not 0 < seconds <= MAX_SECONDS:
        raise VideoError(
            f"{path}: a length of {seconds:.6g} s can't be right; up to {MAX_SECONDS:.0f} s (a week) can be read"
        )


def check_packet_count(path: Path | str, count: int) -> None:
    """Refuses a file with more packets, of pictures and sound together, than fit in memory.

    Raises:
        VideoError: it has more than `MAX_PACKETS`.
    """
    if count > MAX_PACKETS:
        raise VideoError(f"{path} holds more than {MAX_PACKETS} packets, which is too many to be read")
