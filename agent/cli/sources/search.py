"""`agent search`: the moments of a folder's videos that fit a description, without a question."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.run_options import ENCODER
from agent.exit_codes import EXIT_NO_ANSWER
from agent.paths import escape_path
from agent.terminal import Screen, format_json

if TYPE_CHECKING:
    from agent.cli import Commands
    from tools.index.library import LibraryMoment

_COUNT = 10
"""Moments by default."""


def add(commands: "Commands") -> None:
    """Adds the command `search` to the parser."""
    search = commands.add_parser(
        "search",
        help="find moments in all videos of a folder, by picture and by words",
        description="Finds the moments that fit a description best: in pictures, in speech and in text on screen, "
        "as far as these are known (`agent index --speech --text FOLDER`). New and changed videos are indexed first. "
        "Exit status 1 where nothing is found.",
    )
    search.add_argument("folder", metavar="FOLDER", help="a folder with videos, in it or below it")
    search.add_argument("query", metavar="QUERY", help="what should be seen, said or written, in quotes")
    search.add_argument("--count", type=int, default=_COUNT, metavar="N", help=f"moments, by default {_COUNT}")
    search.add_argument("--encoder", default=None, metavar="SPEC", help=ENCODER)
    search.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    search.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.cli.sources.folder import open_library
    from agent.report.console import show_working

    folder = Path(options.folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder: agent search looks through a folder of videos, agent ask into one")
    if options.count < 1:
        raise ValueError(f"need --count 1 or more, got {options.count}")
    if not options.query.strip():
        raise ValueError("the query is empty: say what should be seen, said or written")
    progress, screen = Screen(stderr=True), Screen()
    with show_working(progress) as shown:
        library = open_library(folder, options.encoder, shown)
        found = library.search(options.query, options.count)
    problems = {escape_path(str(path)): why for path, why in library.problems.items()}
    if options.json:
        moments = [asdict(moment) | {"video": escape_path(str(moment.video))} for moment in found]
        print(format_json({"moments": moments, "videos": len(library.files), "problems": problems}), flush=True)
        return 0 if found else EXIT_NO_ANSWER
    for path, why in problems.items():
        progress.print(f"{path} was not searched: {why}", style="yellow", highlight=False, markup=False, soft_wrap=True)
    for moment in found:
        screen.print(_format_moment(moment), highlight=False, markup=False, soft_wrap=True)
    return 0 if found else EXIT_NO_ANSWER


def _format_moment(moment: "LibraryMoment") -> str:
    from agent.coverage import format_mmss

    span = f"{format_mmss(moment.start_seconds)}-{format_mmss(moment.stop_seconds)}"
    quote = f" “{moment.text}”" if moment.text else ""
    return f"{escape_path(str(moment.video))} {span} {moment.source}{quote} ({moment.score:.3f})"
