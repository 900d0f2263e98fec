"""Checks before a run, for the command line and `Sleuth`, and the trajectory of a run whose video was never open."""

from pathlib import Path

from agent.loop.ask import mode_of
from agent.loop.modes import Mode
from agent.policy import Policy
from agent.trajectory import Limits, Question, Stop, Trajectory, VideoFacts
from tools.demux.container import check_file
from tools.speech.subtitles import subtitle_file


def check_inputs(video: str | Path, subtitles: str | Path | None) -> None:
    """Checks the input files before anything is loaded or indexed.

    Raises:
        ValueError: a file can't be the video or the subtitles that it is given as.
    """
    check_file(Path(video))
    if subtitles is not None:
        subtitle_file(subtitles)


def check_playable(question: Question, policy: Policy, samples: int, mode: Mode | None) -> None:
    """Refuses a number of samples or a mode that a policy or a question does not have.

    Args:
        question: the question.
        policy: the policy.
        samples: number of runs that vote.
        mode: what a model is given of the video; None is the policy's usual mode.

    Raises:
        ValueError: the policy can't be asked so; says why.
    """
    if samples != 1 and policy.setup is None:
        raise ValueError(f"{policy.spec} answers the same each time: --samples is for language models")
    if samples != 1 and question.task != "answer":
        raise ValueError(f"to {question.task} there is no answer that runs could agree on: leave --samples out")
    mode_of(policy, mode)


def check_end(question: Question, duration_seconds: float) -> None:
    """Refuses a question that ends after its video.

    Raises:
        ValueError: the question ends after the video; says how long that is.
    """
    until = question.until_seconds
    if until is not None and until > duration_seconds:
        raise ValueError(f"--at {until:g} is past the end of the video, which is {duration_seconds:.2f} s long")


def not_opened(question: Question, spec: str, limits: Limits, seconds: float, stop: Stop) -> Trajectory:
    """The trajectory of a run that ended before its video was open.

    Args:
        question: the question.
        spec: spec of the policy.
        limits: bounds of the run.
        seconds: seconds that had passed at the end.
        stop: why the run ended.
    """
    start = Trajectory(question, VideoFacts("", 0.0, 0, 0), spec, limits, opening_seconds=seconds)
    return start.ended(stop, "the video was not open yet when the time was over" if stop is Stop.TIME_LIMIT else "")
