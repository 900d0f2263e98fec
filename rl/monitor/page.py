"""The dashboard page of a training run, as HTML."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template

from evals.plots.chart import format_short
from rl.monitor.alarms import Alarm, read_alarms
from rl.monitor.curves import Lines, Panel, draw_panel, format_value, window_of
from rl.monitor.log import TERMS, Row, own_share, select_known
from rl.monitor.panels import PanelGroup, make_subjects
from tools.cache import write_atomically
from tools.plain_data import loads_json

PAGE = "dashboard.html"


@dataclass(frozen=True)
class Figure:
    """A row of the page's table: a measure at the beginning, at the end, and newest, as text."""

    name: str
    first: str
    last: str
    newest: str


def write_page(out: Path, rows: Sequence[Row]) -> None:
    """Writes the page of a training; a reader meanwhile sees the old one.

    Args:
        out: folder of the training.
        rows: the log of the training, at least one step.
    """
    write_atomically(out / PAGE, render_page(out.absolute().name, rows, read_alarms(out), _terms(out)))


def render_page(title: str, rows: Sequence[Row], alarms: Sequence[Alarm], terms: Sequence[tuple[str, str]]) -> str:
    """The dashboard page of a training as HTML.

    Args:
        title: name of the training.
        rows: the log, at least one step.
        alarms: the alarms that have stopped it.
        terms: options of the training as (name, value).
    """
    first, last = rows[0]["step"], rows[-1]["step"]
    style = _style()
    subjects = make_subjects(rows)
    longest = max((len(c.points) for s in subjects for p in s.panels for c in p.curves), default=0)
    return _template().render(
        title=title,
        subjects=[
            (subject, _figures_of(subject, first, last, [alarm.step for alarm in alarms])) for subject in subjects
        ],
        table=_table(rows),
        steps=min(_window(rows), len(rows)),
        first=first,
        last=last,
        alarms=list(reversed(alarms)),
        terms=terms,
        window=window_of(longest),
        style=style,
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


def _figures_of(subject: PanelGroup, first: int, last: int, stops: Sequence[int]) -> list[tuple[Panel, str, str]]:
    """Panel, newest value and SVG of each plot."""
    return [(panel, _now(panel), draw_panel(panel, first, last, stops)) for panel in subject.panels]


def _now(panel: Panel) -> str:
    """The smoothed value at the end, for panels with one curve; else empty."""
    if not isinstance(panel, Lines) or len(panel.curves) != 1:
        return ""
    points = panel.curves[0].points
    recent = points[-window_of(len(points)) :]
    return format_value(sum(value for _, value in recent) / len(recent), is_share=panel.is_share)


def _window(rows: Sequence[Row]) -> int:
    return max(1, min(20, len(rows) // 2))


def _table(rows: Sequence[Row]) -> list[Figure]:
    """The mean of every measure over the first steps and over the last ones, and its newest value."""
    count = _window(rows)
    names = sorted({name for row in rows for name in row} - {"step"})
    figures = []
    for name in names:
        values = [value for _, value in select_known(rows, name)]
        if values:
            first, last = values[:count], values[-count:]
            told = (sum(first) / len(first), sum(last) / len(last), values[-1])
            figures.append(Figure(name, *(format_short(value) for value in told)))
    shares = [share for row in rows if (share := own_share(row)) is not None]
    if shares:
        told = (sum(shares[:count]) / len(shares[:count]), sum(shares[-count:]) / len(shares[-count:]), shares[-1])
        figures.append(Figure("our own code, share of a step", *(format_value(value, is_share=True) for value in told)))
    return figures


def _terms(out: Path) -> list[tuple[str, str]]:
    """The options of the training as (name, value), one level deep."""
    path = out / TERMS
    if not path.exists():
        return []
    found: list[tuple[str, str]] = []
    for name, value in loads_json(path.read_text(encoding="utf-8")).items():
        inner = value if isinstance(value, dict) else {"": value}
        told = ", ".join(f"{key} {said}".strip() for key, said in inner.items() if said is not None)
        if told:
            found.append((name, told))
    return found


@cache
def _style() -> str:
    own = files("rl.monitor").joinpath("dashboard.css").read_text(encoding="utf-8")
    shared = files("evals.report").joinpath("page.css").read_text(encoding="utf-8")
    return files("agent.report").joinpath("report.css").read_text(encoding="utf-8") + shared + own


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(files("rl.monitor").joinpath("dashboard.html.jinja").read_text(encoding="utf-8"))
