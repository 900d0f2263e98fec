"""Plots of a training as SVG text: a smoothed line over a faint raw one, and bars of the parts of a step's seconds.

Colours are CSS classes of the surrounding page. Plots are 340 wide, so that their text can still be read on a phone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import accumulate

from evals.plots.chart import Axis, short

WIDTH, HEIGHT = 340, 220
_LEFT, _TOP, _RIGHT, _BOTTOM = 54, 12, 12, 38
_WIDE, _HIGH = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM
_MOST_POINTS, _MOST_BARS, _MOST_TIPS = 400, 80, 60
_SMOOTH_OF = 10
"""A smoothed point is the mean of a tenth of all steps around it; picked by eye."""

Points = Sequence[tuple[int, float]]
"""Pairs (step, value), in the order of steps."""


@dataclass(frozen=True)
class Curve:
    """The values of one measure over the steps."""

    name: str
    points: Points
    colour: int
    """Number of one of the page's colours, from 1."""


@dataclass(frozen=True)
class Lines:
    """A plot of several curves on one scale."""

    title: str
    curves: tuple[Curve, ...]
    is_share: bool = False
    """Whether values are shares 0..1, written as percent on an axis that shows all of it."""
    is_log: bool = False
    """Whether the axis is logarithmic, where all values are positive and span enough."""
    note: str = ""
    """Sentence below the plot that says what is measured."""


@dataclass(frozen=True)
class Bars:
    """A plot of stacked bars: the parts of the seconds of each step."""

    title: str
    curves: tuple[Curve, ...]
    """Parts from the bottom up; each has a value for the same steps."""
    note: str = ""


Panel = Lines | Bars


def window_of(points: int) -> int:
    """Width of the smoothing window in steps: an odd number, 1 for no smoothing."""
    return 2 * (points // _SMOOTH_OF // 2) + 1 if points >= _SMOOTH_OF else 1


def smoothed(points: Points) -> list[tuple[int, float]]:
    """Moving average of the points; at both ends over those that there are."""
    half = window_of(len(points)) // 2
    sums = [0.0, *accumulate(value for _, value in points)]
    found = []
    for place, (step, _) in enumerate(points):
        start, stop = max(0, place - half), min(len(points), place + half + 1)
        found.append((step, (sums[stop] - sums[start]) / (stop - start)))
    return found


def drawn(panel: Panel, first: int, last: int, stops: Sequence[int] = ()) -> str:
    """The plot as an SVG element.

    Args:
        panel: the plot's data.
        first: step at the left end.
        last: step at the right end.
        stops: steps after which an alarm stopped the training, marked by lines.
    """
    across = Axis("step", first, last if last > first else first + 1)
    upright = _upright(panel)
    inner = _bars(panel, across, upright) if isinstance(panel, Bars) else _lines(panel, across, upright)
    marks = "".join(f'<path class="stop" d="M{_x(across, step)} {_TOP}v{_HIGH}"/>' for step in stops)
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"><title>{escape(panel.title)}</title>'
        f"{_frame(across, upright)}{inner}{marks}{_tips(panel, across)}</svg>"
    )


def _upright(panel: Panel) -> Axis:
    if isinstance(panel, Bars):
        heights = _heights(panel.curves)
        return Axis("", 0.0, 1.05 * max(heights, default=0.0) or 1.0)
    values = [value for curve in panel.curves for _, value in curve.points]
    low, high = min(values), max(values)
    if panel.is_share:
        return Axis("", min(0.0, low), max(1.0, high), is_percent=True)
    if panel.is_log and low > 0 and high / low > 20:
        return Axis("", 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)), is_log=True)
    low = min(0.0, low)
    high = max(high, 0.0)
    room = 0.06 * (high - low) or 1.0
    return Axis("", low - room if low < 0 else low, high + room)


def _heights(curves: Sequence[Curve]) -> list[float]:
    return [sum(values) for values in zip(*([v for _, v in curve.points] for curve in curves), strict=True)]


def _lines(panel: Lines, across: Axis, upright: Axis) -> str:
    parts = []
    for curve in panel.curves:
        raw = (
            f'<path class="raw" d="{_path(curve.points, across, upright)}"/>'
            if window_of(len(curve.points)) > 1
            else ""
        )
        parts.append(f'<g class="c{curve.colour}">{raw}{_smooth(curve, across, upright)}</g>')
    return "".join(parts)


