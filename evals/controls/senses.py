"""Tools that take pictures from one video and speech from another, so that one can be changed alone."""

from typing import Any

from tools.observation import FrameRef, Observation
from tools.schema import ToolSpec
from tools.toolbox import Toolbox
from tools.video.source import VideoSource

SPEECH = frozenset({"read_speech", "search_speech"})


class PicturesAndSpeech:
    """A toolbox whose speech tools work on one video and all others on another."""

    def __init__(self, pictures: Toolbox, speech: Toolbox) -> None:
        self._pictures = pictures
        self._speech = speech
        pictures.take_speech_of(speech)

    @property
    def video(self) -> VideoSource:
        """The video that is seen."""
        return self._pictures.video

    @property
    def has_subtitles(self) -> bool:
        """True if the speech comes from subtitles."""
        return self._speech.has_subtitles

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """Specs of all tools."""
        return self._pictures.specs

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call, from the toolbox of its sense; ToolError as from that toolbox."""
        return (self._speech if name in SPEECH else self._pictures).call(name, arguments)

    def picture(self, ref: FrameRef) -> bytes | None:
        """The JPEG behind a reference, from the video that is seen; None where the frame is damaged."""
        return self._pictures.picture(ref)
