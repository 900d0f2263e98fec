"""Drawn needles: shapes of one strong colour, and boards with a word. Nothing is fetched.

Colours are far from one another and from the dull ones of the drawn clips; a rim sets each needle off from any ground.
"""

from functools import lru_cache

import cv2
import numpy as np

from evals.composed.lettering import render_lettering
from evals.composed.material import Pixels
from evals.composed.shapes import SHAPES, draw_stencil

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 24, 32),
    "orange": (255, 136, 0),
    "yellow": (255, 222, 20),
    "green": (20, 160, 50),
    "blue": (25, 60, 220),
    "purple": (140, 30, 180),
}

WORDS = tuple(
    "ANCHOR BAKERY CASTLE DESERT FOREST GARDEN HARBOR ISLAND LIBRARY MARKET MUSEUM ORCHARD PALACE RIVER STATION "
    "TEMPLE THEATER TUNNEL VALLEY WINTER".split()
)
_BOARD = "word "
_BOARD_ASPECT = 2.0
"""Width over height of a board."""
_RIM_SHARE = 0.03
"""Width of the rim over the height of a needle."""
_LIGHT = ("yellow", "orange")
"""Colours with a dark rim and dark letters."""


class DrawnNeedles:
    """Shapes and boards with a word, each in any of the colours."""

    names = (*SHAPES, *(_BOARD + word for word in WORDS))
    colours = tuple(COLOURS)

    def aspect(self, name: str) -> float:
        """Width over height of a needle."""
        return _BOARD_ASPECT if name.startswith(_BOARD) else 1.0

    def picture(self, name: str, colour: str | None, width: int, height: int) -> Pixels:
        """The picture of a needle, (height, width, 4) uint8 RGB and opacity.

        Raises:
            ValueError: there is no colour.
        """
        if colour is None:
            raise ValueError(f"a drawn needle needs a colour, one of {', '.join(COLOURS)}")
        return (
            _paint_board(name, colour, width, height)
            if name.startswith(_BOARD)
            else _paint_shape(name, colour, width, height)
        )


@lru_cache(maxsize=64)
def _paint_shape(name: str, colour: str, width: int, height: int) -> Pixels:
    inside = draw_stencil(name, width, height)
    rim = max(2, round(_RIM_SHARE * height))
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * rim + 1, 2 * rim + 1))
    opacity = np.asarray(cv2.dilate(inside, reach), np.uint8)
    share = inside[..., None].astype(np.uint16)
    ink, edge = np.array(COLOURS[colour], np.uint16), np.array(_rim(colour), np.uint16)
    painted = (share * ink + (255 - share) * edge + 127) // 255
    return np.dstack([painted.astype(np.uint8), opacity])


@lru_cache(maxsize=64)
def _paint_board(name: str, colour: str, width: int, height: int) -> Pixels:
    rim = max(2, round(_RIM_SHARE * height))
    pixels = np.full((height, width, 4), 255, np.uint8)
    pixels[..., :3] = _rim(colour)
    pixels[rim:-rim, rim:-rim, :3] = COLOURS[colour]
    letters = _fit_lettering(name.removeprefix(_BOARD), round(0.8 * width), round(0.4 * height))
    top, left = (height - letters.shape[0]) // 2, (width - letters.shape[1]) // 2
    middle = pixels[top : top + letters.shape[0], left : left + letters.shape[1], :3]
    share = letters[..., None].astype(np.uint16)
    middle[:] = (share * np.array(_rim(colour), np.uint16) + (255 - share) * middle + 127) // 255
    return pixels


def _fit_lettering(word: str, width: int, height: int) -> Pixels:
    """Opacity of the word as large as fits, (height, width) uint8."""
    while (letters := render_lettering(word, height, max(1, height // 24))).shape[1] > width:
        height = min(height - 1, height * width // letters.shape[1])
    return letters


def _rim(colour: str) -> tuple[int, int, int]:
    return (20, 20, 20) if colour in _LIGHT else (255, 255, 255)
