"""Plots of a training: a smoothed line over a faint raw one, and bars of the parts of a step's seconds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from evals.plots.chart import (
    Axis,
    Canvas,
    ChartBar,
    ChartLine,
    ChartMark,
    ChartTip,
    Dot,
    StopLine,
    draw_chart,
    format_short,
    svg_file,
)
from rl.monitor.log import Row, select_known

CANVAS = Canvas(340, 220, 54, 12, 12, 38)
_MOST_POINTS, _MOST_BARS, _MOST_TIPS = 400, 80, 60
_SMOOTH_OF = 10
"""A smoothed point is the mean of a tenth of all steps around it; picked by eye."""

_IN_A_PICTURE = (
    ("Score", "score", False),
    ("Tool calls a question", "runs/calls", False),
    ("Turns that can be read", "runs/readable_turns", True),
    ("Tokens written a question", "runs/sampled_tokens", False),
)
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


def smooth(points: Points) -> list[tuple[int, float]]:
    """Moving average of the points; at both ends over those that there are."""
    half = window_of(len(points)) // 2
    sums = [0.0, *accumulate(value for _, value in points)]
    found = []
    for place, (step, _) in enumerate(points):
        start, stop = max(0, place - half), min(len(points), place + half + 1)
        found.append((step, (sums[stop] - sums[start]) / (stop - start)))
    return found


def draw_panel(panel: Panel, first: int, last: int, stops: Sequence[int] = ()) -> str:
    """The plot as an SVG element.

    Args:
        panel: the plot's data.
        first: step at the left end.
        last: step at the right end.
        stops: steps after which an alarm stopped the training, marked by lines.
    """
    across = Axis("step", first, last if last > first else first + 1, is_whole=True)
    marks = _draw_bars(panel) if isinstance(panel, Bars) else _draw_lines(panel)
    return draw_chart(panel.title, across, _upright(panel), [*marks, *map(StopLine, stops), *_draw_tips(panel)], CANVAS)


def picture(rows: Sequence[Row]) -> str:
    """Four curves of a training as an SVG file.

    Args:
        rows: a log, with at least one of the four measures.

    Raises:
        ValueError: the log has none of them.
    """
    found = [(title, select_known(rows, name), is_share) for title, name, is_share in _IN_A_PICTURE]
    panels = [Lines(title, (Curve(title, points, 1),), is_share) for title, points, is_share in found if points]
    if not panels:
        raise ValueError(f"nothing to draw: the log has none of {', '.join(name for _, name, _ in _IN_A_PICTURE)}")
    first, last = rows[0]["step"], rows[-1]["step"]
    return svg_file([(panel.title, draw_panel(panel, first, last)) for panel in panels], CANVAS)


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


def _draw_lines(panel: Lines) -> list[ChartMark]:
    marks: list[ChartMark] = []
    for curve in panel.curves:
        if len(curve.points) == 1:
            [(step, value)] = curve.points
            marks.append(Dot(step, value, None, None, curve.colour, radius=3))
            continue
        if window_of(len(curve.points)) > 1:
            marks.append(ChartLine(_thin(curve.points, _MOST_POINTS), curve.colour, is_faint=True))
        marks.append(ChartLine(_thin(smooth(curve.points), _MOST_POINTS), curve.colour))
    return marks


def _draw_bars(panel: Bars) -> list[ChartMark]:
    columns = [_thin(curve.points, _MOST_BARS) for curve in panel.curves]
    width = min(18.0, max(1.0, 0.82 * CANVAS.wide / max(1, len(columns[0]) if columns else 0)))
    marks: list[ChartMark] = []
    for stack in zip(*columns, strict=True):
        low = 0.0
        for curve, (step, seconds) in zip(panel.curves, stack, strict=True):
            marks.append(ChartBar(step, low, low + seconds, curve.colour, width))
            low += seconds
    return marks


def _thin(points: Points, most: int) -> list[tuple[float, float]]:
    """Points thinned to at most `most` by averaging neighbours."""
    size = math.ceil(len(points) / most)
    groups = [points[start : start + size] for start in range(0, len(points), size or 1)]
    return [(sum(s for s, _ in group) / len(group), sum(v for _, v in group) / len(group)) for group in groups]


def _draw_tips(panel: Panel) -> list[ChartTip]:
    """Texts that name the values of the steps under the pointer."""
    columns = [_thin(curve.points, _MOST_TIPS) for curve in panel.curves]
    longest = max(columns, key=len, default=[])
    is_share = isinstance(panel, Lines) and panel.is_share
    tips = []
    for step, _ in longest:
        near = [(curve.name, _find_nearest(column, step)) for curve, column in zip(panel.curves, columns, strict=True)]
        told = ", ".join(f"{name} {format_value(value, is_share=is_share)}" for name, value in near)
        tips.append(ChartTip(step, f"step {step:.0f}: {told}", CANVAS.wide / len(longest)))
    return tips


def _find_nearest(column: Sequence[tuple[float, float]], step: float) -> float:
    return min(column, key=lambda point: abs(point[0] - step))[1]


def format_value(value: float, *, is_share: bool) -> str:
    """A value as short text, shares as percent."""
    return f"{100 * value:.1f} %" if is_share else format_short(value)
