"""Plots as SVG text: axes, and marks on them. Colours are CSS classes of the page, in light and dark.

A file of its own, for a README, has its own style. Plots are so small that their text can still be read on a phone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

_STEPS = (1, 2, 2.5, 5, 10)
_GAP, _HEAD = 24, 30
"""Pixels between the plots of a file, and above each for its title."""
_STYLE = """
svg { --ink: #191b1d; --soft: #5b6066; --line: #dddcd5; --rule: #b9b8b0; --paper: #fcfcfa; }
svg { --c1: #0b6a70; --c2: #b4530a; }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e9e8e3; --soft: #a3a9ae; --line: #2c3034; --rule: #4a5056; --paper: #121416; }
  svg { --c1: #66cfc7; --c2: #f0a35c; }
}
text { font: 11px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", Arial, sans-serif; fill: var(--soft); }
.name { fill: var(--ink); }
.head { font-size: 13px; font-weight: 600; fill: var(--ink); }
.paper { fill: var(--paper); }
.rule { stroke: var(--line); fill: none; }
.zero { stroke: var(--rule); fill: none; }
g path { fill: none; stroke-linejoin: round; }
.c0 path { stroke: var(--soft); stroke-dasharray: 4 4; }
.c1 path { stroke: var(--c1); }
.c2 path { stroke: var(--c2); }
.c1 path, .c2 path { stroke-width: 1.5; }
.c1 circle { fill: var(--c1); }
.c2 circle { fill: var(--c2); }
.c1 .raw, .c2 .raw { stroke-width: 1; opacity: .3; }
.c1 .line, .c2 .line { stroke-width: 2.2; }
.tip { fill: none; }
"""


@dataclass(frozen=True)
class Axis:
    """One axis of a chart; `low` < `high`."""

    name: str
    low: float
    high: float
    is_percent: bool = False
    """Whether values are shares, written as percent."""
    is_log: bool = False
    """Whether the axis is logarithmic, which needs `low` > 0."""
    is_whole: bool = False
    """Whether values are whole numbers, as those of steps are."""

    def place(self, value: float) -> float:
        """Place of a value along the axis, 0..1, clipped to its ends."""
        low, high, at = (math.log(x) if self.is_log else x for x in (self.low, self.high, max(value, self.low)))
        return min(1.0, max(0.0, (at - low) / (high - low)))

    @property
    def ticks(self) -> tuple[float, ...]:
        """Round values for ticks: about four, or powers of ten."""
        if self.is_log:
            powers = range(math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9) + 1)
            if len(powers) > 1:
                return tuple(10.0**power for power in powers)
            return (self.low, self.high)
        rough = (self.high - self.low) / 4
        unit = 10 ** math.floor(math.log10(rough))
        step = unit * min(_STEPS, key=lambda s: abs(s * unit - rough))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        found = (step * number for number in range(first, last + 1))
        return tuple(tick for tick in found if not self.is_whole or tick == int(tick))

    def said(self, value: float) -> str:
        """The value of a tick as text."""
        if self.is_percent:
            return f"{100 * value:.0f} %"
        return f"{value:,.0f}" if self.is_whole else format_short(value)


@dataclass(frozen=True)
class Canvas:
    """Size of a plot and of its margins, in pixels."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int

    @property
    def wide(self) -> int:
        """Width between the margins."""
        return self.width - self.left - self.right

    @property
    def high(self) -> int:
        """Height between the margins."""
        return self.height - self.top - self.bottom


SQUARE = Canvas(320, 324, 46, 18, 20, 42)


@dataclass(frozen=True)
class Plot:
    """Places of values on a canvas."""

    across: Axis
    upright: Axis
    canvas: Canvas

    def x(self, value: float) -> float:
        """Pixels from the left."""
        return round(self.canvas.left + self.canvas.wide * self.across.place(value), 1)

    def y(self, value: float) -> float:
        """Pixels from the top."""
        return round(self.canvas.top + self.canvas.high * (1 - self.upright.place(value)), 1)


class ChartMark(Protocol):
    """Something that is drawn on a plot."""

    def svg(self, plot: Plot) -> str:
        """SVG elements, with all text escaped."""


@dataclass(frozen=True)
class Dot:
    """A point of a chart, with its interval along the vertical axis."""

    x: float
    y: float
    low: float | None
    high: float | None
    colour: int
    """Number of one of the page's colours, from 1."""
    label: str = ""
    """Text beside the dot."""
    tip: str = ""
    radius: float = 4.5

    def svg(self, plot: Plot) -> str:
        """Draws a circle, and a line for the interval."""
        x, y = plot.x(self.x), plot.y(self.y)
        whisker = ""
        if self.low is not None and self.high is not None:
            whisker = f'<path d="M{x} {plot.y(self.low)}V{plot.y(self.high)}"/>'
        is_far = plot.across.place(self.x) > 0.85
        where = f'x="{x - 8}" text-anchor="end"' if is_far else f'x="{x + 8}"'
        label = f'<text class="name" {where} y="{y + 4:.1f}">{escape(self.label)}</text>' if self.label else ""
        circle = f'<circle cx="{x}" cy="{y}" r="{self.radius:g}"/>'
        return f'<g class="c{self.colour}">{_title(self.tip)}{whisker}{circle}</g>{label}'


@dataclass(frozen=True)
class ChartLine:
    """A line of a chart through points."""

    points: Sequence[tuple[float, float]]
    colour: int
    """Number of one of the page's colours, from 1; 0 for a line of reference."""
    tip: str = ""
    is_faint: bool = False

    def svg(self, plot: Plot) -> str:
        """Draws a path; nothing where there are no points."""
        if not self.points:
            return ""
        path = "L".join(f"{plot.x(x)} {plot.y(y)}" for x, y in self.points)
        drawn = f'<path class="{"raw" if self.is_faint else "line"}" d="M{path}"/>'
        return f'<g class="c{self.colour}">{_title(self.tip)}{drawn}</g>'


@dataclass(frozen=True)
class ChartBar:
    """An upright bar from one value to another."""

    x: float
    low: float
    high: float
    colour: int
    width: float
    """Pixels."""

    def svg(self, plot: Plot) -> str:
        """Draws a box within the margins; nothing where it would have no height."""
        canvas, top, bottom = plot.canvas, plot.y(self.high), plot.y(self.low)
        left = min(max(plot.x(self.x) - self.width / 2, canvas.left), canvas.left + canvas.wide - self.width)
        box = f'x="{left:.1f}" y="{top}" width="{self.width:.1f}" height="{bottom - top:.1f}"'
        return f'<rect class="bar c{self.colour}" {box}/>' if bottom > top else ""


@dataclass(frozen=True)
class StopLine:
    """A line from top to bottom that marks an end."""

    x: float

    def svg(self, plot: Plot) -> str:
        """Draws a dashed path."""
        return f'<path class="stop" d="M{plot.x(self.x)} {plot.canvas.top}v{plot.canvas.high}"/>'


@dataclass(frozen=True)
class ChartTip:
    """A text that is shown for the values under the pointer."""

    x: float
    text: str
    width: float
    """Pixels."""

    def svg(self, plot: Plot) -> str:
        """Draws an invisible box from top to bottom."""
        box = f'x="{plot.x(self.x) - self.width / 2:.1f}" y="{plot.canvas.top}" width="{self.width:.1f}"'
        return f'<rect class="tip" {box} height="{plot.canvas.high}">{_title(self.text)}</rect>'


COLOURS = 6
"""Number of colours of the page; with more runs they repeat."""


def colour(number: int) -> int:
    """The colour of a run by its number, counted from 1."""
    return (number - 1) % COLOURS + 1


def axis_over(name: str, values: Sequence[float]) -> Axis:
    """An axis from 0 to a little above the highest value; logarithmic where values span more than twentyfold."""
    low, high = min(values), max(values)
    if low > 0 and high / low > 20:
        return Axis(name, 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)), is_log=True)
    return Axis(name, 0.0, high * 1.1 or 1.0)


def draw_chart(title: str, across: Axis, upright: Axis, marks: Sequence[ChartMark], canvas: Canvas = SQUARE) -> str:
    """A chart as an SVG element, with all text escaped.

    Args:
        title: text that screen readers read.
        across: the horizontal axis.
        upright: the vertical axis.
        marks: what is drawn, from the back to the front.
        canvas: size and margins.
    """
    plot = Plot(across, upright, canvas)
    size = f'width="{canvas.width}" height="{canvas.height}" viewBox="0 0 {canvas.width} {canvas.height}"'
    drawn = "".join(mark.svg(plot) for mark in marks)
    return f'<svg class="chart" {size} role="img">{_title(title)}{_draw_frame(plot)}{drawn}</svg>'


def svg_file(charts: Sequence[tuple[str, str]], canvas: Canvas = SQUARE) -> str:
    """An SVG file with its own style, two charts side by side.

    Args:
        charts: pairs (title, SVG) of the charts, drawn in colours 0 to 2.
        canvas: the canvas of each chart.
    """
    columns = min(2, len(charts))
    width = columns * canvas.width + (columns + 1) * _GAP
    height = -(-len(charts) // columns) * (canvas.height + _HEAD) + _GAP
    parts = []
    for number, (title, drawing) in enumerate(charts):
        left = _GAP + number % columns * (canvas.width + _GAP)
        top = _HEAD + number // columns * (canvas.height + _HEAD)
        head = f'<text class="head" y="-4">{escape(title)}</text>'
        parts.append(f'<g transform="translate({left} {top})">{head}{drawing}</g>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f'<style>{_STYLE}</style><rect class="paper" width="{width}" height="{height}" rx="6"/>{"".join(parts)}</svg>\n'
    )


def format_short(value: float) -> str:
    """A number as short text: `1.5k`, `20M`, `0.25`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


def _draw_frame(plot: Plot) -> str:
    canvas, bottom, parts = plot.canvas, plot.canvas.top + plot.canvas.high, []
    for tick in plot.upright.ticks:
        y, said = plot.y(tick), escape(plot.upright.said(tick))
        parts.append(f'<path class="{"rule" if tick else "zero"}" d="M{canvas.left} {y}h{canvas.wide}"/>')
        parts.append(f'<text x="{canvas.left - 6}" y="{y + 4:.1f}" text-anchor="end">{said}</text>')
    for tick in plot.across.ticks:
        x, said = plot.x(tick), escape(plot.across.said(tick))
        parts.append(f'<path class="rule" d="M{x} {bottom}v4"/>')
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{said}</text>')
    middle, names = canvas.left + canvas.wide / 2, [escape(axis.name) for axis in (plot.across, plot.upright)]
    parts.append(f'<text class="name" x="{middle}" y="{canvas.height - 5}" text-anchor="middle">{names[0]}</text>')
    if names[1]:
        parts.append(f'<text class="name" x="{canvas.left}" y="{canvas.top - 4}">{names[1]}</text>')
    return "".join(parts)


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
