"""Captioned pictures for the first stage of run 3: whole frames and zooms, as a model is shown them in runs.

A caption says what can be seen at that size: "something small, top left" of a whole frame whose needle is too small for
its colour. Needles and clips are of the split `train`.
"""

import random
from dataclasses import dataclass

import numpy as np
from PIL import Image

from evals.composed.recipe import Split
from rl.small_vlm.look_set import PARTS, SMALL, compose_look, find_part
from tools.sampling import crop

ASKED = "What is shown?"
NOTHING = "nothing"


@dataclass(frozen=True)
class LookScene:
    """A picture with its caption."""

    picture: Image.Image
    told: str
    words: tuple[str, ...]
    """The words of the caption that the connector is to speak by itself."""


def draw_scene(seed: int, number: int, split: Split = "train") -> LookScene:
    """A scene, the same on every machine.

    Args:
        seed: seed of the scenes.
        number: number of the scene.
        split: split of its shape and clips.
    """
    rng = random.Random(f"look-scene/{seed}/{number}")
    episode = compose_look(seed, number, split)
    [placement], [asked] = episode.plan.recipe.placements, episode.questions
    is_small, needle = SMALL in asked.needs, placement.needle
    part = find_part(placement.box)
    is_zoom, is_there = rng.random() < 0.5, rng.random() < 0.75
    seconds = placement.start_seconds + 0.5 if is_there else 1.5 - placement.start_seconds
    pixels = episode.painter.picture(seconds)
    if is_zoom:
        pixels = np.ascontiguousarray(crop(pixels, PARTS[part if is_there else rng.choice(list(PARTS))]))
    words: tuple[str, ...] = (NOTHING,)
    if is_there:
        name = () if is_small and not is_zoom else (needle.colour or "", *needle.name.split())
        words = name if is_zoom else name or ("something", "small")
    told = " ".join(words)
    if is_there and not is_zoom:
        words, told = (*words, *part.split()), f"{told}, {part}"
    return LookScene(Image.fromarray(pixels), told, words)
