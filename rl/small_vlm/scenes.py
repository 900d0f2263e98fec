"""Captioned pictures of composed scenes, without end, from which the vision encoder learns before any run.

They are what a model is shown in runs: whole frames, on which a tag is too small to be read, and a `zoom` on a tag; and
needle and tag together, as in an oracle's crop. A number gives the same scene on every machine. Names and clips are of
one split only.
"""

import random
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]

from agent.rendering.messages import fit_pixels
from evals.composed.drawn import DRAWN
from evals.composed.material import Pixels
from evals.composed.painting import Painter
from evals.composed.planning import plan_video
from evals.composed.recipe import Placement, Split
from evals.composed.tags import SIGNS
from tools.observation import FULL_FRAME, Box, FrameRef
from tools.sampling import crop, fit_within
from tools.toolbox import SIZES

Kind = Literal["whole", "tag", "crop", "empty"]

ASKED = "What is shown?"
EMPTY = "nothing"
_LEVELS = (1, 2, 3)
_KINDS: tuple[Kind, ...] = ("whole", "tag", "crop", "empty")
_SHARES = (0.45, 0.3, 0.15, 0.1)
_AROUND: dict[Kind, tuple[float, float]] = {"tag": (0.03, 0.14), "crop": (0.0, 0.08)}
"""Range of the margin on each side, as a share of the picture; the scripted expert's zoom has 0.1 around a tag."""
_JPEG_QUALITY = 85
"""Quality of the JPEGs, as in the toolbox."""


@dataclass(frozen=True)
class SceneCaption:
    """Caption of a scene by field; None for a field that it lacks."""

    colour: str | None = None
    thing: str | None = None
    quarter: str | None = None
    """Quarter of the picture, as "top left", for whole frames."""
    tag: str | None = None
    """Text of the tag, signs by name, where it can be read."""

    @property
    def line(self) -> str:
        """The caption as text: "red star, top left", "tag 472", "red star, tag 472" or "nothing"."""
        thing = None if self.thing is None else f"{self.colour} {self.thing}"
        tag = None if self.tag is None else f"tag {self.tag}"
        return ", ".join(part for part in (thing, self.quarter, tag) if part is not None) or EMPTY


def parse_caption(line: str) -> SceneCaption:
    """Parses a model's caption; fields that can't be found in it are None."""
    colour = thing = quarter = tag = None
    for part in line.strip().rstrip(".").split(", "):
        if part.startswith("tag "):
            tag = part.removeprefix("tag ")
        elif part.startswith(("top ", "bottom ")):
            quarter = part
        elif " " in part:
            colour, thing = part.split(" ", 1)
    return SceneCaption(colour, thing, quarter, tag)


@dataclass(frozen=True)
class ShapeScene:
    """One picture of a scene with its caption."""

    kind: Kind
    jpeg: bytes
    ref: FrameRef
    """Reference with time, box and the size at which the picture is shown."""
    told: SceneCaption


class Scenes:
    """Scenes by number, without end. Stateless, so processes may share it."""

    def __init__(
        self, seed: int = 0, split: Split = "train", max_frame_pixels: int = 224 * 126, crop_pixels: int = 384 * 288
    ) -> None:
        """Draws nothing yet.

        Args:
            seed: seed of the scenes.
            split: split of needles and clips that may be used.
            max_frame_pixels: pixels of the largest whole frame or tag; larger ones are scaled down, as in runs.
            crop_pixels: pixels of the largest crop with needle and tag.
        """
        self._seed = seed
        self._split: Split = split
        self._max_pixels = max_frame_pixels
        self._crop_pixels = crop_pixels

    def __call__(self, number: int) -> ShapeScene:
        """The scene of a number."""
        rng = random.Random(f"{self._seed}/{self._split}/scene/{number}")
        plan = plan_video(DRAWN, self._seed, number, rng.choice(_LEVELS), self._split)
        [kind] = rng.choices(_KINDS, _SHARES)
        placement = rng.choice(plan.recipe.placements)
        seconds = rng.uniform(placement.start_seconds, placement.stop_seconds - 0.1)
        painter = Painter(plan.recipe, DRAWN)
        pixels = painter.footage(seconds) if kind == "empty" else painter.picture(seconds)
        return self._shown(kind, pixels, _draw_box(placement, kind, rng), seconds, _make_caption(placement, kind))

    def _shown(self, kind: Kind, pixels: Pixels, box: Box, seconds: float, told: SceneCaption) -> ShapeScene:
        part = np.ascontiguousarray(crop(pixels, box))
        longest, shortest = SIZES["large" if kind in _AROUND else "small"]
        sides = (longest, shortest) if part.shape[1] >= part.shape[0] else (shortest, longest)
        width, height = fit_within(part.shape[1], part.shape[0], *sides)
        most = self._crop_pixels if kind == "crop" else self._max_pixels
        ref = fit_pixels(FrameRef(seconds, height, width, box), most)
        if part.shape[:2] != (ref.height, ref.width):
            part = cv2.resize(part, (ref.width, ref.height), interpolation=cv2.INTER_AREA).astype(np.uint8)
        jpeg: bytes = simplejpeg.encode_jpeg(part, _JPEG_QUALITY, colorspace="RGB", colorsubsampling="420")
        return ShapeScene(kind, jpeg, ref, told)


def _draw_box(placement: Placement, kind: Kind, rng: random.Random) -> Box:
    """The part of the picture that is shown, with a random margin on each side."""
    if kind not in _AROUND:
        return FULL_FRAME
    left, top, right, bottom = placement.tag_box if kind == "tag" else placement.whole_box
    far = [rng.uniform(*_AROUND[kind]) for _ in range(4)]
    return max(0.0, left - far[0]), max(0.0, top - far[1]), min(1.0, right + far[2]), min(1.0, bottom + far[3])


def _make_caption(placement: Placement, kind: Kind) -> SceneCaption:
    needle = placement.needle
    tag = SIGNS.get(needle.tag, needle.tag)
    left, top, right, bottom = placement.box
    quarter = f"{'top' if top + bottom < 1 else 'bottom'} {'left' if left + right < 1 else 'right'}"
    told: dict[Kind, SceneCaption] = {
        "whole": SceneCaption(needle.colour, needle.name, quarter=quarter),
        "tag": SceneCaption(tag=tag),
        "crop": SceneCaption(needle.colour, needle.name, tag=tag),
        "empty": SceneCaption(),
    }
    return told[kind]
