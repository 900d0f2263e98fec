"""Tags beside needles: white, with a number, a word or a sign in print of 13 pixels whatever the picture's size.

Small on purpose: needles are large and their tags small, so that finding is not yet reading.
"""

import random
from functools import lru_cache
from typing import Literal

import numpy as np

from evals.composed.lettering import render_lettering
from evals.composed.material import Pixels

Sort = Literal["number", "word", "sign"]

PRINT_PIXELS = 13
"""Height of a digit or capital of a tag."""
_PADDING = 6
"""Pixels between print and border of a tag."""

WORDS = tuple(
    "ALMOND BRICK CLOUD DINNER EMBER FABRIC GRAVEL HONEY IVORY JACKET KITCHEN LINEN MAPLE NIGHT OLIVE PEPPER QUARTZ "
    "RIBBON SILVER TIMBER URCHIN VELVET WALNUT MARBLE COTTON BUTTON CANDLE DAMSEL ENGINE FINGER".split()
)
SIGNS = {
    "#": "hash sign",
    "%": "percent sign",
    "&": "ampersand",
    "@": "at sign",
    "?": "question mark",
    "!": "exclamation mark",
    "+": "plus sign",
    "=": "equals sign",
    "$": "dollar sign",
    "*": "asterisk",
}


def draw_tags(rng: random.Random, sort: Sort, count: int) -> list[str]:
    """Draws different tags of one sort.

    Args:
        rng: source of randomness.
        sort: sort of the tags.
        count: number of tags.
    """
    if sort == "number":
        return [str(number) for number in rng.sample(range(100, 1000), count)]
    return rng.sample(WORDS if sort == "word" else tuple(SIGNS), count)


def sort_of(tag: str) -> Sort:
    """The sort of a tag by its text."""
    return "number" if tag.isdigit() else "sign" if tag in SIGNS else "word"


def tag_size(tag: str) -> tuple[int, int]:
    """Width and height of a tag in pixels."""
    height, width = tag_picture(tag).shape[:2]
    return width, height


@lru_cache(maxsize=256)
def tag_picture(tag: str) -> Pixels:
    """The picture of a tag, (height, width, 4) uint8 RGB and opacity, opaque."""
    letters = render_lettering(tag, PRINT_PIXELS)
    height, width = letters.shape[0] + 2 * _PADDING, letters.shape[1] + 2 * _PADDING
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[[0, -1], :, :3] = pixels[:, [0, -1], :3] = 40
    pixels[_PADDING:-_PADDING, _PADDING:-_PADDING, :3] -= letters[..., None] // 20 * 19
    return pixels
