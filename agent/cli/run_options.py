"""The options of the commands that run a question, and the run from opening the video to the exit status."""

import argparse
import shlex
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.exit_status import report_exit_status, write_files
from agent.limits import compute_seconds_left
from agent.options import (
    add_limit_options,
    add_model_options,
    find_unused_options,
    read_budget,
    read_policy_options,
    read_seconds,
)
from agent.outputs import check_writable
from agent.terminal import Screen
from agent.trajectory import STRATEGIES, VOTES, Limits, Question, Stop, Trajectory
from tools.deadline import run_in_time, set_deadline

if TYPE_CHECKING:
    from agent.loop.ask import QuestionTools
    from agent.loop.graph import OnEvent
    from agent.policy import Policy
    from agent.sessions.options import VideoOptions
    from agent.trajectory import Turn
    from tools.index.video_index import IndexProgress
    from tools.toolbox import Toolbox
    from tools.vision.captioner import Captioner, CaptionModel

PROVISIONAL_SECONDS = 15.0
"""Seconds that a provisional answer may take, while the index is still being built."""

VIDEO = (
    "a video file, - for standard input, an address (extra fetch), a folder of pictures; a recording can be asked for "
    "what is said, a picture for what is in it"
)
CAPTIONER = "a model that describes windows and answers questions about them: http:MODEL@URL, transformers:PATH, ..."
ENCODER = "of the frame index: auto, packaged, open_clip:MODEL[@CHECKPOINT]"


def add_run_options(command: argparse.ArgumentParser) -> None:
    """Adds the options for the policy, the limits and the outputs of a run to a command."""
    add_asking_options(command)
    command.add_argument("--resume", action="store_true", help="go on with this very question where it was interrupted")
    command.add_argument("--quiet", action="store_true", help="nothing but the answer, and what went wrong")
    command.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    command.add_argument(
        "--report", metavar="FILE.html", help="write a page with the answer, its evidence and every turn"
    )
    command.add_argument("--save", metavar="FILE.json", help="write the trajectory, for replay")


def add_asking_options(command: argparse.ArgumentParser) -> None:
    """Adds the options for the policy, the limits and the opening of the video to a command."""
    command.add_argument(
        "--policy",
        default=None,
        metavar="SPEC",
        help="who plays: lite, http:MODEL@URL, transformers:PATH, vllm:PATH, scripted:FILE; `agent doctor` says which "
        "is taken by default",
    )
    command.add_argument("--captioner", default=None, metavar="SPEC", help=CAPTIONER)
    command.add_argument(
        "--mode",
        choices=("look", "subtitles", "captions", "captions-first"),
        default=None,
        help="what a model is given of the video",
    )
    command.add_argument(
        "--strategy",
        choices=STRATEGIES,
        default="direct",
        help="how a model goes about it; all but direct cost more: reflect checks its answer, uncertain looks only "
        "where its first answers differ, program writes small programs over the tools",
    )
    command.add_argument("--samples", type=int, default=1, metavar="N", help="ask N times; the majority answers")
    command.add_argument(
        "--vote", choices=VOTES, default="majority", help="of several samples: one each, or their stated confidence"
    )
    command.add_argument(
        "--examples",
        type=Path,
        metavar="FOLDER",
        help="saved runs that were right: a model is shown the most similar, and others while it is unsure",
    )
    add_limit_options(command)
    command.add_argument("--encoder", default=None, metavar="SPEC", help=ENCODER)
    command.add_argument("--subtitles", metavar="FILE", help="srt, vtt or ass")
    add_window_options(command)
    add_picture_stream_option(command)
    command.add_argument(
        "--fps", type=float, default=None, metavar="N", help="pictures a second of a folder of them; by default 1"
    )
    command.add_argument(
        "--audio", type=int, default=None, metavar="N", help="hear sound track N, from 1; without it, one with speech"
    )
    command.add_argument("--no-verify", action="store_true", help="skip the second answer from the evidence alone")
    add_model_options(command)
    command.set_defaults(folder=None)


