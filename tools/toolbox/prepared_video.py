"""A video with what its tools work with: what can be read, heard and described ahead of them, and its end."""

import math
from typing import Literal

from tools.observation import ToolError
from tools.ocr.video_text import WindowText
from tools.resources import Speech, ToolResources
from tools.runtime.closing import Closing
from tools.toolbox.frame_server import FrameServer
from tools.toolbox.window_descriptions import WindowDescriber
from tools.vision.captioner import CaptionModel


class PreparedVideo(Closing):
    """A video, its index and its words; closes with its index in a usable state."""

    def __init__(self, resources: ToolResources) -> None:
        self.video = resources.video
        self.index = resources.index
        self._resources = resources
        self._frames = FrameServer(self.video, self.index)
        self._describer = WindowDescriber(resources, self._frames)

    @property
    def has_subtitles(self) -> bool:
        """True if somebody wrote down what is said: a file was given or the video carries a text stream."""
        return self._resources.has_subtitles

    @property
    def captioner(self) -> CaptionModel | None:
        """The model that describes windows; None without one."""
        return self._resources.caption_model

    def prepare(self, *, text: bool, speech: bool, captions: bool = False) -> None:
        """Waits for the whole index; then reads, hears and describes the whole video, as asked, for later calls.

        Args:
            text: whether to read all text on screen.
            speech: whether to hear all speech.
            captions: whether to caption all clips.

        Raises:
            ToolError: the captioner fails; what it described before is kept.
        """
        self.index.wait_tiled()
        if speech:
            self._resources.find_speech()
        if text:
            self._resources.screen_text.prepare()
        if not captions:
            return
        found = self._describer.captions.make(self.video.info.start_seconds, self.video.info.duration_seconds)
        if found.missing:
            raise ToolError(f"{len(found.missing)} clips have no caption: {found.why or 'there was no time for it'}")

    def transcribe(self, start_seconds: float = 0.0, stop_seconds: float = math.inf) -> Speech:
        """Every line said in a window, and what of it was not heard; written down before, or recognised now."""
        return self._resources.find_speech(start_seconds, stop_seconds)

    def read_all_text(self) -> WindowText:
        """Every line of text on screen, read first where it was not yet, which may take longer than the video."""
        self.prepare(text=True, speech=False)
        info = self.video.info
        return self._resources.screen_text.read_window(info.start_seconds, info.duration_seconds)

    def list_known_lines(self) -> list[tuple[Literal["speech", "screen text"], float, float, str]]:
        """Lines of speech and text that are known without hearing or reading any: source, start, stop and text.

        They are written in subtitles, or were heard or read ahead; doubtful ones are left out.
        """
        said = [line for line in self._resources.find_known_speech().lines if not line.doubts]
        read = self.read_all_text().spans if self.is_text_prepared else ()
        return [
            *(("speech", line.start_seconds, line.stop_seconds, line.text) for line in said),
            *(("screen text", span.start_seconds, span.stop_seconds, span.text) for span in read if not span.doubt),
        ]

    @property
    def is_known_in_words(self) -> bool:
        """Whether all text on screen was read ahead, and all that is said is written down or was heard."""
        return self.is_text_prepared and self._resources.is_speech_known

    @property
    def is_text_prepared(self) -> bool:
        """Whether all text on screen has been read."""
        return self._resources.screen_text.is_prepared

    @property
    def needs_recognition(self) -> bool:
        """Whether speech has to be recognised: there is sound, and nobody wrote down all that is said."""
        return self._resources.needs_recognition

    def close(self) -> None:
        """Stops indexing, leaving a usable cache, and closes the video."""
        self._resources.close()
