"""Colours as people name them: shares of named colours in a picture, and where a picture has the colour of a word.

A name is a handful of example colours in OKLab (Ottosson 2020), where distance is close to seen difference; a pixel
has the name of the nearest example. Twenty-one names are told apart; words like "crimson" or "light-blue" lead to them.
"""

import re
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

_EXAMPLES: dict[str, tuple[int, ...]] = {
    "black": (0x000000, 0x101010, 0x1E1E1E, 0x20181A, 0x151A22),
    "dark grey": (0x383838, 0x4A4A4A, 0x5A5A5A, 0x474C54, 0x524D4A),
    "grey": (0x6E6E6E, 0x808080, 0x969696, 0x7B828A, 0x8C8782, 0xA5A5A5),
    "light grey": (0xB8B8B8, 0xC8C8C8, 0xD6D6D6, 0xC4CAD0, 0xCFCAC4),
    "white": (0xE8E8E8, 0xF4F4F4, 0xFFFFFF, 0xF2F5F8, 0xFAF7F2),
    "red": (0xE01818, 0xC81E1E, 0xFF0000, 0xD83A34, 0xF04A40, 0xB81420),
    "dark red": (0x7A1016, 0x8E141C, 0x5E0C12, 0x6E2028),
    "orange": (0xFF8000, 0xF0701A, 0xFF9A2E, 0xE8862A, 0xF25C1E),
    "brown": (0x8B4513, 0x6B4423, 0x7B5230, 0x533418, 0x8B5A2B, 0x5C4330, 0x3E2A1A, 0x926B45),
    "reddish brown": (0x8A4A38, 0x7A3B2E, 0x9A5A48, 0xA0604E, 0x6A3228, 0xA9684F, 0xB4705A, 0x5E342C),
    "beige": (0xD8C3A0, 0xC8AE88, 0xE6D6BA, 0xB89C78, 0xEADFC8, 0xD2B48C),
    "yellow": (0xFFE600, 0xF5D327, 0xFFF04A, 0xE0C020, 0xFFEE88, 0xEDEB5A),
    "olive": (0x6B6B23, 0x808030, 0x55562A, 0x8A8A48, 0x4A4A20),
    "green": (0x1E9632, 0x2DB84A, 0x00C800, 0x58A83C, 0x4E9A46, 0x5FB878, 0x7CBE4A, 0x00FF00, 0x6E9A50),
    "light green": (0xA4E090, 0x98F098, 0xC0EAB0, 0xB4E65A),
    "dark green": (0x14501E, 0x1F5C2A, 0x0C3614, 0x2E5A34, 0x355026, 0x2A3C22),
    "turquoise": (0x30D0C0, 0x40C4C0, 0x1AA8A0, 0x5CD8D0, 0x0E8484, 0x00FFFF, 0x7AD6CE, 0x56B0A8),
    "light blue": (0x88BCEC, 0xA4CCF0, 0x6FB0E6, 0xB8DAF2, 0x90B4D8, 0x8CA8C8),
    "blue": (0x1E50D2, 0x2A6AE0, 0x0000FF, 0x2E7AC8, 0x3A5FA8, 0x1034A6, 0x4878B4, 0x3C8CE8, 0x557A9A),
    "navy": (0x000080, 0x101C50, 0x14245E, 0x1A2A48, 0x0A1238, 0x22305E),
    "purple": (0x800080, 0x6A2A9A, 0x7C3CAC, 0x50207A, 0x8A4AB8, 0x5A3A82, 0x5E2A66),
    "lavender": (0xB49AD8, 0xC4B0E4, 0xA48CC4, 0xD0C4EA, 0x9C8CB8, 0xB0A4CC, 0xA898B4),
    "magenta": (0xD020B0, 0xE030C8, 0xB01890, 0xFF00FF),
    "pink": (0xF4A0B8, 0xF8B8CC, 0xF080A8, 0xE8909E, 0xFF6EAF, 0xF4C8D0),
}
"""Example colours of each name, 0xRRGGBB, lit as in video: with shadows, highlights and pure screen colours."""

COLOUR_NAMES = tuple(_EXAMPLES)

_FAMILIES: dict[str, tuple[str, ...]] = {
    "grey": ("grey", "dark grey", "light grey"),
    "red": ("red", "dark red"),
    "brown": ("brown", "reddish brown"),
    "green": ("green", "light green", "dark green", "olive"),
    "blue": ("blue", "light blue", "navy"),
    "purple": ("purple", "lavender"),
    "pink": ("pink", "magenta"),
    "turquoise": ("turquoise",),
}
"""Names that a plain word covers when it is asked for: "blue" may be navy, "navy" may not be any blue."""

_OTHER_WORDS = {
    "grey": "gray",
    "dark grey": "dark gray, charcoal",
    "light grey": "light gray, silver",
    "red": "crimson, scarlet, vermilion, ruby, bright red",
    "dark red": "maroon, burgundy, wine red, deep red",
    "reddish brown": "auburn, russet, rust, red brown, reddish brown, terracotta, brownish red, brick red, chestnut",
    "beige": "tan, cream, sand, khaki, light brown, ivory, peach",
    "brown": "dark brown",
    "yellow": "gold, golden, blond, blonde, bright yellow, light yellow",
    "orange": "amber",
    "light green": "lime, pale green",
    "green": "bright green, emerald",
    "dark green": "forest green, deep green",
    "turquoise": "teal, cyan, aqua, aquamarine, blue green",
    "light blue": "sky blue, pale blue, baby blue, azure",
    "navy": "dark blue, navy blue, deep blue",
    "purple": "indigo, violet, dark purple",
    "lavender": "light purple, pale purple, lilac, mauve",
    "magenta": "fuchsia",
    "pink": "light pink, rose, salmon, hot pink",
    "blue": "bright blue",
}
_SYNONYMS = {word: name for name, words in _OTHER_WORDS.items() for word in words.split(", ")}