def take_folder(options: argparse.Namespace) -> None:
    """Puts a folder of videos that stands in the place of a video into `folder`: its videos are found by the question.

    Args:
        options: the parsed options of `add_asking_options`, and `videos`.

    Raises:
        ValueError: something is chosen in it that can be chosen in one video only.
    """
    from agent.sessions.options import find_folder, make_key

    chosen = read_video_options(options)
    options.folder = find_folder([make_key(video, chosen) for video in options.videos])
    if options.folder is not None:
        options.videos = []


def read_video_options(options: argparse.Namespace) -> "VideoOptions":
    """The options for the opening of a video that were given; a saved chat has the others on record."""
    given: VideoOptions = {}
    if options.subtitles is not None:
        given["subtitles"] = options.subtitles
    if options.start is not None:
        given["from_seconds"] = options.start
    if options.until is not None:
        given["until_seconds"] = options.until
    if options.fps is not None:
        given["fps"] = options.fps
    if options.audio is not None:
        given["audio_track"] = options.audio
    if options.picture_stream is not None:
        given["picture_stream"] = options.picture_stream
    return given


def add_window_options(command: argparse.ArgumentParser) -> None:
    """Adds the options that choose a part of the video, which keeps the times of the whole, to a command."""
    command.add_argument(
        "--from", dest="start", type=read_seconds, default=None, metavar="TIME", help="begin here, as 80 or 1:20"
    )
    command.add_argument("--to", dest="until", type=read_seconds, default=None, metavar="TIME", help="end here")


def add_picture_stream_option(command: argparse.ArgumentParser) -> None:
    """Adds the option that chooses among a file's streams of moving pictures to a command."""
    command.add_argument(
        "--video",
        dest="picture_stream",
        type=int,
        default=None,
        metavar="N",
        help="which stream of pictures, counted from 1, in a file with several; by default its main one",
    )


