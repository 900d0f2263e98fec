"""Fits pictures into a reply: hosts cut a result off at 1 MB and refuse what is too wide or too many."""

import io
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from agent.report.images import PictureOf
from tools.observation import FrameRef
from tools.sampling import format_seconds

MOST_PICTURES = 6
"""Pictures of a reply at most."""
MOST_BASE64_BYTES = 700_000
"""Bytes of all pictures of a reply in base64; the rest of the 1 MB that Claude Desktop takes is for the words."""
_LONG_SIDES = (1568, 1280, 1024, 800, 640, 480, 320)
"""Long sides in pixels that are tried, largest first. Anthropic's models scale down what is longer than the first."""
_QUALITY = 80
"""JPEG quality, 1..100, of pictures that are made smaller."""


@dataclass(frozen=True)
class FittedPictures:
    """Pictures that fit into a reply."""

    by_ref: dict[FrameRef, bytes]
    """JPEG by reference, in the order of the references."""
    notes: tuple[str, ...] = ()
    """Sentences that say what was left out or made smaller."""


def fit_pictures(refs: Iterable[FrameRef], picture_of: PictureOf) -> FittedPictures:
    """The pictures of the first few references, made smaller together until they fit a reply.

    Args:
        refs: the references.
        picture_of: gives a JPEG, or None where it can't be had.
    """
    distinct = tuple(dict.fromkeys(refs))
    sent, left_out = distinct[:MOST_PICTURES], distinct[MOST_PICTURES:]
    had = {ref: jpeg for ref in sent if (jpeg := picture_of(ref)) is not None}
    notes = [f"The frame at {format_time(ref)} s can't be had." for ref in sent if ref not in had]
    if left_out:
        times = ", ".join(map(format_time, left_out))
        notes.append(f"A reply has at most {MOST_PICTURES} pictures; left out are those at {times} s.")
    for long_side in _LONG_SIDES:
        fitted = {ref: _shrink(jpeg, long_side) for ref, jpeg in had.items()}
        if sum(map(measure_base64, fitted.values())) <= MOST_BASE64_BYTES:
            break
    if fitted != had:
        notes.append(f"Pictures were made smaller to fit a reply: at most {long_side} pixels a side.")
    return FittedPictures(fitted, tuple(notes))


def format_time(ref: FrameRef) -> str:
    """The second of a frame, with the number of its video where there are several."""
    return f"{'' if ref.video is None else f'video {ref.video}, '}{format_seconds(ref.seconds)}"


def measure_base64(data: bytes) -> int:
    """Bytes that data takes in base64."""
    return -(-len(data) // 3) * 4


def _shrink(jpeg: bytes, long_side: int) -> bytes:
    with Image.open(io.BytesIO(jpeg)) as picture:
        if max(picture.size) <= long_side:
            return jpeg
        picture.thumbnail((long_side, long_side))
        coded = io.BytesIO()
        picture.convert("RGB").save(coded, "JPEG", quality=_QUALITY)
    return coded.getvalue()
