"""Short answers out of timed text: lines of screen text or speech in, ranked candidates out.

A line is judged by how much it shares with the question (words, and meaning where a text encoder is at hand), also
through its neighbours on the screen, since a label often stands beside what it labels. A candidate is judged by its
line, by its kind (a number for "how many") and by how near it stands to the question's words.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.lite.reading import Reading, asked_number_count, written_in
from agent.lite.words import (
    NUMBER_WORDS,
    STOP_WORDS,
    WORD,
    content_words,
    is_among,
    number,
    plain,
    stem,
    stems,
    words,
)
from tools.observation import Box

Similarity = Callable[[str, Sequence[str]], Sequence[float]]
"""Cosines between one text and several, -1..1."""

_DATE = re.compile(
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+\d{1,2}(?:st|nd|rd|th)?,?\s*\d{4}"
    r"|\b\d{1,2}(?:st|nd|rd|th)?\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,?\s*\d{4}"
    r"|\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[/.]\d{1,2}[/.]\d{2,4}\b",
    re.I,
)
_VERSION = re.compile(r"\bv?(\d+(?:\.\d+)+(?:[-.]?\w+)?)\b")
_CLOCK = re.compile(r"(?<![\d:])\d{1,2}:[0-5]\d(?::[0-5]\d)?(?![\d:])")
_QUOTED = re.compile(r"(?<!\w)[\"“‘'`«]([^\"”’'`»<>]{2,60})[\"”’'`»](?!\w)")
_CAPITALISED = re.compile(r"\b(?:[A-Z][\w-]+)(?:\s++(?:(?:of|the|de|and|&)\s*+)?[A-Z][\w-]+)*")
_FILE_NAME = re.compile(r"(?<![\w/@.])[\w-]+\.[a-z][a-z0-9]{1,4}\b(?![\w/@(])")
_AFTER_PREPOSITION = re.compile(
    r"\b(?:on|about|named|called|with|by|is|at|for|of)\s+((?:the\s+)?[\w-]+(?:\s+[\w-]+)?)$", re.I
)
_PROMPT = re.compile(r"^\s*(?:\$|>>>|#|%|[\w.~-]+@[\w.-]+[:~])")
_NUMBER = re.compile(r"(?<![\w.,:'-])\d+(?:,\d{3})*(?:\.\d+)?(?![\w:]|[.,]\d)")
_WORD_NUMBER = re.compile(r"\b(?:" + "|".join(NUMBER_WORDS) + r")\b", re.I)
_LIST = re.compile(r"(?<!\d)\d++(?:(?:\s*+[,;]\s*+|\s++)\d++){3,}")


@dataclass(frozen=True)
class Line:
    """Some text with its time, as a tool found it."""

    text: str
    start_seconds: float
    stop_seconds: float
    spoken: bool
    call_id: str
    score: float = 1.0
    box: Box | None = None
    """Where in the picture; None for speech."""

    @property
    def height(self) -> float:
        """Height of the text as a fraction of the picture; 0 for speech."""
        return self.box[3] - self.box[1] if self.box is not None else 0.0


@dataclass(frozen=True)
class Candidate:
    """A possible answer with the line that it was found in."""

    text: str
    line: Line
    score: float
    relevance: float
    """How much the line has to do with the question, 0..about 1.5."""


def relevances(reading: Reading, lines: Sequence[Line], similarity: Similarity | None) -> list[float]:
    """How much each line has to do with the question: its own words, its meaning, and its neighbours'."""
    asked = stems(content_words(reading.question.text))
    rarity = _rarity(lines)
    own = [_overlap(asked, line.text, rarity) for line in lines]
    if similarity is not None and lines:
        cosines = similarity(reading.subject or reading.question.text, [line.text for line in lines])
        own = [o + 0.5 * max(0.0, c) for o, c in zip(own, cosines, strict=True)]
    near = []
    for i, line in enumerate(lines):
        beside = [own[j] for j in (i - 1, i + 1) if 0 <= j < len(lines) and _together(line, lines[j])]
        near.append(max([own[i], *(0.6 * value for value in beside)]))
    return near


def candidates(reading: Reading, lines: Sequence[Line], similarity: Similarity | None) -> list[Candidate]:
    """Possible short answers, best first."""
    found = []
    for line, relevance in zip(lines, relevances(reading, lines, similarity), strict=True):
        for text, bonus in _in_line(reading, line):
            score = relevance + bonus + 0.2 * line.score + _nearness(reading, line.text, text) - _echo(reading, text)
            found.append(Candidate(text, line, score, relevance))
    return sorted(found, key=lambda c: -c.score)


def mentions(option: str, lines: Iterable[Line]) -> list[tuple[Line, float]]:
    """The lines that mention an option, with the share of its content words in them, best first."""
    wanted = _canonical(option)
    if not wanted:
        return []
    found = [(line, _share(wanted, option, line.text)) for line in lines]
    return sorted(((line, share) for line, share in found if share >= 0.5), key=lambda pair: -pair[1])


def _share(wanted: set[str], option: str, text: str) -> float:
    squeezed = plain(option).replace(" ", "")
    # OCR may drop the spaces between words
    if len(squeezed) >= 5 and squeezed in plain(text).replace(" ", ""):
        return 1.0
    return len(wanted & _canonical(text)) / len(wanted)


