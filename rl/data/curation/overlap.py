"""Overlap of training questions with benchmarks: the same words, the same file, or nearly the same pictures.

Videos are compared as in VideoKR (A.5): a 64-bit perceptual hash of a frame a second, aligned windows of 20 frames of
which 70 % must be near. Near is here a distance of 10 bits: the 30 of the paper is what unlike pictures have by chance
(32 on average), and would call any two videos the same (`rl/LOG.md`).
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from agent.trajectory import Question
from evals.datasets.dataset import DatasetEntry, QuestionSet
from tools.cache import find_cache_root, keep, load_kept
from tools.video.source import VideoSource
from tools.video.video import VideoError

WORDS = 8
"""Words of an n-gram."""
LEAST_SHARE = 0.5
"""Share of a question's n-grams from which on it counts as one of the benchmark's. Picked by eye: ways of asking are
shared by many questions, and what is asked is not."""
NEAR_BITS = 10
"""Distance of two hashes, of 64 bits, up to which their pictures are near."""
WINDOW_FRAMES, WINDOW_SHARE = 20, 0.7
"""Aligned frames of a window, and the share of them that must be near."""
_FEWEST_FRAMES = 3
"""Hashed frames that a video needs to be compared."""
_SIDE, _LOW = 32, 8
"""Side of the picture that is transformed, and of the low frequencies that are kept."""
_LEAST_SPREAD = 4.0
"""Standard deviation of grey levels below which a picture is too flat for a hash."""
_BANDS = 4
"""Pieces of a hash by which videos are looked up."""
_YOUTUBE = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9_-]{11}")

_FOLDER = "perceptual-hashes"
"""Folder in the cache."""
_KEPT = TypeAdapter(list[int])

Hashes = NDArray[np.uint64]
"""Perceptual hashes of a video's frames, (N,) uint64, one a second."""


def split_ngrams(question: Question) -> frozenset[str]:
    """The n-grams of a question's words with its options; all its words as one where they are fewer."""
    words = re.findall(r"\w+", " ".join((question.text, *question.options)).casefold())
    return frozenset(" ".join(words[i : i + WORDS]) for i in range(max(1, len(words) - WORDS + 1)))


class QuestionIndex:
    """Finds questions that have the words of a benchmark's."""

    def __init__(self) -> None:
        self._places: dict[str, set[tuple[str, str]]] = defaultdict(set)

    def add(self, benchmark: str, question: Question) -> None:
        """Adds a question of a benchmark."""
        for ngram in split_ngrams(question):
            self._places[ngram].add((benchmark, question.id))

    def find(self, question: Question) -> str | None:
        """Benchmark and id of the question that shares the most n-grams; None where that are too few."""
        ngrams = split_ngrams(question)
        shared: dict[tuple[str, str], int] = defaultdict(int)
        for ngram in ngrams:
            for place in self._places.get(ngram, ()):
                shared[place] += 1
        most = max(shared, key=lambda place: (shared[place], place), default=None)
        if most is None or shared[most] < LEAST_SHARE * len(ngrams):
            return None
        return f"{most[0]}, question {most[1]}"


def hash_frames(video: VideoSource) -> Hashes:
    """The perceptual hashes of a video, one a second, without pictures that are all but one colour."""
    times = np.arange(0.5, max(1.0, video.info.duration_seconds), 1.0)
    found = (hash_picture(frame.pixels) for frame in video.read([float(time) for time in times], max_height=120))
    return np.array([one for one in found if one is not None], np.uint64)


