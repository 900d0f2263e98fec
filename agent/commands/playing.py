"""What the commands that play a question share: their options, and the run from opened video to exit status."""

import argparse
from collections.abc import Callable

from rich.console import Console

from agent.commands.outcome import check_writable, exit_status, write_files
from agent.trajectory import Limits, Question, Trajectory


def add_playing_options(command: argparse.ArgumentParser) -> None:
    """Declares who plays, what it may cost, and where the result goes."""
    command.add_argument("--policy", default="lite", metavar="SPEC", help="who plays: lite (default), scripted:FILE")
    defaults = Limits()
    command.add_argument("--max-turns", type=int, default=defaults.max_turns, metavar="N")
    command.add_argument("--max-frames", type=int, default=defaults.max_frames, metavar="N")
    command.add_argument("--max-tokens", type=int, default=None, metavar="N")
    command.add_argument("--max-seconds", type=float, default=None, metavar="N")
    command.add_argument(
        "--encoder", default=None, metavar="SPEC", help="of the frame index: auto, packaged, open_clip:MODEL"
    )
    command.add_argument("--subtitles", metavar="FILE", help="srt, vtt or ass")
    command.add_argument("--resume", action="store_true", help="go on with this very question where it was interrupted")
    command.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    command.add_argument(
        "--report", metavar="FILE.html", help="write a page with the answer, its evidence and every turn"
    )
    command.add_argument("--save", metavar="FILE.json", help="write the trajectory, for replay")


def play(
    options: argparse.Namespace, question: Question, as_json: Callable[[Trajectory], str], *, verify: bool = False
) -> int:
    """Plays the question as the options say, shows the result, and gives the exit status.

    Args:
        options: those of `add_playing_options` and `video`.
        question: what is asked; its `until_seconds` is where the video ends for every tool.
        as_json: what `--json` prints.
        verify: answer a second time from the evidence alone. The second look compares one short answer with
            another; two chains or two lists of predictions are never the same words, so it's only for `ask`.
    """
    from agent.asking import ask
    from agent.backends.lite import ABOUT
    from agent.console import Narrator, index_progress, print_answer
    from agent.policy import open_policy
    from tools.cache import cache_root
    from tools.toolbox import open_toolbox

    policy = open_policy(options.policy)
    limits = Limits(options.max_turns, options.max_frames, options.max_tokens, options.max_seconds)
    for path in (options.report, options.save):
        check_writable(path)
    progress = Console(stderr=True)
    with (
        index_progress(progress) as on_progress,
        open_toolbox(
            options.video,
            encoder=options.encoder,
            subtitles=options.subtitles,
            until=question.until_seconds,
            on_progress=on_progress,
        ) as toolbox,
    ):
        if options.policy == "lite":
            progress.print(ABOUT, style="dim", highlight=False, soft_wrap=True)
        trajectory = ask(
            question,
            toolbox,
            policy,
            limits,
            verify=verify,
            keep=cache_root() / "runs.sqlite",
            resume=options.resume,
            on_event=Narrator(progress),
        )
        write_files(options, trajectory, toolbox.picture, progress)
    if options.json:
        print(as_json(trajectory))
    else:
        print_answer(trajectory, Console())
    return exit_status(trajectory, progress)
