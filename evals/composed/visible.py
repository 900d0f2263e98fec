"""Checks that a composed video shows what its recipe says: each needle at its time and in its box, and nowhere else.

The checks compare painted pixels with the same footage without needles.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from evals.composed.drawn_needles import COLOURS
from evals.composed.material import Pixels
from evals.composed.painting import Painter
from evals.composed.recipe import FPS, Placement
from evals.composed.tags import PRINT_PIXELS
from tools.sampling import crop, to_pixel_box

_LEAST_HEIGHT = 60
"""Least height of a needle in pixels."""
_LEAST_SHARE = 0.1
"""Least share of the needle's box that differs from the footage."""
_DIFFERS = 24
"""Difference of a pixel, of 255 in the channel that differs most, above which it is seen at a glance."""
_LEAST_PRINT_CONTRAST = 150
"""Least contrast of a tag's paper and print, of 255."""
_SAME_COLOUR = 45
"""Greatest difference of a channel, of 255, at which a pixel has a needle's colour."""
_STRAY_SHARE = 0.002
"""Most of the footage, as a share, that may have the colour of a needle by chance."""


def find_problems(painter: Painter) -> tuple[str, ...]:
    """Differences from the recipe, a sentence each; () if there are none."""
    return tuple(problem for placement in painter.recipe.placements for problem in _check_placement(painter, placement))


def _check_placement(painter: Painter, placement: Placement) -> Iterator[str]:
    what = f"{painter.recipe.name}: the {placement.needle.name} at {placement.start_seconds:g} s"
    last = placement.stop_seconds - 1 / FPS
    for seconds in (placement.start_seconds, (placement.start_seconds + last) / 2, last):
        painted, footage = painter.picture(seconds), painter.footage(seconds)
        differs = _difference(painted, footage) > _DIFFERS
        if _inside(differs, placement).mean() < _LEAST_SHARE:
            yield f"{what} hardly differs from what is behind it"
        if _outside(differs, placement).any():
            yield f"{what} reaches out of its box"
        paper = crop(painted, placement.tag_box)
        if int(paper.max()) - int(paper.min()) < _LEAST_PRINT_CONTRAST:
            yield f"the tag of {what} has too little contrast"
        if placement.needle.colour is not None and _share(footage, placement.needle.colour) > _STRAY_SHARE:
            yield f"{what} has a colour of the footage"
    yield from _check_sizes(painter, placement, what)
    for seconds in (placement.start_seconds - 1 / FPS, placement.stop_seconds):
        is_inside = 0 <= seconds < painter.recipe.seconds
        if is_inside and not np.array_equal(painter.picture(seconds), painter.footage(seconds)):
            yield f"{what} is also on screen at {seconds:g} s"


def _check_sizes(painter: Painter, placement: Placement, what: str) -> Iterator[str]:
    recipe = painter.recipe
    _, top, _, bottom = to_pixel_box(placement.box, recipe.width, recipe.height)
    if bottom - top < _LEAST_HEIGHT:
        yield f"{what} is only {bottom - top} pixels high"
    _, top, _, bottom = to_pixel_box(placement.tag_box, recipe.width, recipe.height)
    if bottom - top <= PRINT_PIXELS:
        yield f"the tag of {what} is only {bottom - top} pixels high"


def _difference(one: Pixels, other: Pixels) -> NDArray[np.uint8]:
    """Difference of two pictures in the channel that differs most, (H, W) uint8."""
    result: NDArray[np.uint8] = (np.maximum(one, other) - np.minimum(one, other)).max(axis=2)
    return result


def _inside(differs: NDArray[np.bool_], placement: Placement) -> NDArray[np.bool_]:
    height, width = differs.shape
    left, top, right, bottom = to_pixel_box(placement.box, width, height)
    return differs[top:bottom, left:right]


def _outside(differs: NDArray[np.bool_], placement: Placement) -> NDArray[np.bool_]:
    rest = differs.copy()
    height, width = rest.shape
    for box in (placement.box, placement.tag_box):
        left, top, right, bottom = to_pixel_box(box, width, height)
        rest[top:bottom, left:right] = False
    return rest


def _share(pixels: Pixels, colour: str) -> float:
    distance = np.abs(pixels.astype(np.int16) - np.array(COLOURS[colour], np.int16)).max(axis=2)
    return float((distance <= _SAME_COLOUR).mean())
