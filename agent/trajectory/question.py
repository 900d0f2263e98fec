"""What is asked of which video: a question, the folder it may be about, and what is known of a video before."""

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from tools.limits import MAX_PICTURE_SIDE
from tools.observation import MOST_VIDEOS, Seconds


@dataclass(frozen=True)
class SearchedFolder:
    """The folder that a question is about: its videos that fit the question best are looked into, the others not."""

    path: str
    videos: Annotated[int, Field(ge=1)]
    """Number of video files in it."""
    problems: tuple[str, ...] = ()
    """Files that could not be searched, and why, a sentence each."""


@dataclass(frozen=True)
class Question:
    """A question about a video or several, without its reference answer: only `evals.example.Example` has that."""

    video: str
    """Path of the video file."""
    text: str
    options: tuple[str, ...] = ()
    """Answers to choose from, at least two; empty for an open question."""
    id: str = ""
    task: Literal["answer", "explain", "predict"] = "answer"
    """What the question asks for: an answer, a causal chain, or the three most likely next events."""
    until_seconds: float | None = None
    """Seconds from which on nothing may be seen; None is the whole video."""
    from_seconds: float | None = None
    """Second at which the video begins, which keeps its times; None is its own beginning."""
    audio_track: int | None = None
    """Number of the one sound track that is heard, from 1; None finds the one with speech."""
    picture_stream: int | None = None
    """Number of the stream of moving pictures that is seen, from 1; None is the file's main one."""
    fps: float | None = None
    """Pictures a second, where the video is a folder of them; None is 1."""
    other_videos: tuple[str, ...] = ()
    """Paths of further videos that the question is about, which are numbered from 2; empty for one about `video`
    alone."""
    folder: SearchedFolder | None = None
    """The folder that the videos were found in; None where they were named."""
    is_verbatim: bool = False
    """Whether a model is sent the text as it is, behind the pictures and without our prompt and tools. All that it says
    is then the answer: for published prompts and for judges."""

    @property
    def videos(self) -> tuple[str, ...]:
        """Paths of all videos that the question is about, in the order of their numbers."""
        return (self.video, *self.other_videos)

    @property
    def unseen_videos(self) -> int:
        """Number of videos of the folder that are not looked into."""
        return 0 if self.folder is None else max(0, self.folder.videos - len(self.videos))

    @property
    def folder_gaps(self) -> tuple[str, ...]:
        """What of the folder is not looked into, a sentence each."""
        if self.folder is None or not self.unseen_videos:
            return ()
        looked = f"{len(self.videos)} of the {self.folder.videos} videos in {self.folder.path}"
        return (f"Only {looked} were looked into, those that fit the question best.", *self.folder.problems)

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise ValueError('the question is empty: write it in quotes, as in agent ask video.mp4 "What is said?"')
        if len(self.options) == 1:
            raise ValueError(f"one option is not a choice: got only {self.options[0]!r}, give at least two or none")
        if len(set(self.options)) != len(self.options):
            raise ValueError(f"the options must differ, got {list(self.options)}")
        if self.options and self.task != "answer":
            raise ValueError(f"to {self.task} there are no options to choose from, got {list(self.options)}")
        if self.audio_track is not None and self.audio_track < 1:
            raise ValueError(f"sound tracks are counted from 1, got {self.audio_track}")
        if self.until_seconds is not None and not 0 < self.until_seconds < math.inf:
            raise ValueError(f"need until_seconds > 0 and finite, got {self.until_seconds:g}")
        if self.fps is not None and not 0 < self.fps < math.inf:
            raise ValueError(f"need frames a second above 0, got {self.fps:g}")
        if self.from_seconds is not None and not 0 <= self.from_seconds < (self.until_seconds or math.inf):
            raise ValueError(f"need a start from 0 on and before the end, got from_seconds {self.from_seconds:g}")
        if self.other_videos:
            self._check_videos()

    def _check_videos(self) -> None:
        if len(self.videos) > MOST_VIDEOS:
            raise ValueError(f"a question may name {MOST_VIDEOS} videos at most, got {len(self.videos)}")
        if len(set(self.videos)) < len(self.videos):
            raise ValueError(f"the videos of a question must differ, got {', '.join(self.videos)}")
        if self.task != "answer":
            raise ValueError(f"to {self.task} there must be one video, got {len(self.videos)}")
        if {self.from_seconds, self.until_seconds, self.audio_track, self.picture_stream, self.fps} != {None}:
            raise ValueError(
                "a start, an end, a rate, a sound track or a stream of pictures can be chosen for one video only"
            )


@dataclass(frozen=True)
class VideoFacts:
    """Properties of the video that are known before the first turn."""

    content_hash: str
    duration_seconds: Seconds
    width: Annotated[int, Field(ge=0, le=MAX_PICTURE_SIDE)]
    """Width in pixels as displayed; 0 where there are no pictures, or the video could not be opened."""
    height: Annotated[int, Field(ge=0, le=MAX_PICTURE_SIDE)]
    is_cut_off: bool = False
    has_speech_track: bool = False
    has_subtitles: bool = False
    gaps: tuple[str, ...] = ()
    """Parts of the file that can't be seen or heard, a sentence each."""
    created_at: str = ""
    """When the file says that it was created, as `2026-05-01 14:03:22 UTC`; empty where it does not say."""
    start_seconds: Seconds = 0.0
    """Second at which the video begins: 0, unless what comes before was cut off."""

    @property
    def has_pictures(self) -> bool:
        """Whether there is anything to look at: sound alone has none."""
        return self.width > 0

    @property
    def length_seconds(self) -> float:
        """Seconds from the beginning to the end."""
        return self.duration_seconds - self.start_seconds