def run_question(options: argparse.Namespace, question: Question) -> int:
    """Runs the question with the given options, prints the result, and gives the exit status.

    Args:
        options: the parsed options of `add_run_options`, and `videos`, which may be a folder to find them in.
        question: the question; an end of its own comes before that of `--to`.

    Raises:
        ValueError: options that do not fit the policy or the task, or a file that can't be read or written.
    """
    begun = time.monotonic()
    from agent.cli.sources.folder import find_in_folder
    from agent.loop.ask import ask, measure_length
    from agent.loop.checks import answer_late, check_end, make_unopened_trajectory
    from agent.loop.examples import read_examples
    from agent.loop.several_videos import SeveralVideos
    from agent.policies.captioner import check_captioner, open_captioner
    from agent.policies.lite import ABOUT
    from agent.report.console import Narrator, print_answer, show_working
    from agent.report.json_output import format_output
    from agent.sessions.configured_tools import ConfiguredTools
    from agent.sessions.extended_toolbox import extend
    from tools.cache import find_cache_root

    progress, complaints = Screen(stderr=True, quiet=options.quiet), Screen(stderr=True)
    until = options.until if question.until_seconds is None else question.until_seconds
    question = replace(
        question,
        from_seconds=options.start,
        until_seconds=until,
        audio_track=options.audio,
        picture_stream=options.picture_stream,
        fps=options.fps,
    )
    budget = read_budget(options)
    take_folder(options)
    examples = () if options.examples is None else read_examples(options.examples)
    limits = budget.for_length()
    policy = open_asked_policy(options, question, progress, complaints)
    captioner = open_captioner(options.captioner, policy)
    check_captioner(captioner, options.mode, limits)
    check_writable((options.report, options.save), (*options.videos, options.subtitles))
    tell_of_subtitles(options, progress)
    with ExitStack() as stack:
        own = {} if policy.spec == "lite" else stack.enter_context(ConfiguredTools()).tools
        with show_working(progress) as shown:
            if options.folder is not None:
                with set_deadline(compute_seconds_left(limits, begun)):
                    question = find_in_folder(options, question, shown)
            shown.at_work("opening the video")
            toolboxes = _open_toolboxes_in_time(options, question, limits, begun, captioner, shown.on_progress)
            tools = [extend(toolbox, own) for toolbox in toolboxes]
            toolbox = tools[0] if len(tools) == 1 else SeveralVideos(tools) if tools else None
            if toolbox is None:
                trajectory = make_unopened_trajectory(
                    question, policy.spec, limits, time.monotonic() - begun, Stop.TIME_LIMIT
                )
            else:
                stack.callback(_close_in_time, toolboxes, limits, begun)
                check_end(question, toolboxes[0].video.info.duration_seconds)
                limits = budget.for_length(measure_length(toolbox))
                if policy.spec == "lite":
                    progress.print(ABOUT, style="dim", highlight=False, soft_wrap=True)
                if progress.is_terminal and policy.spec == "lite" and any(map(_has_indexing_left, toolboxes)):
                    shown.at_work("a first look")
                    shown.so_far(_answer_provisionally(question, toolbox, policy, limits, begun))
                on_event = _notify_all(Narrator(progress), shown.on_event)
                trajectory = ask(
                    question,
                    toolbox,
                    policy,
                    limits,
                    verify=not options.no_verify,
                    mode=options.mode,
                    strategy=options.strategy,
                    samples=options.samples,
                    vote=options.vote,
                    effort=options.effort,
                    examples=examples,
                    opening_seconds=time.monotonic() - begun,
                    keep=find_cache_root() / "runs.sqlite",
                    resume=options.resume,
                    on_event=on_event,
                )
        trajectory = answer_late(trajectory)
        unwritten: OSError | None = None
        try:
            write_files(options, trajectory, toolbox.picture if toolbox is not None else lambda _: None, progress)
        except OSError as error:  # a disk that is full by now must not cost the answer
            unwritten = error
        if options.json:
            print(format_output(trajectory), flush=True)
        else:
            print_answer(trajectory, Screen())
    if unwritten is not None:
        raise unwritten
    return report_exit_status(trajectory, complaints)


def open_asked_policy(
    options: argparse.Namespace, question: Question, progress: Screen, complaints: Screen
) -> "Policy":
    """The policy that the options name, or the default, with a word on options that it makes no use of.

    Args:
        options: the parsed options of `add_asking_options`, and `videos`.
        question: the question, or one like those that will be asked.
        progress: where to say why a policy is the default.
        complaints: where to name unused options.

    Raises:
        ValueError: options that do not fit the policy or the task, or a file that can't be read.
    """
    from agent.loop.checks import check_inputs, check_playable
    from agent.policies.registry import open_policy
    from agent.sessions.options import check_subtitles

    is_several = options.samples > 1 or options.strategy == "uncertain"
    policy_options = read_policy_options(options).for_samples(2 if is_several else 1)
    check_subtitles(question, options.subtitles)
    for video in options.videos:
        check_inputs(video, options.subtitles)
    policy = open_policy(_choose_spec(options, progress), policy_options)
    check_playable(question, policy, options.samples, options.mode, options.strategy)
    if unused := find_unused_options(options, policy):
        complaints.print(
            f"{policy.spec} makes no use of {', '.join(unused)}", style="yellow", highlight=False, markup=False
        )
    return policy


