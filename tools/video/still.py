"""Decodes a still picture as a person sees it: turned as its camera says, transparency on grey."""

import warnings
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.pixels.rgb import blend_over_grey

_PNG = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPE = 25
"""Place in a PNG file of the byte with the colour type (PNG, 11.2.1)."""
_WITH_ALPHA = (4, 6)
"""Colour types of PNG with an alpha channel."""
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "AVIF")


def decode_still(stored: bytes) -> NDArray[np.uint8] | None:
    """RGB (H, W, 3) uint8 of a picture's bytes; None where they are no picture."""
    if _may_be_transparent(stored):
        return _decode_on_grey(stored)
    decoded = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_COLOR_RGB) if stored else None
    return None if decoded is None else np.asarray(decoded, np.uint8)


def read_still_size(path: Path) -> tuple[int, int] | None:
    """Size (width, height) in a file's header, without decoding it; None where it is no picture."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we have a limit of our own
            with Image.open(path, formats=_FORMATS) as picture:
                return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow raises for damage
        return None


def _may_be_transparent(stored: bytes) -> bool:
    """True for a PNG with an alpha channel, or with a colour or palette entries that are transparent."""
    if not stored.startswith(_PNG) or len(stored) <= _COLOUR_TYPE:
        return False
    return stored[_COLOUR_TYPE] in _WITH_ALPHA or b"tRNS" in stored[: max(0, stored.find(b"IDAT"))]


def _decode_on_grey(stored: bytes) -> NDArray[np.uint8] | None:
    """Lays a PNG over grey, by Pillow: OpenCV gives either the turned picture or its alpha."""
    from PIL import Image, ImageOps

    try:
        with Image.open(BytesIO(stored), formats=("PNG",)) as picture:
            return blend_over_grey(np.asarray(ImageOps.exif_transpose(picture).convert("RGBA")))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow raises for damage
        return None
