"""Lines of text and speech with time and place, as tools find them, and how they match questions and options."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.policies.lite_rules.reading import AskedSpan
from agent.policies.lite_rules.words import STOP_WORDS, collect_stems, normalize, parse_number, split_words
from tools.observation import Box
from tools.words import stem

_LEAST_RUN_TOGETHER = 5
"""Letters of words without their spaces from which they are looked for inside others."""
_LEAST_JOINED = 4
"""Letters of a word that another one may follow without a space."""

Similarity = Callable[[str, Sequence[str]], Sequence[float]]
"""A function that gives the cosine of meaning, -1..1, between one text and each of several."""


@dataclass(frozen=True)
class FoundLine:
    """A line of screen text or speech, as a tool found it."""

    text: str
    start_seconds: float
    stop_seconds: float
    spoken: bool
    call_id: str
    score: float = 1.0
    box: Box | None = None
    """Place in the picture, fractions 0..1; None for speech."""
    is_doubtful: bool = False
    """Whether the text may be misread."""

    @property
    def sense(self) -> Literal["speech", "text"]:
        """Sense that found it."""
        return "speech" if self.spoken else "text"

    @property
    def height(self) -> float:
        """Height of the text as a fraction of the picture; 0 for speech."""
        return self.box[3] - self.box[1] if self.box is not None else 0.0

    def is_with(self, other: "FoundLine") -> bool:
        """Whether two lines are on screen at the same time, or are sentences that follow one another."""
        slack = 0.5 if self.spoken else -1e-6
        return (
            self.spoken == other.spoken
            and self.start_seconds <= other.stop_seconds + slack
            and other.start_seconds <= self.stop_seconds + slack
        )


def compute_rarities(lines: Iterable[FoundLine]) -> dict[str, float]:
    """The weight of each stem: 1 if it stands in a single text, less for common ones (inverse document frequency)."""
    texts = {line.text for line in lines}
    counts: dict[str, int] = {}
    for text in texts:
        for item in collect_stems(split_words(text)):
            counts[item] = counts.get(item, 0) + 1
    most = math.log(1 + len(texts))
    return {item: math.log((1 + len(texts)) / count) / most for item, count in counts.items()}


def find_mentions(option: str, lines: Iterable[FoundLine]) -> list[tuple[FoundLine, float]]:
    """The lines that mention an option, with the share of its content words in them, best first."""
    wanted = _collect_stems(option)
    if not wanted:
        return []
    found = [(line, _compute_share(wanted, option, line.text)) for line in lines]
    return sorted(((line, share) for line, share in found if share >= 0.5), key=lambda pair: -pair[1])


def _compute_share(wanted: set[str], option: str, text: str) -> float:
    return 1.0 if is_run_together(option, text) else len(wanted & _collect_stems(text)) / len(wanted)


def is_run_together(wanted: str, text: str) -> bool:
    """Whether a text has words with other spaces between them: OCR may drop some, also beside the words.

    A number, or a short word, must end where one of the text ends: `gate 1` is not in `gate 12`, nor `plan b` in
    `plan budget`.
    """
    words = normalize(wanted).split()
    sought, joined, edges = "".join(words), "", {0}
    for word in normalize(text).split():
        joined += word
        edges.add(len(joined))
    if not words:
        return False
    may_begin, may_end = (
        len(sought) >= _LEAST_RUN_TOGETHER and len(word) >= _LEAST_JOINED and not re.search(r"\d", word)
        for word in (words[0], words[-1])
    )
    start = joined.find(sought)
    while start >= 0:
        if (may_begin or start in edges) and (may_end or start + len(sought) in edges):
            return True
        start = joined.find(sought, start + 1)
    return False


def _collect_stems(text: str) -> set[str]:
    kept = [w for w in split_words(text) if w.casefold() not in STOP_WORDS or parse_number(w) is not None]
    return {str(value) if (value := parse_number(w)) is not None else stem(w) for w in kept}


def select_meant(lines: Sequence[FoundLine], instant: float | None, span: AskedSpan | None) -> list[FoundLine]:
    """The lines at the second or in the seconds that a question names; all lines if there are none there.

    Args:
        lines: lines to choose from.
        instant: the named second; None without one.
        span: the named seconds; None for any.
    """
    if instant is not None and (exact := [x for x in lines if x.start_seconds <= instant + 1e-3 < x.stop_seconds]):
        return exact
    if span is None:
        return list(lines)
    return [x for x in lines if _is_mostly_inside(x, span)] or list(lines)


def _is_mostly_inside(line: FoundLine, span: AskedSpan) -> bool:
    """Whether half of a line, or of a span, is shared: a line that just leaves as the span begins is not meant."""
    shared = min(line.stop_seconds, span.stop_seconds) - max(line.start_seconds, span.start_seconds)
    shorter = min(line.stop_seconds - line.start_seconds, span.stop_seconds - span.start_seconds)
    return shared > 0 and shared >= shorter / 2
