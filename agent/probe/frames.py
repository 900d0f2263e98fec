"""Generated frames with known content: large numbers and times burnt in, and charts of numbers that get smaller.

The numbers that a model reads tell which pictures reached it, in which order and at which size. They are drawn at
random, so that no model can guess or remember them.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from numpy.typing import NDArray

from tools.observation import FrameRef

SMALL = (640, 360)
"""Width and height in pixels at which frames are shown unless more is asked for."""
LARGE = (1280, 720)
"""Width and height in pixels of a zoom."""
CHART_HEIGHTS = (64, 48, 36, 27, 20, 15, 12, 10, 8, 6)
"""Height in pixels of the digits of a chart, row by row down the left half and then the right."""
DIGITS = 4
"""Digits of a number."""

_NUMBER_HEIGHT = 120
"""Height in pixels of the single number of a frame."""
_TIME_HEIGHT = 40
"""Height in pixels of a time that is burnt in."""
_CELL = 0.85
"""Width of a digit's cell over its height."""
_MASTER = 96
"""Height in pixels at which a character is drawn, before it is made smaller."""
_GROUND = (24, 32, 72)
_INK = (255, 255, 255)
_JPEG_QUALITY = 85  # 1..100, that of the tools' own pictures


@dataclass(frozen=True)
class NumberedFrame:
    """A generated frame: its reference, and the numbers burnt into it."""

    ref: FrameRef
    numbers: tuple[str, ...]
    """Numbers in the frame: a single one, or a chart's from large to small."""
    is_chart: bool = False
    has_time: bool = False
    """Whether the frame's time is burnt in as well."""


@dataclass(frozen=True)
class DigitPlace:
    """The place of a number: the top left corner and the height of its digits, in pixels."""

    left: int
    top: int
    height: int


def draw_numbers(count: int, dice: random.Random) -> tuple[str, ...]:
    """Draws different numbers of four digits, each of 1 to 9: a small 0 is easily taken for an 8."""
    return tuple("".join(digits) for digits in dice.sample(list(product("123456789", repeat=DIGITS)), count))


def make_chart(seconds: float, size: tuple[int, int], dice: random.Random) -> NumberedFrame:
    """A frame with ten numbers from 64 down to 6 pixels high, whatever the frame's size.

    Args:
        seconds: time of the frame.
        size: width and height in pixels.
        dice: draws the numbers.
    """
    width, height = size
    return NumberedFrame(FrameRef(seconds, height, width), draw_numbers(len(CHART_HEIGHTS), dice), is_chart=True)


def make_numbered(times: Sequence[float], dice: random.Random, *, has_time: bool) -> tuple[NumberedFrame, ...]:
    """Frames with one large number each.

    Args:
        times: time of each frame, in seconds.
        dice: draws the numbers.
        has_time: whether the time is burnt in as well.
    """
    width, height = SMALL
    numbers = draw_numbers(len(times), dice)
    return tuple(
        NumberedFrame(FrameRef(seconds, height, width), (number,), has_time=has_time)
        for seconds, number in zip(times, numbers, strict=True)
    )


def place_numbers(shown: NumberedFrame) -> tuple[DigitPlace, ...]:
    """The places of a frame's numbers, in their order."""
    width, height = shown.ref.width, shown.ref.height
    if not shown.is_chart:
        wide = DIGITS * _compute_cell_width(_NUMBER_HEIGHT)
        return (DigitPlace((width - wide) // 2, (height - _NUMBER_HEIGHT) // 2 - _TIME_HEIGHT // 2, _NUMBER_HEIGHT),)
    rows = len(CHART_HEIGHTS) // 2
    return tuple(
        DigitPlace(
            left=width // 16 + (width // 2) * (row // rows),
            top=int(height * (row % rows + 0.5) / rows - high / 2),
            height=high,
        )
        for row, high in enumerate(CHART_HEIGHTS)
    )


def draw_frame(shown: NumberedFrame) -> NDArray[np.uint8]:
    """Draws a frame: (height, width, 3) uint8 RGB."""
    pixels = np.empty((shown.ref.height, shown.ref.width, 3), np.uint8)
    pixels[:] = _GROUND
    for number, place in zip(shown.numbers, place_numbers(shown), strict=True):
        _write(pixels, number, place)
    if shown.has_time:
        text = f"{shown.ref.seconds:.2f} s"
        wide = len(text) * _compute_cell_width(_TIME_HEIGHT)
        _write(
            pixels, text, DigitPlace((pixels.shape[1] - wide) // 2, pixels.shape[0] - 2 * _TIME_HEIGHT, _TIME_HEIGHT)
        )
    return pixels


def encode_jpeg(shown: NumberedFrame, ref: FrameRef) -> bytes:
    """The JPEG of a frame at the size of `ref`, encoded as the tools of a video encode theirs."""
    pixels = draw_frame(shown)
    if pixels.shape[:2] != (ref.height, ref.width):
        pixels = cv2.resize(pixels, (ref.width, ref.height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    encoded: bytes = simplejpeg.encode_jpeg(pixels, _JPEG_QUALITY, colorspace="RGB", colorsubsampling="420")
    return encoded


def draw_glyph(character: str, height: int) -> NDArray[np.float32]:
    """The ink of one character, (height, cell width) float32, 0..1."""
    width = _compute_cell_width(height)
    # drawn large once and made smaller, so that small digits look like print and not like strokes of one pixel
    return cv2.resize(_draw_master(character), (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)


@cache
def _draw_master(character: str) -> NDArray[np.float32]:
    """The ink of a character, (96, cell width) float32, cut to the rows of an 8: OpenCV's versions differ in fonts."""
    top, bottom, _ = _find_ink_bounds("8")
    ink = _draw_on_canvas(character)
    _, _, middle = _find_ink_bounds(character)
    half = round((bottom - top) * _CELL / 2)
    cut = ink[top:bottom, middle - half : middle + half].astype(np.float32) / 255
    return cv2.resize(cut, (_compute_cell_width(_MASTER), _MASTER), interpolation=cv2.INTER_AREA).astype(np.float32)


def _find_ink_bounds(character: str) -> tuple[int, int, int]:
    """The first row, the row behind the last, and the middle column of a character's ink."""
    rows, columns = np.nonzero(_draw_on_canvas(character))
    return int(rows.min()), int(rows.max()) + 1, int(columns.min() + columns.max()) // 2


def _draw_on_canvas(character: str) -> NDArray[np.uint8]:
    canvas = np.zeros((4 * _MASTER, 4 * _MASTER), np.uint8)
    at = (_MASTER, 3 * _MASTER)
    cv2.putText(canvas, character, at, cv2.FONT_HERSHEY_SIMPLEX, _MASTER / 20, 255, _MASTER // 10, cv2.LINE_AA)
    return canvas


def _compute_cell_width(height: int) -> int:
    return max(1, round(_CELL * height))


def _write(pixels: NDArray[np.uint8], text: str, place: DigitPlace) -> None:
    wide = _compute_cell_width(place.height)
    for number, character in enumerate(text):
        if character == " ":
            continue
        ink = draw_glyph(character, place.height)[:, :, None]
        left = place.left + number * wide
        area = pixels[place.top : place.top + place.height, left : left + wide]
        area[:] = np.round(ink * _INK + (1 - ink) * area).astype(np.uint8)
