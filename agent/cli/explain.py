"""`agent explain`: what leads to what in a video, each step with its evidence."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.run_options import VIDEO, add_run_options, check_order, run_question
from agent.cli.schema import add_schema_option
from agent.paths import escape_path
from agent.sessions.options import is_searched
from agent.trajectory import Question

if TYPE_CHECKING:
    from agent.cli import Commands

WHOLE_VIDEO = "What happens, and why?"


def add(commands: "Commands") -> None:
    """Adds the command `explain` to the parser."""
    explain = commands.add_parser("explain", help="what leads to what, step by step with evidence")
    explain.add_argument("videos", metavar="VIDEO", nargs=1, help=f"{VIDEO}; of a folder the one that fits WHAT best")
    explain.add_argument(
        "what", metavar="WHAT", nargs="?", default=WHOLE_VIDEO, help="what is to be explained; all of it by default"
    )
    add_run_options(explain)
    add_schema_option(explain, "explain")
    explain.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    check_order(options.videos[0], options.what)
    if options.what == WHOLE_VIDEO and is_searched(Path(options.videos[0]), options.fps):
        raise ValueError(f"{options.videos[0]} is a folder: say WHAT is to be explained, by which its video is found")
    return run_question(options, Question(escape_path(options.videos[0]), options.what, task="explain"))
