"""Reliability diagrams as SVG text: mean confidence against accuracy, with intervals, beside the diagonal.

Middle tones on no background, so that it can be read on a light page and on a dark one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_SIDE = 240
"""Pixels a side of the unit square."""
_LEFT, _TOP, _WIDTH, _HEIGHT = 48, 32, 320, 320
_INK, _MARK = "#808080", "#3d85c6"


@dataclass(frozen=True)
class ReliabilityPoint:
    """One bin of the diagram; all but `count` are shares, 0..1."""

    confidence: float
    accuracy: float
    low: float
    high: float
    count: int


def reliability_svg(points: Sequence[ReliabilityPoint], title: str) -> str:
    """Draws the diagram as SVG, 320x320; the area of a dot grows with its count."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" font-family="sans-serif" font-size="11" fill="{_INK}" role="img">',
        f"<title>{escape(title)}</title>",
        f'<text x="{_LEFT + _SIDE / 2}" y="20" text-anchor="middle">{escape(title)}</text>',
        *_axes(),
        *(_drawn(point, sum(p.count for p in points)) for point in points),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _axes() -> list[str]:
    ticks = [tick / 4 for tick in range(5)]
    bottom = _TOP + _SIDE
    return [
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="{_INK}"/>',
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="{_INK}" stroke-dasharray="4 4"/>',
        *(f'<text x="{_x(t)}" y="{bottom + 15}" text-anchor="middle">{t:g}</text>' for t in ticks),
        *(f'<text x="{_LEFT - 6}" y="{_y(t) + 4:g}" text-anchor="end">{t:g}</text>' for t in ticks),
        f'<text x="{_x(0.5)}" y="{bottom + 34}" text-anchor="middle">mean confidence</text>',
        f'<text x="14" y="{_y(0.5)}" text-anchor="middle" transform="rotate(-90 14 {_y(0.5)})">share right</text>',
    ]


def _drawn(point: ReliabilityPoint, total: int) -> str:
    x = _x(point.confidence)
    radius = round(3 + 9 * (point.count / total) ** 0.5, 1)
    return (
        f'<g fill="{_MARK}" stroke="{_MARK}"><title>{point.count} answers: confidence {point.confidence:.2f}, '
        f"right {point.accuracy:.2f} [{point.low:.2f}, {point.high:.2f}]</title>"
        f'<path d="M{x} {_y(point.low)}V{_y(point.high)}"/>'
        f'<circle cx="{x}" cy="{_y(point.accuracy)}" r="{radius}" fill-opacity="0.6"/></g>'
    )


def _x(share: float) -> float:
    return round(_LEFT + _SIDE * share, 1)


def _y(share: float) -> float:
    return round(_TOP + _SIDE * (1 - share), 1)
