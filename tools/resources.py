"""What the tools of one video work with: the video, its index, and what is made when first needed.

That is the recogniser of speech, the reader of screen text, the captioner, and the meaning of words.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tools.cache import find_cache_root
from tools.deadline import is_time_up, set_deadline
from tools.encoders.registry import Encoder
from tools.index.samples import Samples
from tools.index.video_index import IndexProgress, open_index
from tools.observation import MissingPartError
from tools.ocr.reader import TextReader, open_text_reader
from tools.ocr.video_text import ScreenText
from tools.packaged_weights import is_installed
from tools.runtime.threads import choose_thread_count
from tools.speech.audio import SoundTrack, list_sound_tracks
from tools.speech.recognition import SpeechLine, SpeechRecogniser, Transcript, is_doubtful, open_recogniser
from tools.speech.sound_events import SoundEvents, SoundListener
from tools.speech.subtitles import Subtitles, merge_lines, read_subtitle_file, read_subtitle_streams, select_ended
from tools.video.source import VideoSource
from tools.vision.captioner import Captioner, CaptionModel, PackagedCaptioner
from tools.vision.detector import Detector, is_detector_here, open_detector
from tools.vision.things import FoundThings, Things

_ENCODED_AT_ONCE = 1024
"""Texts in one batch of the text encoder; bounds its memory."""
_MOST_REMEMBERED = 200_000
"""Texts whose embedding is kept: with 256 float32 each, 200 MB."""

_HeardT_co = TypeVar("_HeardT_co", covariant=True)


@dataclass(frozen=True)
class Speech:
    """Lines of speech from subtitles and recognition, and what was not heard or read."""

    lines: tuple[SpeechLine, ...] = ()
    gaps: tuple[str, ...] = ()
    """What of the sound or the subtitles was not heard or read, a sentence each."""
    unheard: tuple[tuple[float, float], ...] = ()
    """Parts of the window in which the first sound track was not heard: (start, stop) in seconds, ascending."""


class Listener(Protocol[_HeardT_co]):
    """A listener to sound: `SpeechRecogniser` for speech, `SoundListener` for its kinds, or what takes their place."""

    def hear(
        self,
        video: VideoSource,
        track: SoundTrack | None = None,
        on_progress: Callable[[float, float], None] | None = None,
        cache: Path | None = None,
        window: tuple[float, float] = (0.0, math.inf),
    ) -> _HeardT_co:
        """Everything heard in a window of a sound track, as far as there is time to hear.

        Args:
            video: the video with the sound.
            track: the sound track, the video's usual one if None.
            on_progress: called with the seconds heard and the seconds to hear.
            cache: root of the cache, the user's own if None.
            window: (start, stop) in seconds.
        """
        ...


class ToolResources:
    """Resources that the tools of one video share: speech, screen text, captioner, text embeddings; thread-safe."""

    def __init__(
        self,
        video: VideoSource,
        encoder: Encoder,
        subtitles: str | Path | None = None,
        cache: Path | None = None,
        captioner: Captioner | CaptionModel | None = None,
        audio: int | None = None,
        recogniser: Listener[Transcript] | None = None,
        sound_listener: Listener[SoundEvents] | None = None,
        detector: Detector | None = None,
        on_progress: Callable[[IndexProgress], None] = lambda _: None,
    ) -> None:
        """Opens the index, which fills in the background, and the subtitle file; the rest is made when first needed.

        Args:
            video: the video that is looked at and heard, which closes with them.
            encoder: embeds pictures and texts.
            subtitles: a file with what is said.
            cache: root of the cache, the user's own if None.
            captioner: takes the place of the packaged one.
            audio: number of the one sound track to hear, from 1; None finds the one with speech.
            recogniser: takes the place of the packaged one.
            sound_listener: takes the place of the packaged one.
            detector: takes the place of the one that `agent pull` fetches.
            on_progress: called with the progress of indexing, of reading text and of recognising speech.

        Raises:
            ValueError: there is no such sound track, or the subtitles can't be read.
        """
        self.video = video
        self.cache = cache
        self._encoder = encoder
        self.caption_model = captioner if isinstance(captioner, CaptionModel) else None
        """Model that describes windows and answers questions about them; None without one."""
        self._given_captioner = None if isinstance(captioner, CaptionModel) else captioner
        self._lock = threading.RLock()
        self._meaning_lock = threading.Lock()
        self._meanings: dict[str, NDArray[np.float32]] = {}
        self._given_recogniser = recogniser
        self._given_sound_listener = sound_listener
        self._given_detector = detector
        self._things = Things(video, cache)
        self.on_progress = on_progress
        self._given: Subtitles | None = None
        if subtitles is not None:
            given = read_subtitle_file(subtitles)
            self._given = replace(given, lines=select_ended(given.lines, video.until_seconds))
        self._audio = audio
        if audio is not None and not any(track.number == audio for track in self._tracks):
            there = f"sound tracks 1 to {len(self._tracks)}" if self._tracks else "no sound track"
            raise ValueError(f"{video.path} has {there}, got audio {audio}")
        self.index = open_index(video, encoder, cache, on_progress)  # last: its thread would outlive an error
        self.samples = Samples(self.index, video.info.length_seconds)
        self.screen_text = ScreenText(video, self.samples, self.get_reader, cache, on_progress)

    def close(self) -> None:
        """Stops indexing, leaving a usable cache, and closes the video."""
        self.index.close()
        self.video.close()

    @property
    def has_subtitles(self) -> bool:
        """True if a subtitle file was given or the video carries a text stream, which a chosen sound track excludes."""
        return self._given is not None or (self._audio is None and self.video.info.subtitle_streams > 0)

    @property
    def speech_source(self) -> str:
        """Source of the speech in words, and the other sound tracks."""
        if self._given is not None:
            source = "subtitle file"
        elif self.has_subtitles:
            source = "subtitles in the video"
        elif not self.video.info.has_audio:
            source = "none: there is no sound"
        elif len(self._tracks) > 1:
            others = ", ".join(track.name for track in self._tracks if track is not self._heard_first)
            return f"{self._heard_first.name} (speech recognition); there is also {others}"
        else:
            source = "a sound track (speech recognition)"
        return source

    @property
    def needs_recognition(self) -> bool:
        """Whether there is sound of which nobody wrote down all that is said."""
        info = self.video.info
        return info.has_audio and (
            not self.has_subtitles or bool(self._written.find_untold(info.start_seconds, info.duration_seconds))
        )

    def find_speech(self, start_seconds: float = 0.0, stop_seconds: float = math.inf) -> Speech:
        """Every line said in a window, and what of it was not heard.

        Lines come from the subtitle file, else the video's subtitles, and from recognition, as far as time allows,
        where these don't tell what is said.
        """
        start_seconds = max(start_seconds, self.video.info.start_seconds)
        said = self._gather_speech((start_seconds, stop_seconds))
        lines = (x for x in said.lines if x.start_seconds < stop_seconds and x.stop_seconds > start_seconds)
        return replace(said, lines=tuple(lines))

    def find_known_speech(self) -> Speech:
        """Every line said that is written down or was heard before; nothing is recognised."""
        if not self._was_heard:
            return Speech(self._written.lines, self._written.gaps)
        with set_deadline(0.0):
            return self.find_speech()

    @property
    def is_speech_known(self) -> bool:
        """Whether what is said is written down, or was heard before; and for a video without sound."""
        info = self.video.info
        return (
            not info.has_audio
            or self._was_heard
            or not self._written.find_untold(info.start_seconds, info.duration_seconds)
        )

    @property
    def _was_heard(self) -> bool:
        return any((find_cache_root(self.cache) / self.video.content_hash).glob("speech-*.json"))

    def _gather_speech(self, window: tuple[float, float]) -> Speech:
        written, info = self._written, self.video.info
        untold = written.find_untold(info.start_seconds, info.duration_seconds) if info.has_audio else ()
        wanted = [(max(a, window[0]), min(b, window[1])) for a, b in untold if a < window[1] and b > window[0]]
        lines, gaps = written.lines, written.gaps
        unheard: tuple[tuple[float, float], ...] = ()
        for one in wanted:
            try:
                heard = self._hear_tracks(one)
            except MissingPartError as error:
                if not written.lines:
                    raise
                heard = Speech(gaps=(f"the sound was not heard ({error})",), unheard=(one,))
            lines = tuple(merge_lines(heard.lines, lines))
            gaps, unheard = (*gaps, *heard.gaps), (*unheard, *heard.unheard)
        return Speech(lines, tuple(dict.fromkeys(gaps)), unheard)

    @cached_property
    def _written(self) -> Subtitles:
        """The subtitle file, else the video's own subtitles, which a chosen sound track excludes."""
        if self._given is not None:
            return self._given
        info = self.video.info
        if self._audio is not None or not (info.has_audio or info.subtitle_streams or info.unread_subtitles):
            return Subtitles()
        return read_subtitle_streams(self.video, self._heard_first.language if self.video.info.has_audio else None)

    def _hear_tracks(self, window: tuple[float, float]) -> Speech:
        """Speech on the chosen sound track; else on the usual one, or on others where nobody speaks on that."""
        waiting = list(self._tracks)
        waiting.remove(self._heard_first)
        heard = self._hear(self._heard_first, window)
        while self._audio is None and waiting and all(is_doubtful(line) for line in heard.lines) and not is_time_up():
            other = self._hear(waiting.pop(0), window)
            heard = Speech((*heard.lines, *other.lines), (*heard.gaps, *other.gaps), heard.unheard)
        lines = tuple(sorted(heard.lines, key=lambda line: line.start_seconds))
        unheard = tuple(f"{track.name} was not heard" for track in waiting)
        return Speech(lines, (*heard.gaps, *unheard), heard.unheard)

    def _hear(self, track: SoundTrack, window: tuple[float, float]) -> Speech:
        is_usual = track is self._tracks[0]
        with self._lock:
            listener = self._given_recogniser or self._recogniser
        found = listener.hear(
            self.video, None if is_usual else track, self._report_heard, cache=self.cache, window=window
        )
        name = "" if is_usual else track.name
        return Speech(tuple(replace(line, track=name) for line in found.lines), found.gaps, found.unheard)

    def find_sounds(self, start_seconds: float, stop_seconds: float) -> SoundEvents:
        """Every stretch of speech, singing and music in a window of the sound track, as far as time allows to hear."""
        if not self.video.info.has_audio:
            return SoundEvents()
        track = self._heard_first
        with self._lock:
            listener = self._given_sound_listener or self._sound_listener
        found = listener.hear(
            self.video,
            None if track is self._tracks[0] else track,
            self._report_heard,
            cache=self.cache,
            window=(start_seconds, stop_seconds),
        )
        others = (f"{other.name} was not heard" for other in self._tracks if self._audio is None and other is not track)
        return replace(found, gaps=(*found.gaps, *others))

    def _report_heard(self, seconds: float, all_seconds: float) -> None:
        self.on_progress(IndexProgress("speech", round(seconds), round(all_seconds), None))

    @property
    def _heard_first(self) -> SoundTrack:
        return next(track for track in self._tracks if self._audio in (None, track.number))

    @cached_property
    def _tracks(self) -> tuple[SoundTrack, ...]:
        """The sound tracks, the usual one first."""
        return list_sound_tracks(self.video.path) if self.video.info.has_audio else ()

    def get_reader(self) -> TextReader:
        """The reader of screen text."""
        with self._lock:
            return open_text_reader()

    @property
    def captioner_spec(self) -> str:
        """Spec of the captioner's model; empty without one."""
        return "" if self.caption_model is None else self.caption_model.spec

    @property
    def captions_identity(self) -> str:
        """Name that captions are kept under; empty for a captioner of the user's own, of which it is not known."""
        if self.caption_model is not None:
            return self.caption_model.identity
        if self._given_captioner is not None:
            return ""
        return "packaged-1" if is_installed("rapidocr") else "packaged-1-without-text"

    @property
    def has_speech(self) -> bool:
        """True if there may be speech: a subtitle file, subtitles in the video, or sound."""
        return self.has_subtitles or self.video.info.has_audio or self.video.info.unread_subtitles > 0

    @property
    def has_captioner(self) -> bool:
        """True if a captioner was given, in place of the packaged one."""
        return self.caption_model is not None or self._given_captioner is not None

    def get_captioner(self) -> Captioner:
        """The captioner without a model: the one that was given, else the packaged one."""
        with self._lock:
            return self._given_captioner or self._captioner

    @property
    def has_detector(self) -> bool:
        """Whether things can be detected: `agent pull` has fetched the detector, or one was given."""
        return self._given_detector is not None or is_detector_here()

    def find_things(self, name: str, start_seconds: float, stop_seconds: float) -> FoundThings:
        """The things of a class of the detector in a window, as far as time allows to look.

        Args:
            name: name of the class.
            start_seconds: start of the window.
            stop_seconds: end of the window, not included.

        Raises:
            MissingPartError: there is no detector.
        """
        detector = self._given_detector or open_detector()
        return self._things.find(detector.detect, name, start_seconds, stop_seconds)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embeddings of texts, (N, D) float32 unit rows; each text is encoded once, however often it is compared."""
        with self._meaning_lock:
            if len(self._meanings) > _MOST_REMEMBERED:
                self._meanings.clear()
            new = [text for text in dict.fromkeys(texts) if text not in self._meanings]
            for start in range(0, len(new), _ENCODED_AT_ONCE):
                batch = new[start : start + _ENCODED_AT_ONCE]
                self._meanings.update(zip(batch, self._encoder.encode_texts(batch), strict=True))
            return np.stack([self._meanings[text] for text in texts])

    @cached_property
    def _recogniser(self) -> SpeechRecogniser:
        return open_recogniser(threads=min(2, choose_thread_count()))

    @cached_property
    def _sound_listener(self) -> SoundListener:
        return SoundListener()

    @cached_property
    def _captioner(self) -> Captioner:
        return PackagedCaptioner(self.get_reader)
