"""Charts as SVG text: axes, dots with their intervals, lines. Colours are CSS classes of the page, in light and dark.

All are 320 pixels square, so that their text can still be read on a phone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_SIZE, _LEFT, _TOP, _RIGHT, _BOTTOM = 320, 46, 14, 20, 42
_WIDTH, _HEIGHT = _SIZE - _LEFT - _RIGHT, _SIZE - _TOP - _BOTTOM
_STEPS = (1, 2, 2.5, 5, 10)


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
        return tuple(step * number for number in range(first, last + 1))

    def said(self, value: float) -> str:
        """The value of a tick as text."""
        if self.is_percent:
            return f"{100 * value:.0f} %"
        return short(value)


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


@dataclass(frozen=True)
class ChartLine:
    """A line of a chart through points."""

    points: tuple[tuple[float, float], ...]
    colour: int
    """Number of one of the page's colours, from 1; 0 for a line of reference."""
    tip: str = ""
    is_stepped: bool = False


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


def chart(title: str, across: Axis, upright: Axis, marks: Sequence[Dot | ChartLine]) -> str:
    """Draws a chart as SVG, with all text escaped.

    Args:
        title: title of the chart.
        across: horizontal axis.
        upright: vertical axis.
        marks: dots and lines.
    """
    drawn = "".join(_line(m, across, upright) if isinstance(m, ChartLine) else _dot(m, across, upright) for m in marks)
    return (
        f'<svg class="chart" viewBox="0 0 {_SIZE} {_SIZE}" role="img"><title>{escape(title)}</title>'
        f"{_frame(across, upright)}{drawn}</svg>"
    )


def short(value: float) -> str:
    """A number as short text: `1.5k`, `20M`, `0.25`."""
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= unit:
            return f"{value / unit:.3g}{letter}"
    return f"{value:.3g}"


def _frame(across: Axis, upright: Axis) -> str:
    parts = []
    for tick in upright.ticks:
        y = _y(upright, tick)
        parts.append(f'<path class="rule" d="M{_LEFT} {y}h{_WIDTH}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(upright.said(tick))}</text>')
    for tick in across.ticks:
        x = _x(across, tick)
        parts.append(f'<path class="rule" d="M{x} {_TOP + _HEIGHT}v4"/>')
        parts.append(f'<text x="{x}" y="{_SIZE - 24}" text-anchor="middle">{escape(across.said(tick))}</text>')
    middle = _LEFT + _WIDTH / 2
    parts.append(f'<text class="name" x="{middle}" y="{_SIZE - 6}" text-anchor="middle">{escape(across.name)}</text>')
    return "".join(parts)


def _dot(dot: Dot, across: Axis, upright: Axis) -> str:
    x, y = _x(across, dot.x), _y(upright, dot.y)
    whisker = ""
    if dot.low is not None and dot.high is not None:
        whisker = f'<path d="M{x} {_y(upright, dot.low)}V{_y(upright, dot.high)}"/>'
    is_far = across.place(dot.x) > 0.85
    where = f'x="{x - 8}" text-anchor="end"' if is_far else f'x="{x + 8}"'
    label = f'<text class="name" {where} y="{y + 4:.1f}">{escape(dot.label)}</text>' if dot.label else ""
    return (
        f'<g class="c{dot.colour}"><title>{escape(dot.tip)}</title>{whisker}<circle cx="{x}" cy="{y}" r="4.5"/>'
        f"</g>{label}"
    )


def _line(line: ChartLine, across: Axis, upright: Axis) -> str:
    places = [(_x(across, x), _y(upright, y)) for x, y in line.points]
    if not places:
        return ""
    start, *rest = places
    steps = "".join(f"H{x}V{y}" if line.is_stepped else f"L{x} {y}" for x, y in rest)
    tip = f"<title>{escape(line.tip)}</title>"
    return f'<g class="c{line.colour}">{tip}<path class="line" d="M{start[0]} {start[1]}{steps}"/></g>'


def _x(axis: Axis, value: float) -> float:
    return round(_LEFT + _WIDTH * axis.place(value), 1)


def _y(axis: Axis, value: float) -> float:
    return round(_TOP + _HEIGHT * (1 - axis.place(value)), 1)
