"""`agent ask`: a question, and its answer with evidence."""

import argparse
from typing import TYPE_CHECKING

from agent.cli.run_options import VIDEO, add_run_options, check_order, run_question
from agent.paths import escape_path
from agent.trajectory import Question

if TYPE_CHECKING:
    from agent.cli import Commands


def add(commands: "Commands") -> None:
    """Adds the command `ask` to the parser."""
    ask = commands.add_parser("ask", help="ask a question of a video")
    ask.add_argument("video", metavar="VIDEO", help=VIDEO)
    ask.add_argument("question", metavar="QUESTION", help="in quotes")
    ask.add_argument("--option", action="append", default=[], metavar="TEXT", help="one choice; give it twice or more")
    add_run_options(ask)
    ask.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    check_order(options.video, options.question)
    question = Question(escape_path(options.video), options.question, tuple(options.option))
    return run_question(options, question)
