"""The command `agent`: ask a question of a video, index videos, replay a trajectory, see what is installed.

Bad input is one sentence on stderr and exit status 2; a question that got no answer is 1; a bug of ours is 70.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from agent.trajectory import Limits, Question, Stop, Trajectory, load, to_json
from tools.observation import FrameRef, MissingPartError

EXIT_NO_ANSWER = 1
EXIT_BAD_INPUT = 2
EXIT_BUG = 70
EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; gives the exit status."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except (ValueError, OSError, MissingPartError) as error:
        # what users can get wrong is a ValueError or an OSError at the door; anything else is a bug and is raised
        print(f"agent: {_one_sentence(error)}", file=sys.stderr)
        return EXIT_BAD_INPUT
    except KeyboardInterrupt:
        print("agent: interrupted; what was indexed is kept", file=sys.stderr)
        return EXIT_INTERRUPTED
    return status


def entry() -> None:
    """The command itself: ends the process with the status, at once where the user interrupted it."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    if status == EXIT_INTERRUPTED:
        os._exit(status)  # a tool may still be at work in a thread, which Python would wait for; all is saved by now
    sys.exit(status)


def _one_sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.filename}: {error.strerror}"
    return " ".join(str(error).split())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("agent", description="An agent that looks again before it answers.")
    parser.add_argument("--version", action="version", version=f"videosleuth {version('videosleuth')}")
    commands = parser.add_subparsers(required=True, metavar="ask | index | replay | doctor")
    _add_ask(commands)
    _add_index(commands)
    _add_replay(commands)
    _add_doctor(commands)
    return parser


def _add_ask(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
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
    ask.set_defaults(run=_ask)


def _add_index(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    index = commands.add_parser("index", help="index videos ahead of questions, or prune the cache")
    index.add_argument("paths", nargs="*", metavar="VIDEO|FOLDER")
    index.add_argument("--encoder", default=None, metavar="SPEC")
    index.add_argument("--prune", action="store_true", help="remove what was least recently used, past the size limit")
    index.add_argument("--max-gigabytes", type=float, default=None, metavar="N", help="size limit of the cache")
    index.set_defaults(run=_index)


def _add_replay(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    replay = commands.add_parser("replay", help="play a saved trajectory again, without its policy, and compare")
    replay.add_argument("trajectory", metavar="TRAJECTORY.json")
    replay.add_argument("--video", metavar="FILE", help="where the video is now, if it has moved")
    replay.add_argument("--encoder", default=None, metavar="SPEC")
    replay.add_argument("--subtitles", metavar="FILE")
    replay.add_argument("--report", metavar="FILE.html")
    replay.add_argument("--save", metavar="FILE.json")
    replay.set_defaults(run=_replay)


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    doctor = commands.add_parser("doctor", help="what is installed, which encoder is used, how to get the better one")
    doctor.set_defaults(run=_doctor)


def _ask(options: argparse.Namespace) -> int:
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
        _check_writable(path)
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
        _write_files(options, trajectory, toolbox.picture, progress)
    if options.json:
        print(summary_json(trajectory))
    else:
        print_answer(trajectory, Console())
    return _status(trajectory, progress)


def _check_writable(path: str | None) -> None:
    """Fails before the work, not after it."""
    if path is not None and not Path(path).absolute().parent.is_dir():
        raise ValueError(f"can't write {path}: {Path(path).absolute().parent} is not a folder")


def _write_files(
    options: argparse.Namespace, trajectory: Trajectory, picture: Callable[[FrameRef], bytes | None], progress: Console
) -> None:
    from agent.report import write_report

    if options.save:
        Path(options.save).write_text(to_json(trajectory, indent=1) + "\n", encoding="utf-8")
    if options.report:
        write_report(trajectory, Path(options.report), picture)
        progress.print(f"the report is in {options.report}", style="dim", highlight=False, soft_wrap=True)


def _status(trajectory: Trajectory, progress: Console) -> int:
    if trajectory.stop is Stop.CRASHED:
        progress.print(trajectory.error, style="red", highlight=False, markup=False, soft_wrap=True)
        progress.print("agent: this is a bug of ours; the trajectory up to it is kept", style="red")
        return EXIT_BUG
    if trajectory.stop is Stop.INTERRUPTED:
        progress.print("agent: interrupted; go on with --resume", highlight=False)
        return EXIT_INTERRUPTED
    return 0 if trajectory.answer is not None else EXIT_NO_ANSWER


def summary_json(trajectory: Trajectory) -> str:
    """The answer as one JSON object: what `--json` prints."""
    from dataclasses import asdict

    from agent.coverage import coverage_of

    answer = trajectory.answer
    covered = coverage_of(trajectory)
    summary = {
        "answer": answer.text if answer is not None else None,
        "option": answer.option if answer is not None else None,
        "not_shown": answer.not_shown if answer is not None else None,
        "confidence": trajectory.confidence,
        "evidence": [asdict(item) for item in answer.evidence] if answer is not None else [],
        "verification": asdict(trajectory.verification) if trajectory.verification is not None else None,
        "coverage": asdict(covered) | {"looked_share": covered.looked_share, "close_share": covered.close_share},
        "stop": trajectory.stop,
        "usage": {
            "turns": len(trajectory.steps),
            "frames": len(trajectory.frames_seen),
            "tokens": trajectory.tokens,
            "seconds": round(trajectory.seconds, 3),
            "cost_usd": None,
        },
        "limits": asdict(trajectory.limits),
        "policy": trajectory.policy,
        "video": asdict(trajectory.facts) | {"path": trajectory.question.video},
        "question": asdict(trajectory.question),
    }
    return json.dumps(summary, ensure_ascii=False)


def _index(options: argparse.Namespace) -> int:
    from agent.indexing import index_all, prune_cache

    if not options.paths and not options.prune:
        raise ValueError("name a video or a folder to index, or --prune")
    progress = Console(stderr=True)
    failed = index_all([Path(path) for path in options.paths], options.encoder, progress)
    if options.prune:
        prune_cache(options.max_gigabytes, progress)
    return EXIT_BAD_INPUT if failed else 0


def _replay(options: argparse.Namespace) -> int:
    from agent.console import index_progress, print_answer
    from agent.replay import differences, replayed
    from tools.toolbox import open_toolbox

    recorded = load(options.trajectory)
    _check_writable(options.report)
    progress = Console(stderr=True)
    with (
        index_progress(progress) as on_progress,
        open_toolbox(
            options.video or recorded.question.video,
            encoder=options.encoder,
            subtitles=options.subtitles,
            on_progress=on_progress,
        ) as toolbox,
    ):
        # the recorded run may have waited for nothing; what it saw is only seen again with the whole index
        toolbox.index.wait()
        again = replayed(recorded, toolbox)
        _write_files(options, again, toolbox.picture, progress)
    print_answer(again, Console())
    found = differences(recorded, again)
    for line in found:
        progress.print(line, highlight=False, markup=False)
    count = len(recorded.results)
    progress.print(f"replay: {count - len(found)} of {count} observations are the same", highlight=False)
    return EXIT_NO_ANSWER if found else 0


def _doctor(_: argparse.Namespace) -> int:
    from agent.doctor import print_checkup

    return print_checkup(Console())


if __name__ == "__main__":
    entry()
