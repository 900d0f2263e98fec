"""Stores the pictures of a page: each once however often it is shown, all within a budget of bytes."""

import hashlib
import io
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

from PIL import Image

from agent.rendering.data_uri import make_jpeg_uri
from tools.observation import FrameRef

PictureOf = Callable[[FrameRef], bytes | None]
"""A function that gives the JPEG of a reference, or None where it can't be had any more."""

BUDGET_BYTES = 3_000_000
"""Bytes of all pictures, before base64 makes them a third larger; a page of 4 MB opens at once and can be mailed."""

_LONG_SIDES = (640, 480, 400, 320, 256, 192)
"""Long sides in pixels that are tried, largest first, until the pictures fit."""

_QUALITY = 80
"""JPEG quality, 1..100, of pictures that are made smaller."""


@dataclass(frozen=True)
class StoredImage:
    """A stored picture with its size in pixels."""

    id: str
    width: int
    height: int
    jpeg: bytes

    @property
    def data_uri(self) -> str:
        """Data URI of the picture, which needs no network."""
        return make_jpeg_uri(self.jpeg)


@dataclass(frozen=True)
class ImageStore:
    """Pictures by reference; two references with the same bytes share one."""

    by_ref: dict[FrameRef, StoredImage]

    def get(self, ref: FrameRef) -> StoredImage | None:
        """The picture of a reference, or None if there is none."""
        return self.by_ref.get(ref)

    @property
    def stored(self) -> tuple[StoredImage, ...]:
        """Distinct pictures, each once."""
        return tuple({picture.id: picture for picture in self.by_ref.values()}.values())


def gather_pictures(
    refs: Iterable[FrameRef],
    picture_of: PictureOf,
    budget_bytes: int = BUDGET_BYTES,
    first: Collection[FrameRef] = (),
) -> ImageStore:
    """Fetches the pictures of references, made smaller together where they would not fit the budget.

    Args:
        refs: the references.
        picture_of: gives a JPEG, or None where it can't be had.
        budget_bytes: bytes of all pictures at most, as far as the smallest size allows.
        first: references whose pictures are made smaller only after all others.
    """
    ids: dict[bytes, str] = {}
    by_ref: dict[FrameRef, StoredImage] = {}
    for ref in dict.fromkeys(refs):
        jpeg = picture_of(ref)
        if jpeg is None:
            continue
        name = ids.setdefault(hashlib.blake2b(jpeg).digest(), f"p{len(ids) + 1}")
        by_ref[ref] = StoredImage(name, *_read_size(jpeg), jpeg)
    return ImageStore(_fit_budget(by_ref, budget_bytes, {by_ref[ref].id for ref in first if ref in by_ref}))


def _read_size(jpeg: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(jpeg)) as picture:  # reads the header only
        return picture.size


def _fit_budget(
    by_ref: dict[FrameRef, StoredImage], budget_bytes: int, first: Collection[str]
) -> dict[FrameRef, StoredImage]:
    distinct = {picture.id: picture for picture in by_ref.values()}
    others = set(distinct) - set(first)
    for names, long_side in [(others, side) for side in _LONG_SIDES] + [(set(first), side) for side in _LONG_SIDES]:
        if sum(len(picture.jpeg) for picture in distinct.values()) <= budget_bytes:
            break
        distinct |= {name: _shrink(distinct[name], long_side) for name in names}
    return {ref: distinct[picture.id] for ref, picture in by_ref.items()}


def _shrink(picture: StoredImage, long_side: int) -> StoredImage:
    """A picture at most `long_side` pixels long; unchanged if coding it again would not take fewer bytes."""
    with Image.open(io.BytesIO(picture.jpeg)) as opened:
        opened.thumbnail((long_side, long_side))
        coded = io.BytesIO()
        opened.convert("RGB").save(coded, "JPEG", quality=_QUALITY, optimize=True)
        width, height = opened.size
    if len(coded.getvalue()) >= len(picture.jpeg):
        return picture
    return replace(picture, width=width, height=height, jpeg=coded.getvalue())
