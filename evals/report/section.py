"""Sections of a report before they are Markdown or HTML: tables, intervals, charts and sentences.

Every string may hold text out of a question set or a model: writers of Markdown and HTML escape it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evals.statistics.bootstrap import BootstrapEstimate
from evals.statistics.tables import format_interval, format_percent, render_table

NOT_MEASURED = "–"

_LINE = re.compile(r"\s+")


@dataclass(frozen=True)
class ReportTable:
    """A table with cells as text; the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class DrawnInterval:
    """One estimate, drawn as a dot on its interval."""

    label: str
    mean: float
    low: float | None
    """Lower end of the interval; None, as `high`, where the data allow none."""
    high: float | None
    mark: float | None = None
    """Reference with which the mean is compared, as chance, on the same scale."""
    is_control: bool = False

    @property
    def said(self) -> str:
        """Mean as text, in percent or points."""
        return f"{100 * self.mean:.1f}"


@dataclass(frozen=True)
class Intervals:
    """A drawing of estimates below one another, on one scale."""

    caption: str
    low: float
    """Left end of the scale, in the unit of the estimates."""
    high: float
    rows: tuple[DrawnInterval, ...]
    mark_name: str = ""
    """Name of the rows' `mark`; empty where there is none."""
    is_signed: bool = False
    """Whether the estimates are differences: zero is drawn, and figures have a sign."""

    def place(self, value: float) -> float:
        """Place of a value on the scale, 0..100 from the left, clipped to its ends."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


@dataclass(frozen=True)
class Chart:
    """A drawing as SVG with a caption."""

    svg: str
    """SVG that is safe to put into a page, with its text escaped."""
    caption: str


Part = ReportTable | Intervals | Chart


@dataclass(frozen=True)
class Section:
    """One section of the report: a subject with its tables and drawings."""

    anchor: str
    title: str
    lede: str
    """Introduction in a sentence or two."""
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    """Sentences on how the figures were computed, and what they don't say."""


def render_markdown(sections: Sequence[Section]) -> str:
    """The sections' tables and sentences as Markdown; figures of drawings are in tables too."""
    return "\n\n".join(part for section in sections for part in _render_section(section))


def _render_section(section: Section) -> list[str]:
    tables = [part for part in section.parts if isinstance(part, ReportTable)]
    lines = [f"## {escape_markdown(section.title)}", escape_markdown(section.lede)]
    for table in tables:
        if table.caption:
            lines.append(f"{escape_markdown(table.caption)}:")
        lines.append(
            render_table(
                [escape_markdown(x) for x in table.header], [[escape_markdown(x) for x in row] for row in table.rows]
            )
        )
    lines.append("\n".join(f"- {escape_markdown(note)}" for note in section.notes))
    return [line for line in lines if line]


def escape_markdown(text: str) -> str:
    """Text escaped for Markdown: on one line, without tags."""
    return _LINE.sub(" ", text).strip().replace("&", "&amp;").replace("<", "&lt;")


def format_share(estimate: BootstrapEstimate | None) -> str:
    """A share with its interval as text, `62.5 % [50.1, 74.9]`."""
    if estimate is None:
        return NOT_MEASURED
    return f"{format_percent(estimate.mean)} {_interval(estimate)}"


def format_points(estimate: BootstrapEstimate) -> str:
    """A difference with its interval as text, in percentage points."""
    return f"{100 * estimate.mean:+.1f} {_interval(estimate)}"


def _interval(estimate: BootstrapEstimate) -> str:
    if estimate.low is not None:
        return format_interval(estimate)
    return "(one video)" if estimate.clusters < 2 else "(no interval)"