def _smooth(curve: Curve, across: Axis, upright: Axis) -> str:
    if len(curve.points) == 1:
        [(step, value)] = curve.points
        return f'<circle cx="{_x(across, step)}" cy="{_y(upright, value)}" r="3"/>'
    return f'<path class="line" d="{_path(smoothed(curve.points), across, upright)}"/>'


def _path(points: Points, across: Axis, upright: Axis) -> str:
    places = (f"{_x(across, step)} {_y(upright, value)}" for step, value in _thinned(points, _MOST_POINTS))
    return "M" + "L".join(places)


def _bars(panel: Bars, across: Axis, upright: Axis) -> str:
    columns = [_thinned(curve.points, _MOST_BARS) for curve in panel.curves]
    count = len(columns[0]) if columns else 0
    width = round(min(18.0, max(1.0, 0.82 * _WIDE / max(1, count))), 1)
    parts = []
    for place in range(count):
        low = 0.0
        left = round(min(max(_x(across, columns[0][place][0]) - width / 2, _LEFT), _LEFT + _WIDE - width), 1)
        for curve, column in zip(panel.curves, columns, strict=True):
            top, bottom = _y(upright, low + column[place][1]), _y(upright, low)
            low += column[place][1]
            if bottom > top:
                box = f'x="{left}" y="{top}" width="{width}" height="{bottom - top:.1f}"'
                parts.append(f'<rect class="bar c{curve.colour}" {box}/>')
    return "".join(parts)


def _thinned(points: Points, most: int) -> list[tuple[float, float]]:
    """Points thinned to at most `most` by averaging neighbours."""
    size = math.ceil(len(points) / most)
    groups = [points[start : start + size] for start in range(0, len(points), size or 1)]
    return [(sum(s for s, _ in group) / len(group), sum(v for _, v in group) / len(group)) for group in groups]


def _tips(panel: Panel, across: Axis) -> str:
    """Invisible boxes whose titles name the values of the steps under the pointer."""
    columns = [_thinned(curve.points, _MOST_TIPS) for curve in panel.curves]
    longest = max(columns, key=len, default=[])
    width = round(_WIDE / max(1, len(longest)), 1)
    parts = []
    for step, _ in longest:
        near = [(curve.name, _nearest(column, step)) for curve, column in zip(panel.curves, columns, strict=True)]
        is_share = isinstance(panel, Lines) and panel.is_share
        told = ", ".join(f"{name} {said(value, is_share=is_share)}" for name, value in near)
        left = round(_x(across, step) - width / 2, 1)
        box = f'x="{left}" y="{_TOP}" width="{width}" height="{_HIGH}"'
        parts.append(f'<rect class="tip" {box}><title>{escape(f"step {step:.0f}: {told}")}</title></rect>')
    return "".join(parts)


def _nearest(column: Sequence[tuple[float, float]], step: float) -> float:
    return min(column, key=lambda point: abs(point[0] - step))[1]


def said(value: float, *, is_share: bool) -> str:
    """A value as short text, shares as percent."""
    return f"{100 * value:.1f} %" if is_share else short(value)


def _frame(across: Axis, upright: Axis) -> str:
    parts = []
    for tick in upright.ticks:
        y = _y(upright, tick)
        name = "zero" if tick == 0 else "rule"
        parts.append(f'<path class="{name}" d="M{_LEFT} {y}h{_WIDE}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(upright.said(tick))}</text>')
    for tick in across.ticks:
        if tick != int(tick):
            continue
        x = _x(across, tick)
        parts.append(f'<path class="rule" d="M{x} {_TOP + _HIGH}v4"/>')
        parts.append(f'<text x="{x}" y="{HEIGHT - 20}" text-anchor="middle">{tick:,.0f}</text>')
    middle = _LEFT + _WIDE / 2
    parts.append(f'<text class="name" x="{middle}" y="{HEIGHT - 4}" text-anchor="middle">{escape(across.name)}</text>')
    return "".join(parts)


def _x(axis: Axis, step: float) -> float:
    return round(_LEFT + _WIDE * axis.place(step), 1)


def _y(axis: Axis, value: float) -> float:
    return round(_TOP + _HIGH * (1 - axis.place(value)), 1)
