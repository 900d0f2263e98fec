"""`agent ask`: a question, and its answer with evidence."""

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.run_options import VIDEO, add_run_options, check_order, is_file, run_question
from agent.paths import escape_path
from agent.trajectory import Question

if TYPE_CHECKING:
    from agent.cli import Commands


def add(commands: "Commands") -> None:
    """Adds the command `ask` to the parser."""
    ask = commands.add_parser("ask", help="ask a question of a video, or of several")
    ask.add_argument(
        "videos",
        metavar="VIDEO",
        nargs="+",
        help=f"{VIDEO}; several are numbered from 1 in this order; of a folder those that fit the question best",
    )
    ask.add_argument("question", metavar="QUESTION", help="in quotes")
    ask.add_argument("--option", action="append", default=[], metavar="TEXT", help="one choice; give it twice or more")
    add_run_options(ask)
    ask.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    _check_words(options.videos, options.question)
    first, *others = (escape_path(video) for video in options.videos)
    question = Question(first, options.question, tuple(options.option), other_videos=tuple(others))
    return run_question(options, question)


def _check_words(videos: list[str], question: str) -> None:
    """Refuses a question before the videos, none, and one without quotes, whose words are taken for videos.

    Raises:
        ValueError: the command line has one of these.
    """
    check_order(videos[0], question)
    if is_file(question):
        given = " ".join(shlex.quote(video) for video in (*videos, question))
        raise ValueError(f'the question is missing: agent ask {given} "QUESTION"')
    missing = next((n for n, video in enumerate(videos) if n and not Path(video).exists()), None)
    if missing is not None and " " not in question and "." not in videos[missing]:
        whole = " ".join([*videos[missing:], question])
        raise ValueError(f'QUESTION has several words: put it in quotes, "{whole}"')
