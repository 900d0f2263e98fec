"""How much the words of a question and of a line have in common, in spelling and in meaning."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from agent.policies.lite_rules.lines import FoundLine, Similarity, compute_rarities
from agent.policies.lite_rules.reading import ParsedQuestion
from agent.policies.lite_rules.words import split_words
from tools.words import stem

_ALIKE = 0.5
"""Share of common pairs of letters above which two words are taken for alike."""
_FAR_WORDS = 3.0
"""Words over which the weight of an asked word beside a piece falls by e."""
_MEANING_SHARE, _NEIGHBOUR_SHARE = 0.5, 0.6  # weights in the relevance of a line: its cosine, its neighbours' relevance


def compute_relevances(
    reading: ParsedQuestion, lines: Sequence[FoundLine], similarity: Similarity | None
) -> list[float]:
    """The relevance of each line to the question: shared words, meaning, and that of its neighbours.

    Args:
        reading: the parsed question.
        lines: the lines.
        similarity: similarity of meaning; None where no text encoder is installed.
    """
    rarity = compute_rarities(lines)
    own = [compute_overlap(reading.asked, split_words(line.text), rarity) for line in lines]
    if similarity is not None and lines:
        cosines = similarity(reading.subject or reading.question.text, [line.text for line in lines])
        own = [o + _MEANING_SHARE * max(0.0, c) for o, c in zip(own, cosines, strict=True)]
    near = list[float]()
    for i, line in enumerate(lines):
        beside = [own[j] for j in (i - 1, i + 1) if 0 <= j < len(lines) and line.is_with(lines[j])]
        near.append(max([own[i], *(_NEIGHBOUR_SHARE * value for value in beside)]))
    return near


def compute_overlap(asked: Sequence[str], found: Sequence[str], rarity: Mapping[str, float]) -> float:
    """The overlap of a question's words with others, rare ones counting more, at least 0.

    Args:
        asked: words of the question.
        found: the other words.
        rarity: weight of each stem, 0..1.
    """
    best = (
        max((_compute_similarity(word, other) * max(0.2, rarity.get(stem(other), 1.0)) for other in found), default=0.0)
        for word in asked
    )
    return sum(best) / math.sqrt(len(asked)) if asked else 0.0


def compute_nearness(asked: Sequence[str], following: Sequence[str]) -> float:
    """How near each word of the question is among the words that follow, 0..1, added up."""
    return sum(
        max(
            (math.exp(-i / _FAR_WORDS) * _compute_similarity(word, found) for i, found in enumerate(following)),
            default=0.0,
        )
        for word in asked
    )


def compute_similarities(word: str, asked: Sequence[str]) -> list[float]:
    """The similarity in spelling of a word to each of several, 0..1."""
    return [_compute_similarity(word, other) for other in asked]


@lru_cache(100_000)
def _compute_similarity(word: str, other: str) -> float:
    """The similarity of two words: 1 for two forms of one word, less for words written alike (Dice of letter pairs)."""
    first, second = stem(word), stem(other)
    if first == second or (
        min(len(first), len(second)) >= 4 and (first.startswith(second) or second.startswith(first))
    ):
        return 1.0
    mine, others = _split_pairs(first), _split_pairs(second)
    share = 2 * len(mine & others) / (len(mine) + len(others))
    return share if share > _ALIKE and not (word.isdigit() or other.isdigit()) else 0.0


def _split_pairs(word: str) -> set[str]:
    return {a + b for a, b in zip(f" {word}", f"{word} ", strict=True)}
