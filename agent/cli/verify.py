"""`agent verify`: a receipt for the answer of a saved run, from its video alone."""

import argparse
from typing import TYPE_CHECKING

from agent.cli.recorded_videos import list_recorded_videos, open_recorded_videos
from agent.exit_codes import EXIT_CHECK_FAILED
from agent.terminal import Screen

if TYPE_CHECKING:
    from agent.cli import Commands

_SIGNS = {True: "[green]found[/]", False: "[red]not found[/]", None: "[yellow]not checked[/]"}


def add(commands: "Commands") -> None:
    """Adds the command `verify` to the parser."""
    verify = commands.add_parser(
        "verify",
        help="look for the evidence of a saved answer again: its frames, its quotations",
        description="Decodes the frames that a saved answer cites, and reads or hears the words that it quotes, again. "
        "No model takes part, so anybody who has the video can check. Exit status: 0 all found, 1 something is not, or "
        "there is nothing to check.",
    )
    verify.add_argument("trajectory", metavar="TRAJECTORY.json", help="what `--save` wrote")
    verify.add_argument(
        "--video",
        metavar="FILE",
        action="append",
        help="where the video is now, if it has moved; of a question about several each in turn",
    )
    verify.add_argument("--subtitles", metavar="FILE", help="srt, vtt or ass, as the run had it")
    verify.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from rich.markup import escape

    from agent.loop.receipt import check_evidence
    from agent.trajectory import load

    recorded = load(options.trajectory)
    if recorded.answer is None:
        raise ValueError(f"{options.trajectory} holds no answer")
    videos = list_recorded_videos(recorded, options.video, options.subtitles)
    with open_recorded_videos(recorded, videos, options.subtitles) as toolboxes:
        receipt = check_evidence(recorded.answer, toolboxes)
    screen = Screen()
    for check in receipt.checks:
        screen.print(
            f"{_SIGNS[check.is_found]}: {escape(check.claim)} ({escape(check.found)})", highlight=False, soft_wrap=True
        )
    screen.print(f"verify: {receipt.sentence}", highlight=False)
    return 0 if receipt.is_found else EXIT_CHECK_FAILED
