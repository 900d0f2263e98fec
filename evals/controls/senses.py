"""Pictures from one video and speech from another: all that is seen can be changed while all that is said stays."""

from typing import Any

from tools.observation import FrameRef, Observation
from tools.schema import ToolSpec
from tools.toolbox import Toolbox
from tools.video.source import VideoSource

SPEECH = frozenset({"read_speech", "search_speech"})


class PicturesAndSpeech:
    """The tools of speech over one video, all others over another."""

    def __init__(self, pictures: Toolbox, speech: Toolbox) -> None:
        self._pictures = pictures
        self._speech = speech

    @property
    def video(self) -> VideoSource:
        """The one that is seen."""
        return self._pictures.video

    @property
    def has_subtitles(self) -> bool:
        """True if somebody wrote down what is said."""
        return self._speech.has_subtitles

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """All tools."""
        return self._pictures.specs

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """What the tool brings; ToolError as by the toolboxes."""
        return (self._speech if name in SPEECH else self._pictures).call(name, arguments)

    def picture(self, ref: FrameRef) -> bytes | None:
        """The picture behind a reference, from the video that is seen."""
        return self._pictures.picture(ref)
