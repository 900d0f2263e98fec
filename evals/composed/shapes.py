"""Outlines of things that are easy to name, on a square from (0, 0) top left to (1, 1).

A shape is a list of strokes; later ones lie over earlier ones, and a stroke that begins with "no" takes away. There is
no plain disc and no plain box: the drawn footage is full of dull ones.
"""

import math

import cv2
import numpy as np

from evals.composed.material import Pixels

Stroke = tuple[str, tuple[float, ...]]

_FINE = 16
"""Steps of a pixel to which coordinates are drawn (four binary digits)."""
_MARGIN = 0.06
"""Margin around a shape as a share of the picture, for its rim."""


def _round(count: int, turn: float = 0.0, inner: float | None = None) -> tuple[float, ...]:
    """Corners of a regular polygon, or of a star whose every second corner is at the radius `inner`."""
    corners = count if inner is None else 2 * count
    points: list[float] = []
    for i in range(corners):
        radius = 0.5 if inner is None or i % 2 == 0 else inner
        angle = 2 * math.pi * i / corners - math.pi / 2 + turn
        points += [0.5 + radius * math.cos(angle), 0.5 + radius * math.sin(angle)]
    return tuple(points)


def _box(left: float, top: float, right: float, bottom: float) -> tuple[float, ...]:
    return left, top, right, top, right, bottom, left, bottom


