"""Checks before a run, for the command line and `Sleuth`, and what is said of a run that its time limit cut short."""

import math
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.coverage import compute_coverages
from agent.loop.ask import choose_mode
from agent.loop.modes import Mode
from agent.loop.strategies import check_strategy
from agent.policies.lite_rules.reading import read_question
from agent.policy import Policy
from agent.trajectory import Answer, Limits, Question, Step, Stop, Strategy, Trajectory, Turn, VideoFacts
from tools.deadline import run_in_time, set_deadline
from tools.demux.container import check_file
from tools.demux.file_kind import find_pictures
from tools.demux.header import Header, read_header
from tools.limits import VideoError
from tools.speech.subtitles import read_subtitle_file
from tools.video.frame_folder import is_frame_folder

if TYPE_CHECKING:
    from tools.index.library import Refuse


def check_inputs(video: str | Path, subtitles: str | Path | None) -> None:
    """Checks the input files before anything is loaded or indexed.

    Raises:
        ValueError: a file can't be the video or the subtitles that it is given as.
    """
    if not is_frame_folder(Path(video)):
        check_file(Path(video))
    if subtitles is not None:
        read_subtitle_file(subtitles)


def check_pictures(folder: Path, refuse: "Refuse") -> None:
    """Refuses a folder of pictures for one of them: an answer rests on all.

    Args:
        folder: the folder; a file has no pictures.
        refuse: says what is left out of a folder, as `Sleuth.with_refusals` has it.

    Raises:
        VideoError: one is left out.
    """
    for picture in find_pictures(folder) if folder.is_dir() else ():
        if (why := refuse(picture)) is not None:
            raise VideoError(f"{picture} can't be a picture of the video: {why or 'it may not be read'}")


def check_playable(
    question: Question, policy: Policy, samples: int, mode: Mode | None, strategy: Strategy = "direct"
) -> None:
    """Refuses a number of samples, a mode or a strategy that a policy or a question does not have.

    Args:
        question: the question.
        policy: the policy.
        samples: number of runs that vote.
        mode: what a model is given of the video; None is the policy's usual mode.
        strategy: how a model goes about it.

    Raises:
        ValueError: the policy can't be asked so; says why.
    """
    if samples != 1 and policy.setup is None:
        raise ValueError(f"{policy.spec} answers the same each time: --samples is for language models")
    if samples != 1 and question.task != "answer":
        raise ValueError(f"to {question.task} there is no answer that runs could agree on: leave --samples out")
    choose_mode(policy, mode)
    check_strategy(strategy, question, policy)


def check_end(question: Question, duration_seconds: float) -> None:
    """Refuses a question that ends after its video.

    Raises:
        ValueError: the question ends after the video; says how long that is.
    """
    until = question.until_seconds
    if until is not None and until > duration_seconds:
        raise ValueError(f"{until:g} s is past the end of the video, which is {duration_seconds:.2f} s long")


def make_unopened_trajectory(question: Question, spec: str, limits: Limits, seconds: float, stop: Stop) -> Trajectory:
    """The trajectory of a run that ended before its video was open.

    Args:
        question: the question.
        spec: spec of the policy.
        limits: bounds of the run.
        seconds: seconds that had passed at the end.
        stop: why the run ended.
    """
    is_late = stop is Stop.TIME_LIMIT
    lengths = [_promised_seconds(question, video) if is_late else 0.0 for video in question.videos]
    facts, *others = (VideoFacts("", length, 0, 0) for length in lengths)
    start = Trajectory(question, facts, spec, limits, opening_seconds=seconds, other_facts=tuple(others))
    return start.ended(stop, "the video was not open yet when the time was over" if is_late else "")


def _promised_seconds(question: Question, video: str) -> float:
    """The length by the header of a file, or the end that was asked for; 0.0 where it is not known at once."""
    with set_deadline(0.0), suppress(VideoError):
        (header,) = run_in_time([partial(read_header, Path(video), question.picture_stream)])
        if isinstance(header, Header) and header.promised_seconds is not None:
            return min(header.promised_seconds, question.until_seconds or math.inf)
    return 0.0


def answer_late(trajectory: Trajectory) -> Trajectory:
    """The trajectory with "I can't tell" and how much was seen, where the time was over before there was an answer.

    A model that gave no reply in time is left without an answer: how much was seen is not why.
    """
    if trajectory.stop is not Stop.TIME_LIMIT or trajectory.answer is not None or trajectory.setup is not None:
        return trajectory
    coverages = compute_coverages(trajectory).values()
    seconds = sum(seen.length_seconds for seen in coverages)
    looked = sum(seen.looked_share * seen.length_seconds for seen in coverages)
    seen = f"only {looked:.0f} of {seconds:.0f} s was seen"
    said = read_question(trajectory.question, seconds).language.cannot_tell
    why = f"{said} When the time was over, {seen if seconds else 'nothing of the video was seen'}."
    return replace(trajectory, steps=(*trajectory.steps, Step(Turn("", Answer(why, cannot_tell=True)))))
