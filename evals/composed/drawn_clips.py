"""Drawn footage: dull grounds that drift, with dull things that cross them. Nothing is fetched.

No pixel is as saturated as a drawn needle, and nothing is written or looks like a tag.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from evals.composed.material import Pixels

COUNT = 64
"""Number of clips."""
SECONDS = 60.0
"""Length of each clip."""
_MOST_COLOURFUL = 0.3
"""Greatest saturation, 0..1; that of a needle is above 0.8."""
_SLACK = 1.25
"""Size of the ground over that of the picture, so that it can drift."""
_THINGS = 24
"""Things drawn on the ground of a clip."""
_MOVING = 4
"""Things that cross the picture of a clip."""

Colour = tuple[int, int, int]


class DrawnClips:
    """`COUNT` drawn clips of a minute, by name."""

    names = tuple(f"drawn-{number:02}" for number in range(COUNT))

    def seconds(self, name: str) -> float:
        """Length of a clip in seconds."""
        del name  # all are as long
        return SECONDS

    def picture(self, name: str, seconds: float, width: int, height: int) -> Pixels:
        """The picture at a time of a clip, (height, width, 3) uint8 RGB."""
        scene = _make_scene(name, width, height)
        left, top = scene.drift(seconds, width, height)
        pixels = scene.ground[top : top + height, left : left + width].copy()
        for thing in scene.moving:
            thing.draw(pixels, seconds)
        return pixels


@dataclass(frozen=True)
class _Thing:
    """A dull thing that crosses the picture again and again."""

    start: tuple[float, float]
    pixels_a_second: tuple[float, float]
    size: tuple[int, int]
    colour: Colour
    is_round: bool

    def draw(self, pixels: Pixels, seconds: float) -> None:
        height, width = pixels.shape[:2]
        wide, tall = self.size
        x = round(self.start[0] + seconds * self.pixels_a_second[0]) % (width + 2 * wide) - wide
        y = round(self.start[1] + seconds * self.pixels_a_second[1]) % (height + 2 * tall) - tall
        if self.is_round:
            cv2.ellipse(pixels, (x, y), self.size, 0, 0, 360, self.colour, -1)
        else:
            cv2.rectangle(pixels, (x - wide, y - tall), (x + wide, y + tall), self.colour, -1)


@dataclass(frozen=True, eq=False)
class _DrawnScene:
    ground: Pixels  # larger than the picture
    moving: tuple[_Thing, ...]
    pace: tuple[float, float]
    """Drift of the ground, in widths and heights of the picture a second."""

    def drift(self, seconds: float, width: int, height: int) -> tuple[int, int]:
        """Left and top of the part on screen, in pixels; the ground drifts to and fro."""
        room = (self.ground.shape[1] - width, self.ground.shape[0] - height)
        places = []
        for free, pace, side in zip(room, self.pace, (width, height), strict=True):
            way = round(seconds * pace * side) % (2 * free)
            places.append(min(way, 2 * free - way))
        return places[0], places[1]


@lru_cache(maxsize=32)
def _make_scene(name: str, width: int, height: int) -> _DrawnScene:
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big")
    rng = np.random.default_rng(seed)
    ground = _draw_ground(rng, round(width * _SLACK), round(height * _SLACK))
    for _ in range(_THINGS):
        thing = _draw_thing(rng, ground.shape[1], ground.shape[0], 0.12)
        thing.draw(ground, 0.0)
    ground = np.asarray(cv2.GaussianBlur(ground, (5, 5), 0), np.uint8)
    moving = tuple(_draw_thing(rng, width, height, 0.08) for _ in range(_MOVING))
    pace = (float(rng.random() * 0.03), float(rng.random() * 0.02))
    return _DrawnScene(ground, moving, pace)


def _draw_ground(rng: np.random.Generator, width: int, height: int) -> Pixels:
    """A ground of two dull colours that blend into one another, with a grain."""
    one, other = (np.array(_draw_dull_colour(rng), np.int32) for _ in range(2))
    patches = _draw_noise(rng, 6, 10, width, height)
    grain = _draw_noise(rng, 40, 70, width, height)
    mixed = (patches[..., None] * one + (255 - patches[..., None]) * other) // 255
    return np.clip(mixed + (grain[..., None] - 128) // 8, 0, 255).astype(np.uint8)


def _draw_noise(rng: np.random.Generator, rows: int, columns: int, width: int, height: int) -> NDArray[np.int32]:
    coarse = rng.integers(0, 256, (rows, columns), np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR_EXACT), np.int32)


def _draw_thing(rng: np.random.Generator, width: int, height: int, size: float) -> _Thing:
    wide, tall = (max(4, round(float(part) * size * height)) for part in 0.3 + 0.7 * rng.random(2))
    start = (float(rng.random() * width), float(rng.random() * height))
    pace = (float((rng.random() - 0.5) * 0.2 * width), float((rng.random() - 0.5) * 0.05 * height))
    return _Thing(start, pace, (wide, tall), _draw_dull_colour(rng), bool(rng.random() < 0.5))


def _draw_dull_colour(rng: np.random.Generator) -> Colour:
    """A colour of middle brightness and little saturation."""
    value = 70 + 90 * float(rng.random())
    low = value * (1 - _MOST_COLOURFUL * float(rng.random()))
    middle = low + (value - low) * float(rng.random())
    parts = [round(value), round(middle), round(low)]
    first, second, third = (parts[i] for i in rng.permutation(3))
    return first, second, third
