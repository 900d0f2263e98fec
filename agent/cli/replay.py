"""`agent replay`: replays a saved run without its policy and compares the observations; or compares two saved runs."""

import argparse
from contextlib import nullcontext
from typing import TYPE_CHECKING

from agent.cli.exit_status import write_files
from agent.cli.recorded_videos import list_recorded_videos, open_recorded_videos
from agent.cli.run_options import ENCODER
from agent.exit_codes import EXIT_NO_ANSWER
from agent.outputs import check_writable
from agent.terminal import Screen
from agent.trajectory import Trajectory, load

if TYPE_CHECKING:
    from agent.cli import Commands


def add(commands: "Commands") -> None:
    """Adds the command `replay` to the parser."""
    replay = commands.add_parser("replay", help="play a saved trajectory again, without its policy, and compare")
    replay.add_argument("trajectory", metavar="TRAJECTORY.json", help="what `--save` wrote")
    replay.add_argument(
        "against", metavar="OTHER.json", nargs="?", help="another run, to be compared turn by turn; nothing is played"
    )
    replay.add_argument(
        "--no-video", action="store_true", help="play back what was recorded, turn by turn, without the video"
    )
    replay.add_argument(
        "--video",
        metavar="FILE",
        action="append",
        help="where the video is now, if it has moved; of a question about several each in turn",
    )
    replay.add_argument("--encoder", default=None, metavar="SPEC", help=ENCODER)
    replay.add_argument("--subtitles", metavar="FILE", help="srt, vtt or ass, as the run had it")
    replay.add_argument("--report", metavar="FILE.html", help="write the page of what was played")
    replay.add_argument("--save", metavar="FILE.json", help="write what was played")
    replay.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from agent.loop.replay import find_differences
    from agent.report.console import print_answer

    recorded = load(options.trajectory)
    if options.against is not None:
        return _compare(options, recorded)
    progress = Screen(stderr=True)
    again = (
        _replay_from_record(options, recorded, progress)
        if options.no_video
        else _replay_from_video(options, recorded, progress)
    )
    print_answer(again, Screen())
    found = find_differences(recorded, again)
    for line in found:
        progress.print(line, highlight=False, markup=False)
    count = len(recorded.results)
    progress.print(f"replay: {count - len(found)} of {count} observations are the same", highlight=False)
    return EXIT_NO_ANSWER if found else 0


def _compare(options: argparse.Namespace, first: Trajectory) -> int:
    from agent.report.compare import compare, count_turns_alike

    if options.no_video or options.video or options.report or options.save:
        raise ValueError("two runs are only compared: leave --no-video, --video, --report and --save out")
    second = load(options.against)
    found = compare(first, second)
    screen = Screen()
    for line in found:
        screen.print(line, highlight=False, markup=False, soft_wrap=True)
    turns = max(len(first.steps), len(second.steps))
    verdict = f"compare: the first {count_turns_alike(first, second)} of {turns} turns are the same"
    screen.print(verdict if found else f"compare: all {turns} turns are the same", highlight=False)
    return EXIT_NO_ANSWER if found else 0


def _replay_from_record(options: argparse.Namespace, recorded: Trajectory, progress: Screen) -> Trajectory:
    from agent.loop.replay import RecordedTools, replay
    from agent.report.console import Narrator

    if options.video or options.encoder or options.subtitles:
        raise ValueError("with --no-video nothing is looked at: leave --video, --encoder and --subtitles out")
    check_writable((options.report, options.save), (options.trajectory,))
    tools = RecordedTools(recorded)
    again = replay(recorded, tools, Narrator(progress))
    write_files(options, again, tools.picture, progress)
    return again


def _replay_from_video(options: argparse.Namespace, recorded: Trajectory, progress: Screen) -> Trajectory:
    from agent.loop.replay import replay
    from agent.loop.several_videos import SeveralVideos
    from agent.report.console import show_index_progress
    from agent.sessions.configured_tools import ConfiguredTools
    from agent.sessions.extended_toolbox import extend
    from tools.toolbox import OPTIONAL_TOOLS, TOOL_NAMES

    videos = list_recorded_videos(recorded, options.video, options.subtitles)
    check_writable((options.report, options.save), (*videos, options.subtitles, options.trajectory))
    calls_own = any(call.name not in (*TOOL_NAMES, *OPTIONAL_TOOLS) for call in recorded.calls)
    with (
        ConfiguredTools() if calls_own else nullcontext() as configured,
        show_index_progress(progress) as on_progress,
        open_recorded_videos(recorded, videos, options.subtitles, options.encoder, on_progress) as toolboxes,
    ):
        # the recorded run may have searched a partial index; all that it found is found again only with the whole one
        for toolbox in toolboxes:
            toolbox.index.wait_tiled()
        extended = [extend(toolbox, configured.tools if configured else {}) for toolbox in toolboxes]
        tools = extended[0] if len(extended) == 1 else SeveralVideos(extended)
        again = replay(recorded, tools)
        write_files(options, again, tools.picture, progress)
    return again
