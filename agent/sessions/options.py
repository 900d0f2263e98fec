"""The options of a question in Python, as typed keywords; one that is left out is as on the command line."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from agent.limits import QuestionBudget
    from agent.loop.modes import Mode
    from agent.sessions.open_videos import VideoKey
    from agent.trajectory import Effort, ExampleRun, Limits, Question, Strategy, Vote


Videos = str | Path | Sequence[str | Path]
"""A video by its path, or several that one question is about, which are numbered from 1 in that order; or a folder, of
which the videos are looked into that fit the question best."""


class VideoOptions(TypedDict, total=False):
    """Options for opening a video."""

    subtitles: str | Path | None
    """A file of subtitles (srt, vtt, ass); without it the video's own, or speech recognition."""
    from_seconds: float | None
    """Second at which the video begins for every tool, and keeps its times (`--from`)."""
    until_seconds: float | None
    """Second at which the video ends for every tool: nothing later is looked at (`--to`, `agent predict --at`)."""
    audio_track: int | None
    """Number of the sound track to hear, from 1."""
    picture_stream: int | None
    """Number of the stream of pictures to see, from 1."""
    fps: float | None
    """Pictures a second, where the video is a folder of them; 1 if left out."""


class QuestionOptions(TypedDict, total=False):
    """Options for asking a question about an open video."""

    options: Sequence[str]
    """Answers to choose from, two or more; without them the question is open."""
    task: Literal["answer", "explain", "predict"]
    """What the question asks for: an answer, a causal chain, or the three most likely next events."""
    mode: "Mode | None"
    """What a model is given: `look`, or words alone as `subtitles` or `captions`."""
    verify: bool
    """Whether a model answers a second time from the evidence alone; True if left out."""
    samples: int
    """Number of runs, of which the majority answers; for language models."""
    strategy: "Strategy"
    """How a model goes about it: `direct`, `reflect`, `uncertain` or `program` (`agent.loop.strategies`)."""
    vote: "Vote"
    """What the vote of one of several runs weighs: `majority`, one each, or the `confidence` that it states."""
    examples: str | Path | None
    """Folder of saved runs that were right, of which a model is shown the most similar (`agent.loop.examples`)."""
    effort: "Effort"
    """How many turns and frames there may be where they are not given: `low`, `medium` or `high` (`agent.limits`)."""
    max_turns: int
    max_frames: int | None
    max_tokens: int | None
    max_seconds: float | None
    max_cost_usd: float | None
    """Dollars that the run may cost. The five limits are those of `agent.Limits`: at one of them the best answer so far
    is asked for. None does not bind."""


class AskOptions(QuestionOptions, VideoOptions, total=False):
    """All options of a question about a video."""


@dataclass(frozen=True)
class AskedQuestion:
    """A question with its options, read and checked."""

    question: "Question"
    limits: "Limits"
    keys: "tuple[VideoKey, ...]"
    """Videos of the question, in the order of their numbers."""
    mode: "Mode | None"
    verify: bool
    samples: int
    strategy: "Strategy" = "direct"
    vote: "Vote" = "majority"
    examples: "tuple[ExampleRun, ...]" = ()
    budget: "QuestionBudget | None" = None
    """What `limits` come from: those of a clip, before the length of the video is known."""
    folder: Path | None = None
    """Folder that the videos are found in when the question runs; `question` and `keys` name it until then."""

    def size_limits(self, duration_seconds: float) -> "Limits":
        """The limits of the question once the length of its videos is known."""
        return self.limits if self.budget is None else self.budget.for_length(duration_seconds)

    @property
    def effort(self) -> "Effort":
        """The effort that the limits go by."""
        return "medium" if self.budget is None else self.budget.effort


def make_key(video: str | Path, options: "VideoOptions") -> "VideoKey":
    """The key under which a video is open."""
    from agent.sessions.open_videos import VideoKey

    subtitles = options.get("subtitles")
    return VideoKey(
        Path(video),
        None if subtitles is None else Path(subtitles),
        options.get("from_seconds"),
        options.get("until_seconds"),
        options.get("picture_stream"),
        options.get("audio_track"),
        options.get("fps"),
    )


def read_options(video: Videos, text: str, options: AskOptions) -> AskedQuestion:
    """The question with its options.

    Args:
        video: path of the video, or paths of several.
        text: the question itself.
        options: what was said with it.

    Raises:
        TypeError: an option that is none.
        ValueError: the question or an option is out of its range.
    """
    from agent.limits import QuestionBudget
    from agent.loop.examples import read_examples
    from agent.paths import escape_path
    from agent.trajectory import Question

    if unknown := options.keys() - AskOptions.__annotations__.keys():
        known = ", ".join(AskOptions.__annotations__)
        raise TypeError(f"unknown: {', '.join(sorted(unknown))}; what can be said with a question is {known}")
    if isinstance(options.get("options"), str):
        raise TypeError("options are several texts: give a list of them")
    paths = [video] if isinstance(video, str | Path) else list(video)
    if not paths:
        raise ValueError("need a video, got an empty list of them")
    name, *others = (escape_path(str(path)) for path in paths)
    question = Question(
        name,
        text,
        tuple(options.get("options", ())),
        task=options.get("task", "answer"),
        until_seconds=options.get("until_seconds"),
        from_seconds=options.get("from_seconds"),
        fps=options.get("fps"),
        audio_track=options.get("audio_track"),
        picture_stream=options.get("picture_stream"),
        other_videos=tuple(others),
    )
    subtitles = options.get("subtitles")
    check_subtitles(question, subtitles)
    keys = tuple(make_key(path, options) for path in paths)
    given: dict[str, Any] = {name: value for name, value in options.items() if name.startswith("max_")}
    verify, samples = options.get("verify", True), options.get("samples", 1)
    budget = QuestionBudget(given, options.get("effort", "medium"))
    return AskedQuestion(
        question,
        budget.for_length(),
        keys,
        options.get("mode"),
        verify,
        samples,
        options.get("strategy", "direct"),
        options.get("vote", "majority"),
        () if (kept := options.get("examples")) is None else read_examples(Path(kept)),
        budget,
        find_folder(keys),
    )


def find_folder(keys: "Sequence[VideoKey]") -> Path | None:
    """The folder that a question is about; None where its videos are named.

    Raises:
        ValueError: something is chosen in it that can be chosen in one video only.
    """
    from agent.sessions.open_videos import VideoKey

    if len(keys) != 1 or not is_searched(keys[0].path, keys[0].fps):
        return None
    folder = keys[0].path
    if keys[0] != VideoKey(folder):
        raise ValueError(
            f"subtitles, a start, an end, a sound track or a stream can be chosen for one video only: {folder}"
        )
    return folder


def is_searched(path: Path, fps: float | None) -> bool:
    """Whether a path is a folder whose videos are searched, and neither a file nor a folder of pictures."""
    from tools.demux.file_kind import find_pictures, find_videos

    if fps is not None or not path.is_dir():
        return False
    return next(find_pictures(path), None) is None or next(find_videos(path), None) is not None


def check_subtitles(question: "Question", subtitles: str | Path | None) -> None:
    """Refuses a file of subtitles for several videos: it can be of one only.

    Raises:
        ValueError: there is such a file.
    """
    if subtitles is not None and question.other_videos:
        raise ValueError(f"subtitles can be given for one video only, got {subtitles} for {len(question.videos)}")