def _open_toolboxes_in_time(
    options: argparse.Namespace,
    question: Question,
    limits: Limits,
    begun: float,
    captioner: "Captioner | CaptionModel | None",
    on_progress: "Callable[[IndexProgress], None]",
) -> "list[Toolbox]":
    """The tools of each video; none where opening them took longer than the question may take."""
    from tools.toolbox import Toolbox, open_toolbox

    def open_one(number: int, video: str) -> Toolbox:
        def tell(progress: "IndexProgress") -> None:
            of = f" of video {number}" if question.other_videos else ""
            on_progress(replace(progress, stage=progress.stage + of))

        return open_toolbox(
            video,
            encoder=options.encoder,
            subtitles=options.subtitles,
            captioner=captioner,
            start=question.from_seconds,
            until=question.until_seconds,
            picture_stream=question.picture_stream,
            audio=question.audio_track,
            fps=question.fps,
            on_progress=tell,
        )

    def work() -> list[Toolbox]:
        with ExitStack() as stack:
            toolboxes = [stack.enter_context(open_one(*one)) for one in enumerate(options.videos, start=1)]
            stack.pop_all()
        return toolboxes

    with set_deadline(compute_seconds_left(limits, begun)):
        (opened,) = run_in_time([work])
    return opened if isinstance(opened, list) else []


def _close_in_time(toolboxes: "list[Toolbox]", limits: Limits, begun: float) -> None:
    """Closes the toolboxes, which keeps what is indexed, unless that takes longer than the question may."""
    with set_deadline(compute_seconds_left(limits, begun)):
        run_in_time([toolbox.close for toolbox in toolboxes])


def _has_indexing_left(toolbox: "Toolbox") -> bool:
    return toolbox.needs_recognition or not toolbox.index.wait(0.0)


def _answer_provisionally(
    question: Question, toolbox: "QuestionTools", policy: "Policy", limits: Limits, begun: float
) -> str:
    """A sentence with a provisional answer; what was read and heard for it is cached for the run itself."""
    from agent.loop.ask import ask
    from agent.report.console import format_headline

    seconds = min(PROVISIONAL_SECONDS, compute_seconds_left(limits, begun) / 3)
    early = ask(question, toolbox, policy, replace(limits, max_seconds=seconds), verify=False)
    if early.stop is Stop.INTERRUPTED:
        raise KeyboardInterrupt
    if early.answer is None:
        return ""
    confidence = "" if early.confidence is None else f" ({early.confidence:.2f})"
    return f"So far: {format_headline(early.answer)}{confidence}"


def _notify_all(*listeners: "OnEvent") -> "OnEvent":
    def tell(event: "Turn | Trajectory") -> None:
        for listener in listeners:
            listener(event)

    return tell


def check_order(video: str, question: str) -> None:
    """Refuses a command line with the question before the video.

    Raises:
        ValueError: the video comes second.
    """
    if not Path(video).exists() and is_file(question):
        raise ValueError(f"the video comes first: agent ask {shlex.quote(question)} {shlex.quote(video)}")


def is_file(text: str) -> bool:
    """Whether a text is the path of a file; a question may be longer than any path."""
    try:
        return Path(text).is_file()
    except OSError:
        return False


def tell_of_subtitles(options: argparse.Namespace, progress: Screen) -> None:
    """Says that subtitles beside the video are not read: an answer never rests on a file that nobody named."""
    from tools.speech.subtitles import find_subtitles_beside

    if options.subtitles is not None:
        return
    beside = [file for video in options.videos for file in find_subtitles_beside(Path(video))]
    if beside:
        hint = f"subtitles beside the video are not read: --subtitles {shlex.quote(str(beside[0]))} reads them"
        progress.print(hint, style="dim", highlight=False, markup=False, soft_wrap=True)


def _choose_spec(options: argparse.Namespace, progress: "Screen") -> str:
    """The spec of the policy that was named, or of the default, with the reason printed."""
    from rich.markup import escape

    from agent.policies.default import choose_default_policy

    if options.policy is not None:
        named: str = options.policy
        return named
    choice = choose_default_policy()
    if choice.spec != "lite":
        progress.print(escape(f"policy {choice.spec}: {choice.why}"), style="dim", highlight=False, soft_wrap=True)
    elif choice.advice:
        progress.print(escape(f"{choice.why}; {choice.advice}"), style="dim", highlight=False, soft_wrap=True)
    return choice.spec
