"""Checks that every door makes before it asks, and the trajectory of a question whose video was never open."""

from pathlib import Path

from agent.loop.ask import mode_of
from agent.loop.modes import Mode
from agent.policy import Policy
from agent.trajectory import Limits, Question, Stop, Trajectory, VideoFacts
from tools.demux.container import check_file
from tools.speech.subtitles import subtitle_file


def check_inputs(video: str | Path, subtitles: str | Path | None) -> None:
    """Looks at the files before anything is loaded or indexed.

    Raises:
        ValueError: one of them can't be what it is given as.
    """
    check_file(Path(video))
    if subtitles is not None:
        subtitle_file(subtitles)


def check_playable(question: Question, policy: Policy, samples: int, mode: Mode | None) -> None:
    """Refuses what this policy can't be asked.

    Raises:
        ValueError: says what.
    """
    if samples != 1 and policy.setup is None:
        raise ValueError(f"{policy.spec} answers the same each time: --samples is for language models")
    if samples != 1 and question.task != "answer":
        raise ValueError(f"to {question.task} there is no answer that runs could agree on: leave --samples out")
    mode_of(policy, mode)


def check_end(question: Question, duration_seconds: float) -> None:
    """Refuses a question that ends after its video.

    Raises:
        ValueError: says how long the video is.
    """
    until = question.until_seconds
    if until is not None and until > duration_seconds:
        raise ValueError(f"--at {until:g} is past the end of the video, which is {duration_seconds:.2f} s long")


def not_opened(question: Question, spec: str, limits: Limits, seconds: float, stop: Stop) -> Trajectory:
    """The record of a question whose video was not open yet when it ended, after so many seconds."""
    start = Trajectory(question, VideoFacts("", 0.0, 0, 0), spec, limits, opening_seconds=seconds)
    return start.ended(stop, "the video was not open yet when the time was over" if stop is Stop.TIME_LIMIT else "")
