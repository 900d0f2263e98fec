"""Recognises speech in the language that is spoken, also where it changes in the middle.

Whisper is told one language for all it hears and translates, or invents, what is in another. Here each window that it
has encoded is asked, in parts and for almost nothing, whether the language still fits; only where it doesn't is each
sentence asked by itself, and what is in another language recognised again in that one.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Samples a second, what Whisper takes."""
_WINDOW_SECONDS = 30.0
"""Length of the window that Whisper encodes at once."""
_PART_SECONDS = 5.0
"""Length of the parts of a window whose language is asked."""
_SHORTEST_PART_SECONDS = 2.0
"""Length from which the rest of a window is a part of its own."""
_ENCODED_A_SECOND = 50
"""Encoder states a second of sound (Radford et al. 2022, section 2.2)."""
_FITS = 0.35
"""Least probability of a window's language in every part of it. In sentences of espeak-ng it was 0.86 or more in the
language that was spoken and 0.12 or less in another."""
_SURE = 0.5
"""Probability from which a sentence's language is believed; whisper's own threshold."""
_CERTAIN = 0.8
"""Probability from which the language of the first window as a whole is believed; a less certain one is asked in parts.
Chosen, not fitted: of six voices of espeak-ng five were English with 0.63 to 0.90 and one was Thai with 0.55."""
_SENTENCE_SECONDS = 3.0
"""Length of sound from which its language can be told; shorter sentences are joined."""
_EDGE_SECONDS = 0.2
"""Sound before and after a sentence that is cut out with it."""


@dataclass(frozen=True)
class Heard:
    """A recognised segment of faster-whisper, with its language."""

    segment: Any
    offset_seconds: float
    """Second in the whole sound at which the piece begins that the segment's times count from."""
    language: str
    language_probability: float
    """Probability of the language in the most certain part of the window, 0..1, or on average where it was asked in
    parts."""

    @property
    def start_seconds(self) -> float:
        """Start of the segment in the whole sound."""
        return float(self.segment.start) + self.offset_seconds

    @property
    def stop_seconds(self) -> float:
        """End of the segment in the whole sound."""
        return float(self.segment.end) + self.offset_seconds


@dataclass(frozen=True)
class _SentenceRun:
    """Sentences in a row that are in one language."""

    heard: tuple[Heard, ...]
    language: str
    probability: float


