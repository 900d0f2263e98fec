"""Scores the colours named in a question by how well they fit what is asked about, without finding the thing itself.

What stands in for finding it: where the question's own words put it ("on the left", "the floor"), the middle of the
picture otherwise, what moves against a still background if something moves, and how much of a colour hangs together. A
colour that is everywhere is less likely meant than one that is only there. Guesswork, and scored as such.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.observation import Box
from tools.vision.colours import find_colour_words, make_colour_mask

_SIDE = 160
"""Long side in pixels at which shares are taken."""
_OUTSIDE = 0.25
"""Weight of what is outside the place that the question names: "left" may be left of something in the middle."""
_STILL = 6.0
"""Change up to which the median pixel counts as still: camera noise and compression."""
_MOVED = 28.0
"""Change, 0..255, from which a pixel of a still scene has moved."""

_PLACES: tuple[tuple[str, Box], ...] = (
    (r"left", (0.0, 0.0, 0.5, 1.0)),
    (r"right", (0.5, 0.0, 1.0, 1.0)),
    (r"top|upper|sky|ceiling|roof", (0.0, 0.0, 1.0, 0.5)),
    (
        r"bottom|lower|floors?|ground|surface|court|lawn|grass|road|street|mat|carpet|pavement|field|sand|water|foreground",
        (0.0, 0.5, 1.0, 1.0),
    ),
)
_MOVING = re.compile(
    r"\b(?:walk\w*|runs?|running|enters?|entering|passes|passing|comes?|coming|cross\w*|moves?|moving|rid\w+|driv\w+|"
    r"carr\w+|person|pedestrian|cyclist|car|van|bus|jacket|coat)\b"
)
_SURROUNDING = re.compile(
    r"\b(?:background|walls?|behind|sky|floors?|ground|surface|court|lawn|grass|mat|field|room)\b"
)


@dataclass(frozen=True)
class AskedColour:
    """One colour word of a question: how well it fits what is asked about, and where most of it is."""

    word: str
    """Colour word of the question."""
    score: float
    """Score 0..1, all words together 1; all 0 where none of the colours is there."""
    box: Box | None
    """Box round the largest connected part of the colour; None where the colour is not there."""


def find_asked_colours(focus: str) -> tuple[str, ...]:
    """Different colour words of a question, in its spelling."""
    return find_colour_words(focus)


def fit_asked_colours(
    pictures: Sequence[NDArray[np.uint8]], words: Sequence[str], focus: str
) -> tuple[AskedColour, ...]:
    """Scores the colour words of a question, in their order.

    Args:
        pictures: RGB frames (H, W, 3) uint8 of one window, all of one size.
        words: the colour words.
        focus: the question, whose words say where to look.
    """
    small = [_shrink(picture) for picture in pictures]
    asked = focus.lower()
    weight = _find_moving_parts(small) if _MOVING.search(asked) else None
    weights = [
        _weigh_places(small[0].shape[:2], asked) * (1.0 if weight is None else weight[i]) for i in range(len(small))
    ]
    totals, boxes = [], []
    for word in words:
        values = [_fit(make_colour_mask(picture, word), w) for picture, w in zip(small, weights, strict=True)]
        totals.append(float(np.mean([value for value, _ in values])))
        boxes.append(max(values, key=lambda value: value[0])[1])
    whole = sum(totals)
    return tuple(
        AskedColour(word, total / whole if whole > 0 else 0.0, box if total > 0 else None)
        for word, total, box in zip(words, totals, boxes, strict=True)
    )


def _fit(mask: NDArray[np.bool_], weight: NDArray[np.float32]) -> tuple[float, Box | None]:
    """Weighted share of the colour, its largest connected part counted twice; and the box round that part."""
    part, box = _find_largest_part(mask, weight)
    return (float((mask * weight).sum()) + part) / (2 * max(float(weight.sum()), 1e-6)), box


def _find_largest_part(mask: NDArray[np.bool_], weight: NDArray[np.float32]) -> tuple[float, Box | None]:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    mass = np.bincount(labels.ravel(), weights=weight.ravel(), minlength=len(stats))
    mass[0] = 0  # label 0 is what has not the colour
    best = int(mass.argmax())
    if mass[best] <= 0:
        return 0.0, None
    left, top, columns, rows = stats[best][:4].tolist()
    height, width = mask.shape
    return float(mass[best]), (left / width, top / height, (left + columns) / width, (top + rows) / height)


def _weigh_places(shape: Sequence[int], asked: str) -> NDArray[np.float32]:
    """Weight (h, w) float32 of each place: how likely the thing asked about is there, by the question's words."""
    height, width = shape[0], shape[1]
    box = np.array([0.0, 0.0, 1.0, 1.0])
    for pattern, place in _PLACES:
        if re.search(rf"\b(?:{pattern})\b", asked):
            box = np.concatenate([np.maximum(box[:2], place[:2]), np.minimum(box[2:], place[2:])])
    if not (box[:2] < box[2:]).all():  # "from left to right"
        box = np.array([0.0, 0.0, 1.0, 1.0])
    x = (np.arange(width) + 0.5) / width
    y = (np.arange(height) + 0.5) / height
    # A thing is in the middle of the place it is said to be in, what surrounds things is all over it.
    spread = 1.0 if _SURROUNDING.search(asked) else 0.35
    across = np.exp(-0.5 * ((x - (box[0] + box[2]) / 2) / (spread * (box[2] - box[0]))) ** 2)
    down = np.exp(-0.5 * ((y - (box[1] + box[3]) / 2) / (spread * (box[3] - box[1]))) ** 2)
    inside = ((y >= box[1]) & (y <= box[3]))[:, None] & ((x >= box[0]) & (x <= box[2]))[None, :]
    return np.asarray(down[:, None] * across[None, :] * np.where(inside, 1.0, _OUTSIDE), np.float32)


def _find_moving_parts(small: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]] | None:
    """Weights (h, w) of each picture, 1 where something moves before a still background; None where there is none."""
    if len(small) < 3:
        return None
    stack = np.stack(small).astype(np.float32)
    away = np.abs(stack - np.median(stack, axis=0)).max(axis=-1)  # (T, h, w)
    if float(np.median(away)) > _STILL:  # the camera moves
        return None
    moving = [cv2.dilate((picture > _MOVED).astype(np.uint8), np.ones((3, 3), np.uint8)) for picture in away]
    share = float(np.mean([picture.mean() for picture in moving]))
    if not 0.0005 < share < 0.5:
        return None
    # What stands still keeps a little weight: the thing asked about may have stopped.
    return [np.asarray(picture + 0.002, np.float32) for picture in moving]


def _shrink(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