_LEVELS = 32
"""Steps of a channel in the table from colours to names: 8 of 256 values each, below what anyone sees in video."""
_LONGEST_SIDE = 320
"""Long side in pixels at which shares are taken: they do not change with more, and averaging hides noise."""


@dataclass(frozen=True)
class ColourShare:
    """A named colour and the share of the picture that has it, 0..1."""

    name: str
    share: float


def measure_colour_shares(pixels: NDArray[np.uint8]) -> tuple[ColourShare, ...]:
    """Named colours in an RGB picture (H, W, 3) that cover at least 1 % of it, the largest share first."""
    shares = _measure_shares(pixels)
    order = np.argsort(-shares, kind="stable")
    return tuple(ColourShare(COLOUR_NAMES[i], float(shares[i])) for i in order if shares[i] >= 0.01)


def find_colour_words(text: str) -> tuple[str, ...]:
    """Different colour words of a text in its order, in small letters: "a Dark-blue coat" -> ("dark blue",)."""
    return tuple(dict.fromkeys(_compile_colour_pattern().findall(" ".join(re.findall(r"[a-z]+", text.lower())))))


def find_colours(text: str) -> tuple[str, ...]:
    """Names of the colours that a text speaks of, in its order: "a dark-blue coat, red cap" -> (navy, red)."""
    return tuple(dict.fromkeys(_SYNONYMS.get(word, word) for word in find_colour_words(text)))


def find_colour(text: str) -> str | None:
    """The first colour that a text speaks of, None if it names none."""
    return next(iter(find_colours(text)), None)


@cache
def _compile_colour_pattern() -> re.Pattern[str]:
    # Longest first, or "dark blue" would be found as "blue".
    words = sorted({*COLOUR_NAMES, *_SYNONYMS}, key=len, reverse=True)
    return re.compile(r"\b(" + "|".join(words) + r")(?:ish|s)?\b")


def make_colour_mask(pixels: NDArray[np.uint8], word: str) -> NDArray[np.bool_]:
    """Mask (H, W) bool of where an RGB picture (H, W, 3) has the colour of a word.

    Raises:
        ValueError: the word names no colour.
    """
    name = find_colour(word)
    if name is None:
        raise ValueError(f"{word!r} names no colour: need one of {', '.join(COLOUR_NAMES)}")
    members = [COLOUR_NAMES.index(member) for member in _FAMILIES.get(name, (name,))]
    return np.isin(_name_pixels(pixels), members)


def _measure_shares(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Share of each of COLOUR_NAMES in a picture, (names,) float64, sum 1."""
    named = _name_pixels(_shrink(pixels))
    return np.bincount(named.ravel(), minlength=len(COLOUR_NAMES)) / named.size


def _shrink(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = _LONGEST_SIDE / max(pixels.shape[:2])
    if scale >= 1:
        return pixels
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _name_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Index into COLOUR_NAMES of each pixel, (H, W) uint8."""
    step = 256 // _LEVELS
    red, green, blue = (pixels[..., channel] // step for channel in range(3))
    named: NDArray[np.uint8] = _build_name_table()[red, green, blue]
    return named


@cache
def _build_name_table() -> NDArray[np.uint8]:
    """Table of indices into COLOUR_NAMES by red, green and blue step, (32, 32, 32) uint8."""
    middle = (np.arange(_LEVELS) + 0.5) * (256 // _LEVELS)
    grid = np.stack(np.meshgrid(middle, middle, middle, indexing="ij"), axis=-1).reshape(-1, 3)
    codes = [(code, index) for index, name in enumerate(COLOUR_NAMES) for code in _EXAMPLES[name]]
    examples = np.array([[code >> 16, code >> 8 & 255, code & 255] for code, _ in codes], np.float64)
    owner = np.array([index for _, index in codes], np.uint8)
    distance = _to_oklab(grid)[:, None, :] - _to_oklab(examples)[None, :, :]
    nearest = np.einsum("ijk,ijk->ij", distance, distance).argmin(axis=1)
    table: NDArray[np.uint8] = owner[nearest].reshape(_LEVELS, _LEVELS, _LEVELS)
    return table


def _to_oklab(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """Converts sRGB (N, 3) 0..255 to OKLab, lightness at half weight: shadow changes that more than a colour's name."""
    linear = np.where(rgb <= 10.31475, rgb / 255 / 12.92, ((rgb / 255 + 0.055) / 1.055) ** 2.4)
    cones = np.cbrt(
        linear
        @ np.array(
            [
                [0.4122214708, 0.2119034982, 0.0883024619],
                [0.5363325363, 0.6806995451, 0.2817188376],
                [0.0514459929, 0.1073969566, 0.6299787005],
            ]
        )
    )
    lab = cones @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return np.asarray(lab * np.array([0.5, 1.0, 1.0]))
