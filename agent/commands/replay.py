"""`agent replay`: a saved run, played again without its policy and compared."""

import argparse
from typing import TYPE_CHECKING

from agent.commands.outcome import write_files
from agent.commands.playing import ENCODER, check_inputs
from agent.ending import EXIT_NO_ANSWER
from agent.outputs import check_writable
from agent.paths import found_again
from agent.terminal import Screen
from agent.trajectory import load

if TYPE_CHECKING:
    from agent.commands import Commands


def add(commands: "Commands") -> None:
    """Declares the command."""
    replay = commands.add_parser("replay", help="play a saved trajectory again, without its policy, and compare")
    replay.add_argument("trajectory", metavar="TRAJECTORY.json", help="what `agent ask --save` wrote")
    replay.add_argument("--video", metavar="FILE", help="where the video is now, if it has moved")
    replay.add_argument("--encoder", default=None, metavar="SPEC", help=ENCODER)
    replay.add_argument("--subtitles", metavar="FILE", help="that the run was given, where it was")
    replay.add_argument("--report", metavar="FILE.html", help="write a page of the run that was played again")
    replay.add_argument("--save", metavar="FILE.json", help="write that run")
    replay.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.console import index_progress, print_answer
    from agent.replay import differences, replayed
    from tools.toolbox import open_toolbox

    recorded = load(options.trajectory)
    video = options.video or found_again(recorded.question.video)
    check_inputs(video, options.subtitles)
    check_writable((options.report, options.save), (video, options.subtitles, options.trajectory))
    progress = Screen(stderr=True)
    with (
        index_progress(progress) as on_progress,
        open_toolbox(
            video,
            encoder=options.encoder,
            subtitles=options.subtitles,
            until=recorded.question.until_seconds,
            picture_stream=recorded.question.picture_stream,
            audio=recorded.question.audio_track,
            on_progress=on_progress,
        ) as toolbox,
    ):
        # the recorded run may have waited for nothing; what it saw is only seen again with the whole index
        toolbox.index.wait()
        again = replayed(recorded, toolbox)
        write_files(options, again, toolbox.picture, progress)
    print_answer(again, Screen())
    found = differences(recorded, again)
    for line in found:
        progress.print(line, highlight=False, markup=False)
    count = len(recorded.results)
    progress.print(f"replay: {count - len(found)} of {count} observations are the same", highlight=False)
    return EXIT_NO_ANSWER if found else 0
