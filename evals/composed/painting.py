"""Paints frames of a recipe on demand: footage first, then the needle that is on screen.

Integer arithmetic, and of OpenCV's ways to resize the one that is the same to the bit on every machine: the same recipe
gives the same bytes. It takes about a millisecond a frame at 640x360.
"""

from bisect import bisect_right
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evals.composed.material import Material, Pixels
from evals.composed.recipe import FPS, Placement, Segment, VideoRecipe
from evals.composed.tags import tag_picture
from tools.observation import FULL_FRAME
from tools.sampling import crop, to_pixel_box
from tools.video.generated import GeneratedVideo


@dataclass(frozen=True, eq=False)
class _Sticker:
    """A picture with opacity, premultiplied for pasting."""

    top: int
    left: int
    ink: NDArray[np.uint16]  # (h, w, 3) colour times opacity
    clear: NDArray[np.uint16]  # (h, w, 1) 255 less opacity

    def paste(self, pixels: Pixels) -> None:
        height, width = self.clear.shape[:2]
        ground = pixels[self.top : self.top + height, self.left : self.left + width]
        ground[:] = (ground * self.clear + self.ink) // 255


class Painter:
    """Paints the pictures of one recipe. Threads may share it."""

    def __init__(self, recipe: VideoRecipe, material: Material) -> None:
        self.recipe = recipe
        self._material = material
        self._starts = [segment.start_seconds - 1e-6 for segment in recipe.segments]
        self._stickers: dict[Placement, tuple[_Sticker, ...]] = {}

    def picture(self, seconds: float) -> Pixels:
        """The picture at a time, (H, W, 3) uint8 RGB."""
        pixels = self.footage(seconds)
        for placement in self.recipe.placements:
            if placement.is_on_screen(seconds):
                for sticker in self._make_stickers(placement):
                    sticker.paste(pixels)
        return pixels

    def footage(self, seconds: float) -> Pixels:
        """The picture at a time without any needle, (H, W, 3) uint8 RGB, as a new array."""
        segment = self.recipe.segments[max(0, bisect_right(self._starts, seconds) - 1)]
        width, height = self.recipe.width, self.recipe.height
        clip_seconds = segment.clip_start_seconds + (seconds - segment.start_seconds) * segment.speed
        clip_seconds %= self._material.clips.seconds(segment.clip)
        return _adjust(self._material.clips.picture(segment.clip, clip_seconds, width, height), segment)

    def video(self) -> GeneratedVideo:
        """The recipe as a generated video."""
        recipe = self.recipe
        content_hash = recipe.content_hash(self._material.name)
        return GeneratedVideo(
            self.picture, name=recipe.name, content_hash=content_hash, seconds=recipe.seconds, fps=FPS
        )

    def _make_stickers(self, placement: Placement) -> tuple[_Sticker, ...]:
        made = self._stickers.get(placement)
        if made is None:
            width, height = self.recipe.width, self.recipe.height
            left, top, right, bottom = to_pixel_box(placement.box, width, height)
            needle = placement.needle
            picture = self._material.cutouts.picture(needle.name, needle.colour, right - left, bottom - top)
            made = (_make_sticker(picture, left, top),)
            if needle.tag:
                tag_left, tag_top, _, _ = to_pixel_box(placement.tag_box, width, height)
                made = (*made, _make_sticker(tag_picture(needle.tag), tag_left, tag_top))
            self._stickers[placement] = made
        return made


def _make_sticker(picture: Pixels, left: int, top: int) -> _Sticker:
    opacity = picture[..., 3:].astype(np.uint16)
    # half of 255 for rounding; 255 x 255 + 127 fits in 16 bits
    return _Sticker(top, left, picture[..., :3] * opacity + 127, 255 - opacity)


def _adjust(pixels: Pixels, segment: Segment) -> Pixels:
    """The picture cropped, mirrored and with its brightness changed, as a new array."""
    height, width = pixels.shape[:2]
    if segment.crop != FULL_FRAME:
        part = np.ascontiguousarray(crop(pixels, segment.crop))
        pixels = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_LINEAR_EXACT), np.uint8)
    if segment.is_mirrored:
        pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
    brighter = np.minimum(np.arange(256) * round(segment.gain * 256) // 256, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(pixels, brighter), np.uint8)
