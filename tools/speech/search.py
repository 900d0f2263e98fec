"""Ranks lines by a query: shared words and likeness of meaning together, a line read with its neighbours.

Words alone miss "automobile" for "car"; meaning alone ranks every line about the topic alike and misses names. What is
asked for is often said one line after the words of the question, so neighbours lend a line part of their score.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from tools.words import FUNCTION_WORDS, NUMBER_WORDS, root

NEIGHBOUR_SHARE = 0.35
"""Share of the better neighbour's score that is lent to a line."""
_NEIGHBOUR_LIMIT = 0.9
"""Share of a neighbour's score to which it lifts a line at most, so that the line never passes the neighbour."""
_STOP_WORDS = FUNCTION_WORDS | frozenset(
    "but mention mentioned said say saying says speak speaker speaks speech spoken talk talking talks video".split()
)


class TimedText(Protocol):
    """A text with its time: a line of speech, or of screen text."""

    @property
    def text(self) -> str:
        """The words of the line."""

    @property
    def start_seconds(self) -> float:
        """Second at which the line begins."""


LineT = TypeVar("LineT", bound=TimedText)


@dataclass(frozen=True)
class ScoredLine(Generic[LineT]):
    """A line and how well it fits the query, 0..1: the mean of both parts."""

    line: LineT
    score: float
    shared_words: float
    """Share of the query's words (rare ones count more) said in the line or beside it."""
    meaning: float | None
    """Cosine of query and line; None without a text encoder."""


def search_lines(
    lines: Sequence[LineT],
    query: str,
    encode_texts: Callable[[Sequence[str]], NDArray[np.float32]] | None = None,
    neighbour_share: float = NEIGHBOUR_SHARE,
) -> tuple[ScoredLine[LineT], ...]:
    """All lines with their scores, the best fit first.

    Args:
        lines: the lines.
        query: what to look for, in words.
        encode_texts: gives embeddings (N, D), unit rows; None compares words alone.
        neighbour_share: share of the better neighbour's score that is lent to a line; 0 where neighbours have nothing
            to do with one another.
    """
    if not lines:
        return ()
    overlap = _add_neighbours(_measure_word_overlap([line.text for line in lines], query), neighbour_share)
    meaning = None
    if encode_texts is not None:
        vectors = encode_texts([query, *(line.text for line in lines)])
        meaning = np.clip(vectors[1:] @ vectors[0], 0.0, 1.0).astype(np.float64)
    score = overlap if meaning is None else (overlap + _add_neighbours(meaning, neighbour_share)) / 2
    scored = [
        ScoredLine(line, float(score[i]), float(overlap[i]), None if meaning is None else float(meaning[i]))
        for i, line in enumerate(lines)
    ]
    return tuple(sorted(scored, key=lambda found: (-found.score, found.line.start_seconds)))


def extract_stems(text: str) -> list[str]:
    """Stems of the words of a text without stop words, small numbers as digits."""
    words = re.findall(r"[^\W_]+", text.lower().replace("'s ", " "))
    return [root(str(NUMBER_WORDS.get(word, word))) for word in words if word not in _STOP_WORDS]


@lru_cache(maxsize=200_000)
def _cache_stems(text: str) -> frozenset[str]:
    """Stems of a line, cached since every query compares them again."""
    return frozenset(extract_stems(text))


def _measure_word_overlap(texts: Sequence[str], query: str) -> NDArray[np.float64]:
    """Share of the query's words in each text, weighted by how rare each is among the texts; (N,) float64 0..1."""
    wanted = set(extract_stems(query))
    said = [_cache_stems(text) for text in texts]
    counts = Counter(stem for stems_said in said for stem in stems_said)
    weights = {stem: math.log(1 + len(texts) / (1 + counts[stem])) + 0.1 for stem in wanted}
    total = sum(weights.values())
    if not total:
        return np.zeros(len(texts))
    return np.array([sum(weights[stem] for stem in wanted & stems_said) / total for stems_said in said])


def _add_neighbours(scores: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    padded = np.pad(scores, 1)
    beside = np.maximum(padded[:-2], padded[2:])
    return np.maximum(scores, np.minimum(scores + share * beside, _NEIGHBOUR_LIMIT * beside))
