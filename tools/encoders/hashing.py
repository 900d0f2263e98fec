"""An encoder without weights for tests: a picture is embedded by its colours, a text by its colour words."""

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (220, 30, 30),
    "green": (30, 180, 30),
    "blue": (30, 60, 220),
    "yellow": (235, 220, 40),
    "orange": (240, 140, 30),
    "purple": (130, 50, 170),
    "pink": (245, 150, 190),
    "brown": (120, 70, 30),
    "cyan": (40, 210, 220),
}
_ALIASES = {"gray": "grey", "violet": "purple", "turquoise": "cyan", "dark": "black"}
_OTHER_WORDS = 20
"""Dimensions for words that are no colours."""
_THUMBNAIL = (8, 4)
"""Width and height in pixels to which a picture is reduced before its colours are counted."""


class HashingEncoder:
    """Deterministic encoder: "red" finds the red frame, other words have fixed dimensions that no picture has."""

    name = "hashing"
    tiles = True
    dim = len(_COLOURS) + _OTHER_WORDS

    def encode_images(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Embeddings of pictures, (N, D) float32 unit rows: how much of a picture is nearest to each colour."""
        palette = np.array(list(_COLOURS.values()), np.float32)
        rows = np.zeros((len(pixels), self.dim), np.float32)
        for row, picture in zip(rows, pixels, strict=True):
            small = cv2.resize(picture, _THUMBNAIL, interpolation=cv2.INTER_AREA).reshape(-1, 3).astype(np.float32)
            nearest = np.linalg.norm(small[:, None] - palette, axis=2).argmin(1)
            row[: len(palette)] = np.bincount(nearest, minlength=len(palette))
        return _normalise_rows(rows)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of texts, (N, D) float32 unit rows: the colours that are named; without any, the other words."""
        rows = np.zeros((len(texts), self.dim), np.float32)
        names = list(_COLOURS)
        for row, text in zip(rows, texts, strict=True):
            words = [_ALIASES.get(word, word) for word in text.lower().replace("?", " ").split()]
            coloured = [names.index(word) for word in words if word in _COLOURS]
            for place in coloured or [_choose_dimension(word) for word in words or [""]]:
                row[place] += 1
        return _normalise_rows(rows)


def _choose_dimension(word: str) -> int:
    digest = hashlib.blake2b(word.encode(), digest_size=4).digest()
    return len(_COLOURS) + int.from_bytes(digest, "big") % _OTHER_WORDS


def _normalise_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