class LanguageListener:
    """A loaded `WhisperModel` that follows the language. One call at a time a thread."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Loads the model as `faster_whisper.WhisperModel` does with these arguments."""
        from faster_whisper import WhisperModel  # type: ignore[import-untyped]

        encoded = threading.local()

        class Remembering(WhisperModel):  # type: ignore[misc]
            """Whisper that keeps the encoder states of its window: the language can be asked of any part of them."""

            def encode(self, features: Any) -> Any:
                encoded.last = super().encode(features)
                return encoded.last

        self._encoded = encoded
        self._model = Remembering(*arguments, **options)

    def listen(self, sound: NDArray[np.float32]) -> Iterator[Heard]:
        """Recognises mono sound (S,) at 16 kHz; gives segments in order of time."""
        at, language = 0, None
        while at < len(sound):
            resume: _SentenceRun | None = None
            for window in self._recognise_windows(sound[at:], at / SAMPLE_RATE, language):
                if self._fits(window):
                    yield from window
                    continue
                *runs, last = self._group_runs(sound, window)
                for run in runs:
                    yield from self._recognise_again(sound, run)
                if last.language != last.heard[0].language:
                    resume = last
                    break
                yield from last.heard
            if resume is None:
                return
            # what is in another language to the window's end may go on: listen on from there in that one
            start = max(at + 1, round((resume.heard[0].start_seconds - _EDGE_SECONDS) * SAMPLE_RATE))
            at, language = start, resume.language

    def _recognise_windows(
        self, sound: NDArray[np.float32], offset_seconds: float, language: str | None
    ) -> Iterator[list[Heard]]:
        """Recognises each window in `language`, or in that of the first window if None; gives its segments."""
        segments, info = self._transcribe(sound, language)
        asked = 0.0
        if language is None and info.language_probability < _CERTAIN:
            likeliest, mean = self._ask_language_in_parts(sound)
            if likeliest not in (None, info.language):
                segments, info = self._transcribe(sound, likeliest)
                asked = mean
        for place, group in groupby(segments, key=lambda segment: segment.seek):
            window: list[Heard] = []
            probability = 0.0
            for segment in group:
                if not window:  # before the next segment is asked for: it may encode the next window
                    content_seconds = min(_WINDOW_SECONDS, info.duration_after_vad - place / 100)
                    parts = self._parts(content_seconds, info.language)
                    whole = self._score_language(np.array(self._encoded.last), info.language)
                    probability = max([whole, *parts, asked if place == 0 else 0.0])
                    self._encoded.least = min(parts, default=1.0)
                window.append(Heard(segment, offset_seconds, info.language, probability))
            yield window

    def _transcribe(self, sound: NDArray[np.float32], language: str | None) -> tuple[Iterator[Any], Any]:
        """Segments of the sound, recognised as they are asked for, and what faster-whisper says of all of it."""
        found: tuple[Iterator[Any], Any] = self._model.transcribe(
            sound,
            language=language,
            beam_size=5,
            vad_filter=True,
            word_timestamps=True,
            # Conditioning on what was heard before turns one invention into a loop of them.
            condition_on_previous_text=False,
        )
        return found

    def _ask_language_in_parts(self, sound: NDArray[np.float32]) -> tuple[str | None, float]:
        """The language that is likeliest in parts of the first window, each heard by itself, and its mean probability.

        A whole window is sometimes taken for a language that none of its sentences is in.
        """
        from faster_whisper.vad import get_speech_timestamps  # type: ignore[import-untyped]

        spoken = [sound[part["start"] : part["end"]] for part in get_speech_timestamps(sound)]
        if not spoken:
            return None, 0.0
        window = np.concatenate(spoken)[: round(_WINDOW_SECONDS * SAMPLE_RATE)]
        count = max(1, round(len(window) / (_PART_SECONDS * SAMPLE_RATE)))
        probabilities = Counter[str]()
        for part in np.array_split(window, count):
            *_, ranked = self._model.detect_language(audio=part)
            probabilities.update(dict(ranked))
        language, total = probabilities.most_common(1)[0]
        return language, total / count

    def _parts(self, content_seconds: float, language: str) -> list[float]:
        """Probability of a language in each part of the window that was encoded last."""
        states = np.array(self._encoded.last)  # (1, 1500, D)
        found = []
        start = 0.0
        while start == 0.0 or content_seconds - start >= _SHORTEST_PART_SECONDS:
            stop = min(start + _PART_SECONDS, max(content_seconds, _SHORTEST_PART_SECONDS))
            part = states[:, round(start * _ENCODED_A_SECOND) : round(stop * _ENCODED_A_SECOND)]
            found.append(self._score_language(part, language))
            start += _PART_SECONDS
        return found

    def _score_language(self, states: NDArray[np.float32], language: str) -> float:
        """Probability 0..1 of a language in the sound that was encoded as these states (1, T, D)."""
        import ctranslate2  # type: ignore[import-untyped]

        if not self._model.model.is_multilingual:
            return 1.0
        ranked = self._model.model.detect_language(ctranslate2.StorageView.from_array(np.ascontiguousarray(states)))
        return float(dict(ranked[0]).get(f"<|{language}|>", 0.0))

    def _fits(self, window: Sequence[Heard]) -> bool:
        return bool(self._encoded.least >= _FITS)

    def _group_runs(self, sound: NDArray[np.float32], window: Sequence[Heard]) -> list[_SentenceRun]:
        """Groups a window's sentences by the language of each where that is certain, else the window's."""
        runs: list[_SentenceRun] = []
        for sentence in _join_sentences(window):
            used = sentence[0].language
            language, probability, _ = self._model.detect_language(audio=_cut(sound, sentence))
            if probability < _SURE:
                language = used
            last = runs[-1] if runs else None
            if last is not None and last.language == language:
                joined = max(last.probability, probability)
                runs[-1] = _SentenceRun((*last.heard, *sentence), language, joined)
            else:
                runs.append(_SentenceRun(sentence, language, probability))
        return runs

    def _recognise_again(self, sound: NDArray[np.float32], run: _SentenceRun) -> Iterator[Heard]:
        """Recognises a run again in its own language, where that is not the window's."""
        if run.language == run.heard[0].language:
            yield from run.heard
            return
        offset_seconds = max(0.0, run.heard[0].start_seconds - _EDGE_SECONDS)
        for window in self._recognise_windows(_cut(sound, run.heard), offset_seconds, run.language):
            yield from window


def _join_sentences(window: Sequence[Heard]) -> list[tuple[Heard, ...]]:
    """Joins segments until each group is long enough to tell its language."""
    sentences: list[tuple[Heard, ...]] = []
    for heard in window:
        if sentences and sentences[-1][-1].stop_seconds - sentences[-1][0].start_seconds < _SENTENCE_SECONDS:
            sentences[-1] = (*sentences[-1], heard)
        else:
            sentences.append((heard,))
    return sentences


def _cut(sound: NDArray[np.float32], heard: Sequence[Heard]) -> NDArray[np.float32]:
    start = max(0, round((heard[0].start_seconds - _EDGE_SECONDS) * SAMPLE_RATE))
    return sound[start : round((heard[-1].stop_seconds + _EDGE_SECONDS) * SAMPLE_RATE)]