def _canonical(text: str) -> set[str]:
    kept = [w for w in words(text) if w.casefold() not in STOP_WORDS or number(w) is not None]
    return {str(value) if (value := number(w)) is not None else stem(w) for w in kept}


def _together(first: Line, second: Line) -> bool:
    """True for lines on screen at the same time, or sentences that follow one another."""
    if first.spoken != second.spoken:
        return False
    slack = 0.5 if first.spoken else -1e-6
    return first.start_seconds <= second.stop_seconds + slack and second.start_seconds <= first.stop_seconds + slack


def _rarity(lines: Sequence[Line]) -> dict[str, float]:
    """Weight of each stem: 1 if it stands in a single line, less for common ones (inverse document frequency)."""
    counts: dict[str, int] = {}
    for line in lines:
        for item in stems(words(line.text)):
            counts[item] = counts.get(item, 0) + 1
    most = math.log(1 + len(lines))
    return {item: math.log((1 + len(lines)) / count) / most for item, count in counts.items()} if most else {}


def _overlap(asked: set[str], text: str, rarity: dict[str, float]) -> float:
    if not asked:
        return 0.0
    shared = {stem(word) for word in words(text) if is_among(word, asked)}
    return sum(max(0.2, rarity.get(item, 1.0)) for item in shared) / math.sqrt(len(asked))


def _in_line(reading: Reading, line: Line) -> list[tuple[str, float]]:
    """Candidates of the wanted kind in one line, each with what its form is worth."""
    text = line.text
    match reading.wants:
        case "date":
            return [(m.group(), 1.0) for m in _DATE.finditer(text)]
        case "version":
            return [(m.group(1), 0.5) for m in _VERSION.finditer(text)]
        case "number":
            return _numbers(reading, text)
        case "name":
            return _names(text)
        case "words" | "time":
            if re.search(r"\b(?:which|what) time\b", reading.question.text, re.I):
                return [(m.group(), 0.5) for m in _CLOCK.finditer(text)]
            return [(text.strip(), 0.1 + min(0.3, 2 * line.height) + 0.02 * min(len(words(text)), 6))]
        case _:
            return [*_names(text), (text.strip(), 0.05)]


def _numbers(reading: Reading, text: str) -> list[tuple[str, float]]:
    count = asked_number_count(reading.question.text)
    found = sorted((m.start(), m.group()) for p in (_NUMBER, _WORD_NUMBER) for m in p.finditer(text))
    if count > 1:
        runs = [found[i : i + count] for i in range(len(found) - count + 1)]
        return [(", ".join(item for _, item in run), 1.0) for run in runs]
    question = reading.question.text
    if re.search(r"\blist|sequence|series|order\b", question, re.I) and (m := _LIST.search(text)) is not None:
        numbers = re.findall(r"\d+", m.group())
        return [(numbers[-1] if reading.edge == "last" else numbers[0], 0.8)]
    typed = _PROMPT.match(text) and re.search(r"\bprint|output|result|return", question, re.I)
    dates = [m.span() for m in _DATE.finditer(text)]
    return [
        (item, -1.0 if typed else 0.1 + _unit_bonus(question, text[at + len(item) :]))
        for at, item in found
        if not any(start <= at < stop for start, stop in dates)
    ]


def _unit_bonus(question: str, after: str) -> float:
    """What it is worth that the word after the number is the one that "how many" asks about."""
    match = re.search(r"\bhow (?:many|much)\s+(\w+)", question, re.I)
    following = [stem(word) for word in words(after)[:2]]
    return 0.5 if match is not None and stem(match[1]) in following else 0.0


def _names(text: str) -> list[tuple[str, float]]:
    found = [(m.group(1), 0.6) for m in _QUOTED.finditer(text)]
    found += [(m.group(), 0.5) for m in _FILE_NAME.finditer(text)]
    found += [(m.group(), 0.3) for m in _CAPITALISED.finditer(text) if m.group().casefold() not in STOP_WORDS]
    if (match := _AFTER_PREPOSITION.search(text.strip().rstrip(".!?"))) is not None:
        found.append((match.group(1), 0.35 if match.group(1)[0].isupper() else 0.1))
    if len(words(text)) == 1:
        found.append((text.strip(), 0.1))
    return found


def _nearness(reading: Reading, text: str, candidate: str) -> float:
    """0..0.5: how near in the line the candidate stands to a word of the question."""
    at = text.find(candidate.split(",")[0])
    asked = stems(content_words(reading.question.text))
    distances = [
        len(words(text[min(m.end(), at) : max(m.start(), at)]))
        for m in WORD.finditer(text)
        if is_among(m.group(), asked)
    ]
    return 0.5 * math.exp(-min(distances) / 3) if distances and at >= 0 else 0.0


def _echo(reading: Reading, candidate: str) -> float:
    """What it costs that a candidate only says again what the question says."""
    named = written_in(reading.question.text)
    if named is not None and plain(named) == plain(candidate):
        return 1.0
    if reading.wants == "words":
        return 0.0
    mine = stems(words(candidate))
    said = stems(words(reading.question.text))
    return 1.0 * len(mine & said) / len(mine) if mine and mine <= said else 0.0
