"""Somebody who knows shapes and colours and sees nothing but pictures: answers from them alone, no table, no model."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from evals.composed.drawn_needles import COLOURS, DrawnNeedles
from evals.composed.families import Composed
from tools.video.source import VideoSource

Mask = NDArray[np.uint8]

_SIDE = 64


@dataclass(frozen=True, eq=False)
class Sighting:
    """Something on a grey ground, from when to when, and a picture of it."""

    start_seconds: float
    stop_seconds: float
    pixels: NDArray[np.uint8]

    @property
    def colour(self) -> str:
        """The strong colour that covers most."""
        return max(COLOURS, key=lambda name: int(_near(self.pixels, name).sum()))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of that colour's largest part, with its holes, in pixels."""
        _, _, parts, _ = cv2.connectedComponentsWithStats(cv2.dilate(_near(self.pixels, self.colour), np.ones((9, 9))))
        left, top, wide, tall, _ = parts[1 + int(np.argmax(parts[1:, cv2.CC_STAT_AREA]))]
        return int(left), int(top), int(left + wide), int(top + tall)

    def named(self, names: Sequence[str]) -> str:
        """The name whose drawing is most like it."""
        left, top, right, bottom = self.box
        mask = cv2.resize(_near(self.pixels[top:bottom, left:right], self.colour), (_SIDE, _SIDE)) > 0
        aspect = (right - left) / (bottom - top)
        return max(names, key=lambda name: _likeness(mask, aspect, name))


def sightings(video: VideoSource) -> list[Sighting]:
    """What comes up out of the grey, in order: each frame is on screen until the next."""
    frames = list(video.window(0.0, video.info.duration_seconds))
    stops = [*(frame.seconds for frame in frames[1:]), video.info.duration_seconds]
    on_screen = zip(frames, stops, strict=True)
    return [Sighting(f.seconds, stop, f.pixels) for f, stop in on_screen if not (f.pixels == 128).all()]


def answer(asked: Composed, seen: Sequence[Sighting]) -> str | None:
    """The answer to a question of any family but `read`; None where nothing is seen."""
    if not seen:
        return None
    if asked.family == "count":
        return str(len(seen))
    if asked.family == "colour":
        return seen[0].colour
    if asked.family == "which":
        return seen[0].named(asked.options)
    if asked.family == "order":
        names = [name.removeprefix("the ") for name in asked.options[0].split(", then ")]
        return ", then ".join(f"the {sighting.named(names)}" for sighting in seen)
    if asked.family == "when":
        spans = {option: [float(x) for x in option.removesuffix(" s").split("-")] for option in asked.options}
        return next((o for o, (a, b) in spans.items() if a <= seen[0].start_seconds and seen[0].stop_seconds <= b), "")
    left, top, right, bottom = seen[0].box
    height, width = seen[0].pixels.shape[:2]
    return f"{'top' if top + bottom < height else 'bottom'} {'left' if left + right < width else 'right'}"


def _near(pixels: NDArray[np.uint8], colour: str) -> Mask:
    return (np.abs(pixels.astype(int) - COLOURS[colour]).max(axis=2) < 30).astype(np.uint8)


def _likeness(mask: NDArray[np.bool_], aspect: float, name: str) -> float:
    """Overlap of the coloured parts, less for another shape of box."""
    drawn, drawn_aspect = _drawing(name)
    overlap = float((mask & drawn).sum() / (mask | drawn).sum())
    return overlap - abs(np.log(aspect / drawn_aspect))


@cache
def _drawing(name: str) -> tuple[NDArray[np.bool_], float]:
    needles = DrawnNeedles()
    picture = needles.picture(name, "blue", round(200 * needles.aspect(name)), 200)
    sighting = Sighting(0.0, 0.0, np.where(picture[..., 3:] > 128, picture[..., :3], 128).astype(np.uint8))
    left, top, right, bottom = sighting.box
    mask = cv2.resize(_near(sighting.pixels[top:bottom, left:right], "blue"), (_SIDE, _SIDE)) > 0
    return mask, (right - left) / (bottom - top)
