"""`agent predict`: the three most likely next events, from what comes before a second and from nothing later."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.run_options import VIDEO, add_run_options, run_question
from agent.cli.schema import add_schema_option
from agent.options import read_seconds
from agent.paths import escape_path
from agent.sessions.options import is_searched
from agent.trajectory import Question
from tools.demux.file_kind import describe_folder

if TYPE_CHECKING:
    from agent.cli import Commands

_TEXT = "What happens next?"


def add(commands: "Commands") -> None:
    """Adds the command `predict` to the parser."""
    predict = commands.add_parser("predict", help="the three most likely next events, without a look past a second")
    predict.add_argument("videos", metavar="VIDEO", nargs=1, help=VIDEO)
    predict.add_argument(
        "--at",
        type=read_seconds,
        default=None,
        metavar="SECONDS",
        help="the video ends here, as 80 or 1:20; by default it's seen whole",
    )
    add_run_options(predict)
    add_schema_option(predict, "predict")
    predict.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.at is not None and options.until is not None:
        raise ValueError("--at and --to are the same for agent predict: give one of them")
    if is_searched(Path(options.videos[0]), options.fps):
        raise ValueError(f"agent predict is about one video: {describe_folder(Path(options.videos[0]))}")
    question = Question(escape_path(options.videos[0]), _TEXT, task="predict", until_seconds=options.at)
    return run_question(options, question)
