"""Each needle is seen at its time and in its box and nowhere else; and the check that says so can say no."""

import numpy as np
import pytest
from numpy.typing import NDArray

from evals.composed.drawn import DRAWN
from evals.composed.drawn_clips import DrawnClips
from evals.composed.drawn_needles import COLOURS, DrawnNeedles
from evals.composed.episode import compose
from evals.composed.material import Material
from evals.composed.planning import LEVELS
from evals.composed.visible import find_problems


@pytest.mark.parametrize("level", LEVELS)
def test_every_drawn_needle_is_seen_at_its_time_and_place_and_nowhere_else(level: int) -> None:
    for number in range(10 // LEVELS[level].needles):
        assert find_problems(compose(DRAWN, 1, number, level=level, split="heldout").painter) == ()


def test_every_drawn_needle_is_seen_in_every_colour_on_every_ground() -> None:
    needles = DrawnNeedles()
    for name in needles.names:
        for colour, wanted in COLOURS.items():
            picture = needles.picture(name, colour, round(120 * needles.aspect(name)), 120)
            inside = picture[picture[..., 3] == 255][:, :3].astype(int)
            share = (np.abs(inside - wanted).max(axis=1) <= 8).mean()
            assert share > 0.3, (name, colour)


def test_the_drawn_clips_are_dull_so_that_no_colour_of_a_needle_is_in_them() -> None:
    clips = DrawnClips()
    for name in clips.names:
        pixels = clips.picture(name, 7.3, 320, 180).astype(int)
        saturation = (pixels.max(axis=2) - pixels.min(axis=2)) / np.maximum(1, pixels.max(axis=2))
        assert saturation.max() < 0.6, name
    for colour, wanted in COLOURS.items():
        assert (max(wanted) - min(wanted)) / max(wanted) > 0.75, colour


class FadedNeedles(DrawnNeedles):
    """So thin that one sees through them."""

    def picture(self, name: str, colour: str | None, width: int, height: int) -> NDArray[np.uint8]:
        picture = super().picture(name, colour, width, height).copy()
        picture[..., 3] //= 40
        return picture


class ColourfulClips(DrawnClips):
    """With a field as red, yellow, blue ... as a needle."""

    def picture(self, name: str, seconds: float, width: int, height: int) -> NDArray[np.uint8]:
        pixels = super().picture(name, seconds, width, height).copy()
        for row, colour in enumerate(COLOURS.values()):
            pixels[row * 20 : row * 20 + 20, :] = colour
        return pixels


@pytest.mark.parametrize(
    ("material", "what"),
    [
        (Material("faded", DRAWN.clips, FadedNeedles()), "hardly differs from what is behind it"),
        (Material("colourful", ColourfulClips(), DRAWN.cutouts), "has a colour of the footage"),
    ],
)
def test_a_needle_that_could_be_missed_is_told(material: Material, what: str) -> None:
    found = [problem for number in range(2) for problem in find_problems(compose(material, 0, number).painter)]
    assert any(what in problem for problem in found)
