"""The optional parts of a toolbox, each made when first needed: speech, screen text, captions, meaning of words."""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.captioner import Captioner, PackagedCaptioner
from tools.encoders import Encoder
from tools.footage import Footage
from tools.indexing import VideoIndex
from tools.screen_reading import ScreenText
from tools.screen_text import TextReader
from tools.speech import Recogniser, SpeechLine, embedded_subtitles, read_subtitles
from tools.subtitles import ended_by


class Parts:
    """What the tools of one video share. Threads may share it; what is slow to make is made once."""

    def __init__(
        self,
        video: Footage,
        index: VideoIndex,
        encoder: Encoder,
        subtitles: str | Path | None = None,
        cache: Path | None = None,
        captioner: Captioner | None = None,
    ) -> None:
        self._video = video
        self._cache = cache
        self._encoder = encoder
        self._given_captioner = captioner
        self._lock = threading.RLock()
        self._given = ended_by(read_subtitles(subtitles), video.until_seconds) if subtitles is not None else None
        self._lines = self._given
        self.screen_text = ScreenText(video, index, self.reader, cache)

    @property
    def has_subtitles(self) -> bool:
        """True if a subtitle file was given or the video carries a text stream."""
        return self._given is not None or self._video.info.subtitle_streams > 0

    @property
    def speech_source(self) -> str:
        """Where speech would come from, in words."""
        if self._given is not None:
            return "subtitle file"
        if self._video.info.subtitle_streams:
            return "subtitles in the video"
        return "a sound track (speech recognition)" if self._video.info.has_audio else "none: there is no sound"

    def transcript(self) -> tuple[SpeechLine, ...]:
        """Every line said: from the subtitle file, else the video's subtitles, else recognised; () without sound."""
        with self._lock:
            if self._lines is None:
                self._lines = self._found_lines()
            return self._lines

    def _found_lines(self) -> tuple[SpeechLine, ...]:
        if self._video.info.subtitle_streams and (lines := embedded_subtitles(self._video)):
            return lines
        return self._recogniser.transcribe(self._video, cache=self._cache) if self._video.info.has_audio else ()

    def reader(self) -> TextReader:
        """The reader of screen text."""
        with self._lock:
            return self._text_reader

    def captioner(self) -> Captioner:
        """The captioner that was given, else the packaged one."""
        with self._lock:
            return self._given_captioner or self._captioner

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(N, D) unit rows that compare texts by meaning."""
        return self._encoder.encode_texts(texts)

    @cached_property
    def _recogniser(self) -> Recogniser:
        return Recogniser(threads=2)

    @cached_property
    def _text_reader(self) -> TextReader:
        return TextReader()

    @cached_property
    def _captioner(self) -> Captioner:
        return PackagedCaptioner(self.reader)
