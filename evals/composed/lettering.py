"""Printed words as an opacity mask, in the font that comes with Pillow: the same letters on every machine.

OpenCV's own letters changed between its versions 4 and 5.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from evals.composed.material import Pixels

_CAPITALS_SHARE = 0.71
"""Height of the font's capitals over the font size."""


@lru_cache(maxsize=256)
def render_lettering(text: str, capital_pixels: int, weight: int = 0) -> Pixels:
    """Opacity mask of a line of text, (H, W) uint8, 0..255, without a margin.

    Args:
        text: the text.
        capital_pixels: height of a capital letter in pixels.
        weight: pixels added to every stroke.
    """
    font = ImageFont.load_default(round(capital_pixels / _CAPITALS_SHARE))
    left, top, right, bottom = font.getbbox(text, stroke_width=weight)
    image = Image.new("L", (int(np.ceil(right - left)), int(np.ceil(bottom - top))), 0)
    ImageDraw.Draw(image).text((-left, -top), text, fill=255, font=font, stroke_width=weight)
    return np.asarray(image, np.uint8)
