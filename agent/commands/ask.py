"""`agent ask`: a question, and its answer with evidence."""

import argparse
from typing import TYPE_CHECKING

from rich.console import Console

from agent.commands.outcome import check_writable, exit_status, summary_json, write_files
from agent.trajectory import Limits, Question

if TYPE_CHECKING:
    from agent.commands import Commands


def add(commands: "Commands") -> None:
    """Declares the command."""
    ask = commands.add_parser("ask", help="ask a question of a video")
    ask.add_argument("video", metavar="VIDEO")
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument("--option", action="append", default=[], metavar="TEXT", help="one choice; give it twice or more")
    ask.add_argument("--policy", default="lite", metavar="SPEC", help="who plays: lite (default), scripted:FILE")
    defaults = Limits()
    ask.add_argument("--max-turns", type=int, default=defaults.max_turns, metavar="N")
    ask.add_argument("--max-frames", type=int, default=defaults.max_frames, metavar="N")
    ask.add_argument("--max-tokens", type=int, default=None, metavar="N")
    ask.add_argument("--max-seconds", type=float, default=None, metavar="N")
    ask.add_argument(
        "--encoder", default=None, metavar="SPEC", help="of the frame index: auto, packaged, open_clip:MODEL"
    )
    ask.add_argument("--subtitles", metavar="FILE", help="srt, vtt or ass")
    ask.add_argument("--no-verify", action="store_true", help="skip the second answer from the evidence alone")
    ask.add_argument("--resume", action="store_true", help="go on with this very question where it was interrupted")
    ask.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    ask.add_argument("--report", metavar="FILE.html", help="write a page with the answer, its evidence and every turn")
    ask.add_argument("--save", metavar="FILE.json", help="write the trajectory, for replay")
    ask.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.asking import ask
    from agent.backends.lite import ABOUT
    from agent.console import Narrator, index_progress, print_answer
    from agent.policy import open_policy
    from tools.cache import cache_root
    from tools.toolbox import open_toolbox

    question = Question(options.video, options.question, tuple(options.option))
    policy = open_policy(options.policy)
    limits = Limits(options.max_turns, options.max_frames, options.max_tokens, options.max_seconds)
    for path in (options.report, options.save):
        check_writable(path)
    progress = Console(stderr=True)
    with (
        index_progress(progress) as on_progress,
        open_toolbox(
            options.video, encoder=options.encoder, subtitles=options.subtitles, on_progress=on_progress
        ) as toolbox,
    ):
        if options.policy == "lite":
            progress.print(ABOUT, style="dim", highlight=False, soft_wrap=True)
        trajectory = ask(
            question,
            toolbox,
            policy,
            limits,
            verify=not options.no_verify,
            keep=cache_root() / "runs.sqlite",
            resume=options.resume,
            on_event=Narrator(progress),
        )
        write_files(options, trajectory, toolbox.picture, progress)
    if options.json:
        print(summary_json(trajectory))
    else:
        print_answer(trajectory, Console())
    return exit_status(trajectory, progress)