SHAPES: dict[str, tuple[Stroke, ...]] = {
    "triangle": (("area", (0.5, 0.05, 1.0, 0.93, 0.0, 0.93)),),
    "diamond": (("area", (0.5, 0.0, 0.85, 0.5, 0.5, 1.0, 0.15, 0.5)),),
    "hexagon": (("area", _round(6)),),
    "star": (("area", _round(5, inner=0.2)),),
    "sun": (("area", _round(12, inner=0.34)),),
    "ring": (("disc", (0.5, 0.5, 0.5)), ("no disc", (0.5, 0.5, 0.28))),
    "crescent moon": (("disc", (0.5, 0.5, 0.5)), ("no disc", (0.68, 0.4, 0.42))),
    "cross": (("area", _box(0.35, 0.0, 0.65, 1.0)), ("area", _box(0.0, 0.35, 1.0, 0.65))),
    "arrow": (("area", (0.0, 0.36, 0.5, 0.36, 0.5, 0.1, 1.0, 0.5, 0.5, 0.9, 0.5, 0.64, 0.0, 0.64)),),
    "heart": (
        ("disc", (0.27, 0.3, 0.25)),
        ("disc", (0.73, 0.3, 0.25)),
        ("area", (0.05, 0.42, 0.5, 0.25, 0.95, 0.42, 0.5, 0.97)),
    ),
    "house": (
        ("area", (0.5, 0.02, 1.0, 0.48, 0.0, 0.48)),
        ("area", _box(0.12, 0.48, 0.88, 0.98)),
        ("no area", _box(0.4, 0.64, 0.6, 0.98)),
    ),
    "tree": (
        ("area", (0.5, 0.0, 0.85, 0.45, 0.15, 0.45)),
        ("area", (0.5, 0.25, 0.95, 0.8, 0.05, 0.8)),
        ("area", _box(0.42, 0.8, 0.58, 1.0)),
    ),
    "fish": (
        ("area", (0.0, 0.5, 0.2, 0.28, 0.45, 0.2, 0.7, 0.4, 1.0, 0.2, 1.0, 0.8, 0.7, 0.6, 0.45, 0.8, 0.2, 0.72)),
        ("no disc", (0.22, 0.44, 0.05)),
    ),
    "key": (
        ("disc", (0.24, 0.5, 0.24)),
        ("no disc", (0.24, 0.5, 0.11)),
        ("area", _box(0.44, 0.43, 1.0, 0.57)),
        ("area", _box(0.7, 0.57, 0.8, 0.76)),
        ("area", _box(0.88, 0.57, 0.98, 0.72)),
    ),
    "flag": (("area", _box(0.08, 0.0, 0.18, 1.0)), ("area", (0.18, 0.04, 0.98, 0.3, 0.18, 0.56))),
    "cup": (
        ("disc", (0.74, 0.48, 0.24)),
        ("no disc", (0.74, 0.48, 0.12)),
        ("area", (0.05, 0.15, 0.75, 0.15, 0.66, 0.92, 0.14, 0.92)),
    ),
    "sailing boat": (
        ("area", (0.0, 0.7, 1.0, 0.7, 0.8, 0.98, 0.2, 0.98)),
        ("area", (0.46, 0.0, 0.46, 0.64, 0.06, 0.64)),
        ("area", (0.54, 0.1, 0.92, 0.64, 0.54, 0.64)),
    ),
    "umbrella": (
        ("disc", (0.5, 0.5, 0.48)),
        ("no area", _box(0.0, 0.5, 1.0, 1.0)),
        ("area", _box(0.46, 0.45, 0.54, 0.96)),
        ("area", _box(0.32, 0.88, 0.54, 0.96)),
    ),
    "mushroom": (
        ("disc", (0.5, 0.46, 0.46)),
        ("no area", _box(0.0, 0.52, 1.0, 1.0)),
        ("area", _box(0.36, 0.5, 0.64, 0.98)),
    ),
    "lightning bolt": (("area", (0.58, 0.0, 0.15, 0.56, 0.44, 0.56, 0.34, 1.0, 0.85, 0.38, 0.54, 0.38)),),
    "hourglass": (("area", (0.12, 0.02, 0.88, 0.02, 0.54, 0.5, 0.88, 0.98, 0.12, 0.98, 0.46, 0.5)),),
    "ladder": (
        ("area", _box(0.18, 0.0, 0.3, 1.0)),
        ("area", _box(0.7, 0.0, 0.82, 1.0)),
        *(("area", _box(0.18, y, 0.82, y + 0.1)) for y in (0.12, 0.34, 0.56, 0.78)),
    ),
    "lamp": (
        ("area", (0.3, 0.02, 0.7, 0.02, 0.95, 0.5, 0.05, 0.5)),
        ("area", _box(0.46, 0.5, 0.54, 0.9)),
        ("area", _box(0.22, 0.9, 0.78, 1.0)),
    ),
    "bottle": (("area", (0.4, 0.0, 0.6, 0.0, 0.6, 0.3, 0.76, 0.45, 0.76, 1.0, 0.24, 1.0, 0.24, 0.45, 0.4, 0.3)),),
    "snowman": (("disc", (0.5, 0.72, 0.28)), ("disc", (0.5, 0.34, 0.2)), ("disc", (0.5, 0.1, 0.11))),
    "crown": (("area", (0.04, 0.14, 0.28, 0.5, 0.5, 0.08, 0.72, 0.5, 0.96, 0.14, 0.88, 0.92, 0.12, 0.92)),),
    "envelope": (
        ("area", _box(0.0, 0.2, 1.0, 0.8)),
        ("no area", (0.04, 0.24, 0.1, 0.24, 0.5, 0.54, 0.9, 0.24, 0.96, 0.24, 0.5, 0.62)),
    ),
    "clover": (
        ("disc", (0.5, 0.25, 0.24)),
        ("disc", (0.26, 0.54, 0.24)),
        ("disc", (0.74, 0.54, 0.24)),
        ("area", (0.46, 0.5, 0.54, 0.5, 0.62, 1.0, 0.38, 1.0)),
    ),
    "bell": (
        ("area", (0.5, 0.05, 0.72, 0.16, 0.8, 0.6, 0.98, 0.82, 0.02, 0.82, 0.2, 0.6, 0.28, 0.16)),
        ("disc", (0.5, 0.88, 0.1)),
    ),
}


def draw_stencil(name: str, width: int, height: int) -> Pixels:
    """Opacity mask of a shape, (height, width) uint8, 0..255, with a margin for a rim.

    Args:
        name: name of the shape.
        width: width of the mask in pixels.
        height: height of the mask in pixels.
    """
    mask = np.zeros((height, width), np.uint8)
    scale = np.array([width, height]) * (1 - 2 * _MARGIN)
    shift = np.array([width, height]) * _MARGIN
    for kind, numbers in SHAPES[name]:
        value = 0 if kind.startswith("no ") else 255
        if kind.endswith("disc"):
            x, y, radius = numbers
            centre = np.round((np.array([x, y]) * scale + shift) * _FINE).astype(int)
            size = round(radius * float(scale.min()) * _FINE)
            cv2.circle(mask, (int(centre[0]), int(centre[1])), size, value, -1, cv2.LINE_AA, 4)
        else:
            points = np.round((np.array(numbers).reshape(-1, 2) * scale + shift) * _FINE).astype(np.int32)
            cv2.fillPoly(mask, [points], value, cv2.LINE_AA, 4)
    return mask
