"""Features of pictures from the frozen, packaged EfficientNet-lite0: of the cells of its grid, and of regions.

A region is a connected patch of one colour, found without a network; its features are the mean over the cells that it
covers (mask-based average pooling). They stand in for the segments of a model such as SAM, which no package carries.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from agent.policies.local.connectors import CHANNELS, FEATURES, GRID, OBJECTS
from tools.encoders.efficientnet import SIDE, EfficientNetLite0
from tools.encoders.imagenet import load_network

_RAW_SIDE = 224
"""Side in pixels at which regions are looked for."""
_LEVELS = 4
"""Levels of each colour channel: patches of one colour are connected pixels of one level in each."""
_FULL_CONTRAST = 128.0
"""Contrast, in CIELAB's units, that counts as 1: that of pure red on grey is about 100."""
_SMALLEST, _LARGEST = 4, 0.3
"""Pixels of the smallest region, and share of the picture of the largest."""


class LiteFeatures:
    """The features of pictures; the network is loaded at the first."""

    @cached_property
    def _network(self) -> EfficientNetLite0:
        return load_network()

    def __call__(self, picture: Image.Image) -> torch.Tensor:
        """Features of a picture, (GRID * GRID + OBJECTS, FEATURES) float16; zeros where there is no region."""
        squashed = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        with torch.inference_mode():
            batch = torch.from_numpy(squashed.copy()).permute(2, 0, 1)[None].float()
            grid = self._network.middle_features(batch.to(memory_format=torch.channels_last))[0].reshape(CHANNELS, -1).T
        regions = find_regions(squashed)
        tokens = torch.zeros(GRID**2 + OBJECTS, FEATURES, dtype=torch.float16)
        tokens[: GRID**2, :CHANNELS], tokens[: GRID**2, CHANNELS:] = grid.half(), _describe_cells()
        for place, region in enumerate(regions, start=GRID**2):
            shrunk = cv2.resize(region.mask.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)
            cover = torch.from_numpy(shrunk)
            tokens[place, :CHANNELS] = (cover.reshape(1, -1) @ grid / cover.sum()).half()
            tokens[place, CHANNELS:] = torch.tensor((*_find_box(region.mask), region.contrast / _FULL_CONTRAST))
        return tokens


@dataclass(frozen=True, eq=False)
class Region:
    """A connected patch of one colour."""

    mask: NDArray[np.bool_]
    contrast: float
    """Distance of its colour from the mean around it, in CIELAB's units."""


def find_regions(pixels: NDArray[np.uint8]) -> list[Region]:
    """The OBJECTS connected patches of one colour that differ most from what is around them, the strongest first.

    Args:
        pixels: a picture, (side, side, 3) RGB.
    """
    small = cv2.resize(pixels, (_RAW_SIDE, _RAW_SIDE), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    away = np.linalg.norm(lab - cv2.blur(lab, (61, 61)), axis=-1)
    levels = small // (256 // _LEVELS)
    codes = levels[..., 0] * _LEVELS**2 + levels[..., 1] * _LEVELS + levels[..., 2]
    found: list[tuple[float, int, Any]] = []
    for code in np.unique(codes):
        _, labels, stats, _ = cv2.connectedComponentsWithStats((codes == code).astype(np.uint8), connectivity=8)
        areas = stats[1:, cv2.CC_STAT_AREA]
        sums = np.bincount(labels.ravel(), away.ravel(), len(stats))[1:]
        fits = (areas >= _SMALLEST) & (areas <= _LARGEST * _RAW_SIDE**2)
        found += [(float(sums[place] / areas[place]), int(place) + 1, labels) for place in np.flatnonzero(fits)]
    strongest = sorted(found, key=lambda one: -one[0])[:OBJECTS]
    return [Region(labels == number, contrast) for contrast, number, labels in strongest]


def _find_box(mask: NDArray[np.bool_]) -> tuple[float, float, float, float]:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    sides = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
    left, top, right, bottom = (float(side) / _RAW_SIDE for side in sides)
    return left, top, right, bottom


def _describe_cells() -> torch.Tensor:
    """Left, top, right and bottom of each cell, and no contrast, (GRID * GRID, 5)."""
    rows, columns = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    corners = torch.stack([columns, rows, columns + 1, rows + 1], -1).reshape(-1, 4)
    return nn.functional.pad(corners / GRID, (0, 1)).half()
