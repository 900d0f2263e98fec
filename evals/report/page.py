"""The report as one HTML page: style inline, nothing fetched, no script, hostile text escaped by the template."""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from urllib.parse import quote

from jinja2 import Environment, StrictUndefined, Template

from agent.coverage import format_mmss
from evals.plots.chart import colour
from evals.report.gallery import Gallery
from evals.report.section import Part, Section
from evals.report.stored_run import StoredRun
from tools.observation_text import format_percent

_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def render_page(
    title: str,
    runs: Sequence[StoredRun],
    sections: Sequence[Section],
    galleries: Sequence[Gallery] = (),
    command: str = "",
) -> bytes:
    """Renders the page as UTF-8.

    Args:
        title: title of the page.
        runs: the runs.
        sections: sections of the report.
        galleries: galleries of the runs.
        command: command line, for the record.
    """
    style = files("agent.report").joinpath("report.css").read_text(encoding="utf-8") + _part("page.css")
    text = _template().render(
        title=title,
        runs=runs,
        sections=sections,
        galleries=galleries,
        command=command,
        style=style,
        style_hash="sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )
    # a lone surrogate out of a model's JSON must not stop the page
    return text.encode("utf-8", errors="replace")


def terms_of(run: StoredRun) -> tuple[tuple[str, str], ...]:
    """Options of a run as (name, value), for a reader who wants to judge it or run it again."""
    manifest, terms = run.manifest, run.manifest.terms
    limits = ", ".join(f"{name} {value:g}" for name, value in vars(terms.limits).items() if value is not None)
    found = [
        ("policy", terms.policy),
        ("set", f"{terms.benchmark}: {manifest.data}"),
        ("control", terms.control or "none"),
        ("questions", f"{manifest.asked:,}, {manifest.runs} run{'s' * (manifest.runs > 1)} of each"),
        ("limits", limits),
        ("prompt", f"{terms.wording}, {terms.prompt}"),
    ]
    if (setup := manifest.setup) is not None:
        found.append(("sampling", f"temperature {setup.temperature:g}, top-p {setup.top_p:g}, seed {setup.seed}"))
        found.append(
            ("pictures", f"{setup.max_frame_pixels:,} pixels each, {setup.max_pictures or 'any number'} a request")
        )
    if manifest.sessions:
        last = manifest.sessions[-1]
        gpus = f", {', '.join(last.machine.gpus)}" if last.machine.gpus else ""
        found.append(("machine", f"{last.machine.cpu}, {last.machine.cores} cores{gpus}"))
        found.append(("version", f"videosleuth {last.versions.get('videosleuth', '?')}, {last.commit or 'no commit'}"))
        found.append(("when", f"{manifest.sessions[0].started} to {last.ended or 'not ended'}"))
        found.append(("command", last.command))
    if manifest.weights:
        found.append(("weights", ", ".join(f"{name} {digest[:12]}" for name, digest in manifest.weights.items())))
    found.append(("files", ", ".join(f"{name} {digest[:12]}" for name, digest in manifest.files.items()) or "none"))
    return tuple(found)


def _group_parts(parts: Iterable[Part]) -> list[list[Part]]:
    """Consecutive parts of one kind, grouped."""
    return [list(group) for _, group in groupby(parts, key=_kind)]


def _kind(part: Part) -> str:
    return type(part).__name__


def _replace_controls(value: object) -> object:
    """Replaces control characters in every expression of the template, so that none reaches the page."""
    if type(value) is not str:
        return value
    return _CONTROLS.sub(lambda match: chr(0x2400 + min(ord(match[0]), 0x21)), value)


@cache
def _part(name: str) -> str:
    return files("evals.report").joinpath(name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_replace_controls
    )
    environment.filters |= {
        "mmss": format_mmss,
        "percent": format_percent,
        "grouped": _group_parts,
        "kind": _kind,
        "terms": terms_of,
        "urlpath": quote,
        "colour": colour,
    }
    return environment.from_string(_part("page.html.jinja"))