def hash_picture(pixels: NDArray[np.uint8]) -> int | None:
    """The perceptual hash of a picture: signs of its low frequencies about their median; None for a flat one."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    if float(small.std()) < _LEAST_SPREAD:
        return None
    low = cv2.dct(small)[:_LOW, :_LOW].ravel()
    bits = low > np.median(low[1:])
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def share_window(first: Hashes, second: Hashes, near_bits: int = NEAR_BITS) -> bool:
    """Whether two videos have a window of aligned frames most of which are near.

    Args:
        first: hashes of one video.
        second: hashes of the other one.
        near_bits: distance up to which two hashes are near.
    """
    length = min(WINDOW_FRAMES, len(first), len(second))
    if length < _FEWEST_FRAMES:
        return False
    near = np.bitwise_count(first[:, None] ^ second[None, :]) <= near_bits
    wanted = WINDOW_SHARE * length
    for offset in range(length - len(first), len(second) - length + 1):
        line = np.concatenate([[0], np.cumsum(np.diagonal(near, offset))])
        if (line[length:] - line[:-length]).max(initial=0) >= wanted:
            return True
    return False


class HashIndex:
    """Finds videos that show what one of a benchmark's shows."""

    def __init__(self) -> None:
        self._hashes: dict[str, Hashes] = {}
        self._bands: dict[tuple[int, int], set[str]] = defaultdict(set)

    def add(self, name: str, hashes: Hashes) -> None:
        """Adds a video of a benchmark by its name."""
        self._hashes[name] = hashes
        for band in _split_bands(hashes):
            self._bands[band].add(name)

    def find(self, hashes: Hashes) -> str | None:
        """Name of a video that shares a window; None without one."""
        alike = {name for band in _split_bands(hashes) for name in self._bands.get(band, ())}
        return next((name for name in sorted(alike) if share_window(hashes, self._hashes[name])), None)


def _split_bands(hashes: Hashes) -> Iterator[tuple[int, int]]:
    """Pieces of 16 bits with their places: near pictures have one in common in most frames of a window."""
    for number in range(_BANDS):
        for piece in np.unique((hashes >> np.uint64(16 * number)) & np.uint64(0xFFFF)):
            yield number, int(piece)


@dataclass(frozen=True)
class Benchmarks:
    """What training questions are held against."""

    questions: QuestionIndex
    videos: HashIndex
    names: Mapping[str, str]
    """Benchmark by the stem of a video that is called by its YouTube id."""
    unseen: int
    """Number of videos that are not at hand, and were not compared by their pictures."""


def read_benchmarks(sets: Iterable[QuestionSet], hashes_of: "HashesOf") -> Benchmarks:
    """Reads questions and videos of benchmarks, the videos as far as they are there."""
    questions, videos = QuestionIndex(), HashIndex()
    names: dict[str, str] = {}
    unseen = 0
    for one in sets:
        for entry in one.asking.entries:
            questions.add(one.name, entry.question)
        for entry in _list_videos(one.asking.entries):
            if is_youtube_id(stem := Path(entry.question.video).stem):
                names[stem] = one.name
            if (hashes := hashes_of(entry)) is None:
                unseen += 1
            else:
                videos.add(f"{one.name}, video {entry.source.name}", hashes)
    return Benchmarks(questions, videos, names, unseen)


def _list_videos(entries: Sequence[DatasetEntry]) -> list[DatasetEntry]:
    """An entry for each video."""
    return list({entry.source: entry for entry in entries}.values())


def is_youtube_id(stem: str) -> bool:
    """Whether a name looks like the id of a video at YouTube."""
    return _YOUTUBE.fullmatch(stem) is not None


class HashesOf:
    """Hashes of the videos of entries, each video decoded once, and kept by its content."""

    def __init__(self, scratch: Path) -> None:
        """Decodes nothing yet.

        Args:
            scratch: folder for files that opening a source writes.
        """
        self._scratch = scratch
        self._known: dict[object, Hashes | None] = {}

    def __call__(self, entry: DatasetEntry) -> Hashes | None:
        """The hashes of an entry's video; None where it can't be opened."""
        if entry.source not in self._known:
            self._known[entry.source] = self._hash(entry)
        return self._known[entry.source]

    def _hash(self, entry: DatasetEntry) -> Hashes | None:
        if entry.source.problem() is not None:
            return None
        try:
            video = entry.source.open(self._scratch).footage
        except (VideoError, ValueError):
            return None
        try:
            path = find_cache_root() / _FOLDER / f"{video.content_hash}.json"
            if (kept := load_kept(path, _KEPT)) is None:
                kept = [int(one) for one in hash_frames(video)]
                keep(path, kept)
            return np.array(kept, np.uint64)
        finally:
            video.close()
