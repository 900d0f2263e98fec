"""Tools that take pictures from one video and speech from another, so that one can be changed alone."""

from typing import Any

from agent.loop.forwarding_tools import ForwardingVideoTools
from tools.observation import Observation
from tools.toolbox import Toolbox

SPEECH = frozenset({"read_speech", "search_speech"})


class PicturesAndSpeech(ForwardingVideoTools):
    """A toolbox whose speech tools work on one video and all others on another."""

    def __init__(self, pictures: Toolbox, speech: Toolbox) -> None:
        super().__init__(pictures)
        self._speech = speech
        pictures.take_speech_of(speech)

    @property
    def has_subtitles(self) -> bool:
        """True if the speech comes from subtitles."""
        return self._speech.has_subtitles

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        """The observation of a call, from the toolbox of its sense; ToolError as from that toolbox."""
        return (self._speech if name in SPEECH else self._tools).call(name, arguments)
