"""What a report is made of, before it is Markdown or a page: sections of tables, intervals, charts and sentences.

Every string may hold words out of a question set or a model: whoever writes them out escapes them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from evals.statistics.bootstrap import BootstrapEstimate
from evals.statistics.tables import interval, markdown, percent

NOT_MEASURED = "–"

_LINE = re.compile(r"\s+")


@dataclass(frozen=True)
class ReportTable:
    """Cells as text; the first column names the row."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class DrawnInterval:
    """One estimate, to be drawn as a dot on its interval."""

    label: str
    mean: float
    low: float | None
    """None where the data allow no interval."""
    high: float | None
    mark: float | None = None
    """What the mean is held against, as chance; on the same scale."""
    is_control: bool = False

    @property
    def said(self) -> str:
        """The figure in percent or points."""
        return f"{100 * self.mean:.1f}"


@dataclass(frozen=True)
class Intervals:
    """Estimates of one kind below one another, on one scale."""

    caption: str
    low: float
    """Left end of the scale; in the unit of the estimates."""
    high: float
    rows: tuple[DrawnInterval, ...]
    mark_name: str = ""
    """What `mark` is; empty where there is none."""
    is_signed: bool = False
    """True for differences: zero is drawn, and figures have a sign."""

    def place(self, value: float) -> float:
        """Where a value is drawn, 0..100 from the left; what is beyond the scale sticks to its end."""
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


@dataclass(frozen=True)
class Chart:
    """A drawing."""

    svg: str
    """Safe to put into a page: whoever draws escapes its words."""
    caption: str


Part = ReportTable | Intervals | Chart


@dataclass(frozen=True)
class Section:
    """One subject of the report."""

    anchor: str
    title: str
    lede: str
    """What is to be seen, in a sentence or two."""
    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()
    """How the figures were made, and what they don't say."""


def as_markdown(sections: Sequence[Section]) -> str:
    """The tables and sentences; what is drawn stands in a table too."""
    return "\n\n".join(part for section in sections for part in _section(section))


def _section(section: Section) -> list[str]:
    tables = [part for part in section.parts if isinstance(part, ReportTable)]
    lines = [f"## {plain(section.title)}", plain(section.lede)]
    for table in tables:
        if table.caption:
            lines.append(f"{plain(table.caption)}:")
        lines.append(markdown([plain(x) for x in table.header], [[plain(x) for x in row] for row in table.rows]))
    lines.append("\n".join(f"- {plain(note)}" for note in section.notes))
    return [line for line in lines if line]


def plain(text: str) -> str:
    """Words as Markdown shows them: on one line, and no tag among them."""
    return _LINE.sub(" ", text).strip().replace("&", "&amp;").replace("<", "&lt;")


def share(estimate: BootstrapEstimate | None) -> str:
    """A share with its interval, as `62.5 % [50.1, 74.9]`."""
    if estimate is None:
        return NOT_MEASURED
    return f"{percent(estimate.mean)} {_interval(estimate)}"


def points(estimate: BootstrapEstimate) -> str:
    """A difference with its interval, in percentage points."""
    return f"{100 * estimate.mean:+.1f} {_interval(estimate)}"


def _interval(estimate: BootstrapEstimate) -> str:
    if estimate.low is not None:
        return interval(estimate)
    return "(one video)" if estimate.clusters < 2 else "(no interval)"
