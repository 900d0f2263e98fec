"""What the commands that play a question share: their options, and the run from opened video to exit status."""

import argparse
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.commands.asking_a_model import add_model_options, policy_options
from agent.commands.outcome import exit_status, write_files
from agent.outputs import check_writable
from agent.policy import PolicyOptions
from agent.terminal import Screen
from agent.trajectory import Limits, Question, Trajectory

if TYPE_CHECKING:
    from agent.graph import OnEvent
    from agent.policy import Policy
    from tools.toolbox import Toolbox

SAMPLES_TEMPERATURE = 0.7
"""With --samples and no temperature given; the usual value for self-consistency (Wang et al. 2022, section 3.1)."""


def add_playing_options(command: argparse.ArgumentParser) -> None:
    """Declares who plays, what it may cost, and where the result goes."""
    command.add_argument(
        "--policy",
        default=None,
        metavar="SPEC",
        help="who plays: lite, http:MODEL@URL, transformers:PATH, vllm:PATH, scripted:FILE; `agent doctor` says which "
        "is taken by default",
    )
    command.add_argument(
        "--mode", choices=("look", "subtitles", "captions"), default=None, help="what a model is given of the video"
    )
    command.add_argument("--samples", type=int, default=1, metavar="N", help="ask N times; the majority answers")
    defaults = Limits()
    command.add_argument("--max-turns", type=int, default=defaults.max_turns, metavar="N")
    command.add_argument("--max-frames", type=int, default=defaults.max_frames, metavar="N")
    command.add_argument("--max-tokens", type=int, default=None, metavar="N")
    command.add_argument("--max-seconds", type=float, default=None, metavar="N")
    command.add_argument("--max-cost", type=float, default=None, metavar="USD", help="by the price table")
    command.add_argument(
        "--encoder", default=None, metavar="SPEC", help="of the frame index: auto, packaged, open_clip:MODEL"
    )
    command.add_argument("--subtitles", metavar="FILE", help="srt, vtt or ass")
    add_picture_stream_option(command)
    command.add_argument(
        "--audio", type=int, default=None, metavar="N", help="hear sound track N, from 1; without it, one with speech"
    )
    command.add_argument("--no-verify", action="store_true", help="skip the second answer from the evidence alone")
    command.add_argument("--resume", action="store_true", help="go on with this very question where it was interrupted")
    command.add_argument("--json", action="store_true", help="one JSON object on stdout and nothing else")
    command.add_argument(
        "--report", metavar="FILE.html", help="write a page with the answer, its evidence and every turn"
    )
    command.add_argument("--save", metavar="FILE.json", help="write the trajectory, for replay")
    add_model_options(command)


def add_picture_stream_option(command: argparse.ArgumentParser) -> None:
    """Declares which of a file's streams of moving pictures is looked at."""
    command.add_argument(
        "--video",
        dest="picture_stream",
        type=int,
        default=None,
        metavar="N",
        help="which stream of pictures, counted from 1, in a file with several; by default its main one",
    )


def play(options: argparse.Namespace, question: Question, as_json: Callable[[Trajectory], str]) -> int:
    """Plays the question as the options say, shows the result, and gives the exit status.

    Args:
        options: those of `add_playing_options` and `video`.
        question: what is asked; its `until_seconds` is where the video ends for every tool.
        as_json: what `--json` prints.
    """
    from agent.backends.lite import ABOUT
    from agent.console import Narrator, index_progress, print_answer
    from agent.policy import open_policy
    from tools.toolbox import open_toolbox

    progress = Screen(stderr=True)
    question = replace(question, audio_track=options.audio, picture_stream=options.picture_stream)
    limits = Limits(
        options.max_turns,
        options.max_frames,
        options.max_tokens,
        options.max_seconds,
        max_cost_usd=options.max_cost,
    )
    policy = open_policy(_spec(options, progress), _asked_options(options))
    if options.samples != 1 and policy.setup is None:
        raise ValueError(f"{policy.spec} answers the same each time: --samples is for language models")
    if options.samples != 1 and question.task != "answer":
        raise ValueError(f"to {question.task} there is no answer that runs could agree on: leave --samples out")
    check_writable((options.report, options.save), (options.video, options.subtitles))
    _tell_of_subtitles(options, progress)
    with (
        index_progress(progress) as on_progress,
        open_toolbox(
            options.video,
            encoder=options.encoder,
            subtitles=options.subtitles,
            until=question.until_seconds,
            picture_stream=question.picture_stream,
            audio=question.audio_track,
            on_progress=on_progress,
        ) as toolbox,
    ):
        if policy.spec == "lite":
            progress.print(ABOUT, style="dim", highlight=False, soft_wrap=True)
        trajectory = _played(options, question, toolbox, policy, limits, Narrator(progress))
        unwritten: OSError | None = None
        try:
            write_files(options, trajectory, toolbox.picture, progress)
        except OSError as error:  # a disk that is full by now must not cost the answer
            unwritten = error
    if options.json:
        print(as_json(trajectory))
    else:
        print_answer(trajectory, Screen())
    if unwritten is not None:
        raise unwritten
    return exit_status(trajectory, progress)


def _tell_of_subtitles(options: argparse.Namespace, progress: Screen) -> None:
    """Players read a file beside the video unasked; here an answer never rests on a file that nobody named."""
    from tools.subtitles import subtitles_beside

    beside = subtitles_beside(Path(options.video)) if options.subtitles is None else ()
    if beside:
        told = f"subtitles beside the video are not read: --subtitles {shlex.quote(str(beside[0]))} reads them"
        progress.print(told, style="dim", highlight=False, markup=False, soft_wrap=True)


def _played(
    options: argparse.Namespace,
    question: Question,
    toolbox: "Toolbox",
    policy: "Policy",
    limits: Limits,
    on_event: "OnEvent",
) -> Trajectory:
    from agent.asking import ask
    from agent.consensus import agreed
    from tools.cache import cache_root

    def once(sample: int, density: int, left: Limits) -> Trajectory:
        return ask(
            question,
            toolbox,
            policy,
            left,
            verify=not options.no_verify and options.samples == 1,
            mode=options.mode,
            density=density,
            sample=sample,
            keep=cache_root() / "runs.sqlite",
            resume=options.resume,
            on_event=on_event,
        )

    return once(0, 1, limits) if options.samples == 1 else agreed(once, options.samples, limits)


def _spec(options: argparse.Namespace, progress: "Screen") -> str:
    """The policy that was named, or the default with a word on why."""
    from rich.markup import escape

    from agent.defaults import default_policy

    if options.policy is not None:
        named: str = options.policy
        return named
    choice = default_policy()
    if choice.spec != "lite":
        progress.print(escape(f"policy {choice.spec}: {choice.why}"), style="dim", highlight=False, soft_wrap=True)
    elif choice.advice:
        progress.print(escape(f"{choice.why}; {choice.advice}"), style="dim", highlight=False, soft_wrap=True)
    return choice.spec


def _asked_options(options: argparse.Namespace) -> PolicyOptions:
    """How the model is asked; several samples need some chance, without which they would all be the same."""
    asked = policy_options(options)
    is_greedy = options.samples > 1 and asked.temperature == 0
    return replace(asked, temperature=SAMPLES_TEMPERATURE) if is_greedy else asked
