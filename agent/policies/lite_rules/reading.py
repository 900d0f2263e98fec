"""Parses a question: where in time it points, which senses it needs, what kind of thing answers it.

Rules over words, those of each language from its table (`languages`), those for questions with options in English only.
They know nothing of any video.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from agent.policies.lite_rules.languages import Language, detect_language, load_languages, split_joined
from agent.policies.lite_rules.pieces.forms import ValueType
from agent.policies.lite_rules.presence.sound_questions import SoundQuestion, parse_sound_question
from agent.policies.lite_rules.presence.thing_questions import ThingQuestion, parse_thing_question
from agent.policies.lite_rules.words import (
    STOP_WORDS,
    extract_content_words,
    parse_count,
    parse_number,
    split_elision,
    split_words,
)
from agent.trajectory import Question
from tools.vision.colours import find_colour_words

Wants = Literal[
    "interval", "order", "colour", "place", "yes or no", "orientation", "time", "times", "date", "number", "version",
    "name", "words", "thing", "errors", "sound", "length", "size", "recorded", "transcript", "statement", "summary",
    "moment", "texts", "exists", "clock", "file", "email", "website", "price", "job", "person", "location", "unread",
]  # fmt: skip
"""Kind of answer that a question wants; `unread` where its language has no rules here."""
Sense = Literal["speech", "text", "picture"]

# possessive quantifiers: no backtracking into a number or the spaces behind it, with which long runs of digits or
# spaces would take the square of their length
_N = r"(?<!\d)(\d++(?:\.\d++)?)"
_SECONDS = r"\s*+(?:(?:s|secs?|seconds?|sekunden?|segundos?|secondes?|секунд\w?)\b|秒)"
_MINUTES = r"\s*+(?:(?:m|mins?|minutes?|minuten?|minutos?|минут\w?)\b|分钟?)"
_CLOCK = r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?"
_BETWEEN = re.compile(rf"\b(?:between|from)\s+{_N}(?:{_SECONDS})?\s*+(?:and|to|-|–)\s*+{_N}{_SECONDS}", re.I)
_RANGE = re.compile(rf"{_N}\s*+(?:s|seconds?)?\s*+(?:-|–|to)\s*+{_N}{_SECONDS}", re.I)
_MINUTES_SECONDS = re.compile(rf"{_N}{_MINUTES}(?:\s*+(?:and\s*+)?{_N}{_SECONDS})?", re.I)
_JUST_SECONDS = re.compile(rf"{_N}{_SECONDS}", re.I)
_AT_CLOCK = re.compile(rf"(?<![\d:\"“'‘«]){_CLOCK}(?![\d:])")
_FIRST_LAST = re.compile(rf"\b(first|last|final|opening)\s+{_N}{_SECONDS}", re.I)

_EARLY = re.compile(
    r"\b(?:at the (?:very )?(?:start|beginning|outset)|in the (?:very )?(?:beginning|opening)|early in|"
    r"right at the start|first (?:few )?(?:moments?|seconds?|frames?)|opening seconds?)\b",
    re.I,
)
_LATE = re.compile(
    r"\b(?:(?:near|towards?|at|by) the (?:very )?end|in the end|very last|"
    r"(?:last|final) (?:seconds?|moments?|frames?)|closing)\b",
    re.I,
)
_SHOT = re.compile(
    r"\b(first|opening|second|third|fourth|fifth|last|final|closing),? (?:\w+ )??"
    r"(?:slide|shot|scene|card|page|screen|picture)\b",
    re.I,
)
_SHOT_NUMBERS = {"first": 1, "opening": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_WRITTEN = (
    r"\b(?i:words?|texts?|letters|lettering|titles?|captions?|signs?|labels?|labell?ed|headings?|headlines?|inscription)"
    r"(?i:\s+(?:(?:that|which)\s+)?(?:says?|reads?|saying|reading))?"
)
_CAPITALS = r"(?=[A-Z0-9'’& -]{3})([A-Z][A-Z0-9'’&-]+(?:\s+[A-Z][A-Z0-9'’&-]+)*)(?!\w)"
_FOREIGN = r"[^\s\u0000-\u024f\u1e00-\u1eff\u2000-\u206f\u3000-\u303f\uff00-\uff20]"
"""A letter of a script that an English question is not written in."""
_NAMED = re.compile(
    _WRITTEN + rf"\s+(?:[\"“‘'«]([^\"”’'»]{{2,60}})[\"”’'»]|{_CAPITALS}|({_FOREIGN}+(?: {_FOREIGN}+)*))"
)
_ASKED = frozenset("colour color number interval second seconds time times often order kind exactly".split())
_HOW_OFTEN = re.compile(r"\bhow (?:many (?:different |separate )?times|often)\b", re.I)
_EDGES: tuple[Literal["first", "last"], ...] = ("first", "last")
_SPOKEN = ("transcript", "statement")
_OF_THE_FILE = ("length", "size", "recorded")
_WORDED = frozenset("number email website version date name words clock file price job person location".split())
"""Kinds of answer that words in a video can give."""
_SUBTITLES = re.compile("subt[ií]t|untertitel|sous-titre|субтитр|字幕", re.I)
"""Subtitles, which are text in the picture, or come with the file and count as speech."""
_PLACES = ("left", "right", "top", "bottom", "above", "below", "corner", "centre", "center", "middle", "upper", "lower")


@dataclass(frozen=True)
class AskedSpan:
    """A half-open span [start, stop) that a question asks about, in seconds."""

    start_seconds: float
    stop_seconds: float


@dataclass(frozen=True)
class ParsedQuestion:
    """A question, parsed by rules."""

    question: Question
    wants: Wants
    senses: tuple[Sense, ...]
    """Senses that can answer, the likeliest first; one alone where the question names it for certain."""
    span: AskedSpan | None
    """Seconds that the question points at; None for anywhere."""
    instant: float | None
    """Second that the question names; None without one."""
    subject: str
    """Search query: the question's content words, without times and without what is asked of them."""
    edge: Literal["first", "last"] | None
    """Whether the first or the last of several moments is meant."""
    shot: int | None
    """Number of the shot (slide, scene) that the question names, from 1, or -1 for the last one; None without one."""
    option_spans: tuple[AskedSpan, ...]
    """Seconds of each option of an interval question; else empty."""
    language: Language
    asked: tuple[str, ...]
    """Words of the question that carry meaning."""
    is_sense_named: bool
    """Whether the question says that something is to be heard or to be read."""
    places: tuple[str, ...]
    """Places in the picture that the question names: left, right, top, bottom."""
    colours: tuple[str, ...]
    """Colours that the question names, in English."""
    sound: SoundQuestion | None
    """What the question asks of speech, singing and music as sounds; None where it asks for anything else."""
    value_type: ValueType | None
    """Type of the value that it asks for; None where it asks for no value, or for any time."""
    thing: ThingQuestion | None
    """What the question asks of a class of things that a detector knows; None where it asks for anything else."""


def read_question(question: Question, duration_seconds: float, start_seconds: float = 0.0) -> ParsedQuestion:
    """Parses a question about a video.

    Args:
        question: the question.
        duration_seconds: second at which the video ends.
        start_seconds: second at which it begins.
    """
    text, language = question.text, detect_language(question.text)
    option_spans = _parse_option_spans(question.options, duration_seconds)
    span, instant = _find_asked_time(text, start_seconds, duration_seconds)
    wants = _classify_wants(question, option_spans, language, has_time=span is not None)
    if wants == "time":  # a clock's value in the question is not a time of the video
        span, instant = _find_asked_time(_AT_CLOCK.sub(" ", text), start_seconds, duration_seconds)
    sound = None
    if language is not None and (not question.options or wants in ("interval", "yes or no")):
        sound = parse_sound_question(
            text.casefold(), extract_subject(text.casefold()), language, is_choice=wants == "yes or no"
        )
        wants = "sound" if sound is not None and not question.options else wants
    language = language or load_languages()["en"]
    senses, is_named = _choose_senses(text, wants, language, question.options)
    return ParsedQuestion(
        question,
        wants,
        senses,
        span,
        instant,
        extract_subject(text),
        next((edge for edge in _EDGES if language.edges[edge].search(text)), None),
        _find_shot(text),
        option_spans if wants == "interval" else (),
        language,
        _find_asked_words(text, language),
        is_named,
        tuple(place for place, pattern in language.places.items() if pattern.search(text)),
        find_colour_words(text) or tuple(name for name, word in language.colours.items() if word.search(text)),
        sound,
        _find_value_type(text, wants, language),
        None if sound is not None or is_named else parse_thing_question(text, extract_subject(text), question.options),
    )


def _find_asked_words(text: str, language: Language) -> tuple[str, ...]:
    words, known = split_words(extract_subject(text)), language.function_words | STOP_WORDS
    bare = [rest if elided.casefold() in known else word for word in words for elided, rest in [split_elision(word)]]
    # of several moments the first or last is meant: that it stands in a line says nothing
    asked = (word for word in bare if not any(edge.fullmatch(word) for edge in language.edges.values()))
    return tuple(word for word in asked if not known.issuperset(split_joined(word.casefold())))


def extract_subject(text: str) -> str:
    """The content words of a question, without the times in it."""
    text = re.sub(r"\([^()]*\)", " ", _remove_times(text))
    return " ".join(word for word in extract_content_words(text) if word.casefold() not in _ASKED)


def _remove_times(text: str) -> str:
    for pattern in (_BETWEEN, _RANGE, _MINUTES_SECONDS, _JUST_SECONDS, _AT_CLOCK):
        text = pattern.sub(" ", text)
    return text


def find_written_text(text: str) -> str | None:
    """The words, quoted or in capitals, that a question or an option says are written somewhere; None without any."""
    match = _NAMED.search(text)
    return None if match is None else match[1] or match[2] or match[3]


def parse_span(text: str, duration_seconds: float) -> AskedSpan | None:
    """The seconds that a phrase such as `20-30 s`, `at about 1.5 s` or `1:05` names; None without any."""
    if (match := _RANGE.search(text) or _BETWEEN.search(text)) is not None:
        return AskedSpan(float(match[1]), float(match[2]))
    instant = _find_instant(text)
    if instant is None and (match := re.fullmatch(rf"\D{{0,12}}{_CLOCK}\D{{0,3}}", text.strip())) is not None:
        instant = _compute_clock_seconds(match[1], match[2], match[3])
    if instant is None or instant > duration_seconds + 1:
        return None
    return AskedSpan(max(0.0, instant - 0.5), instant + 0.5)


def _parse_option_spans(options: tuple[str, ...], duration_seconds: float) -> tuple[AskedSpan, ...]:
    spans = [parse_span(option, duration_seconds) for option in options]
    found = [span for span in spans if span is not None]
    return tuple(found) if options and len(found) == len(options) else ()


def _find_asked_time(text: str, first: float, end: float) -> tuple[AskedSpan | None, float | None]:
    """The span and the instant that a text names in a video from second `first` to `end`."""
    length = end - first
    if (match := _BETWEEN.search(text) or _RANGE.search(text)) is not None:
        return _clip_span(float(match[1]), float(match[2]), first, end), None
    if (match := _FIRST_LAST.search(text)) is not None:
        seconds = float(match[2])
        if match[1].casefold() in ("first", "opening"):
            return _clip_span(first, first + seconds, first, end), None
        return _clip_span(end - seconds, end, first, end), None
    if (instant := _find_instant(text)) is not None and first <= instant <= end:
        slack = 0.5 if re.search(r"exactly|precisely|after the start", text, re.I) else 1.5
        return _clip_span(instant - slack, instant + max(slack, 1.0), first, end), instant
    if re.search(r"\bvery last (?:second|frame|moment)", text, re.I):
        return _clip_span(end - 1.0, end, first, end), None
    if _LATE.search(text):
        return _clip_span(first + length * 0.75, end, first, end), None
    if _EARLY.search(text):
        return _clip_span(first, first + max(2.0, length * 0.3), first, end), None
    return None, None


def _clip_span(start: float, stop: float, first: float, end: float) -> AskedSpan:
    start = min(max(first, start), max(first, end - 0.1))
    return AskedSpan(start, max(start + 0.1, min(stop, end)))


def _find_instant(text: str) -> float | None:
    if (match := _AT_CLOCK.search(text)) is not None:
        return _compute_clock_seconds(match[1], match[2], match[3])
    if (match := _MINUTES_SECONDS.search(text)) is not None:
        return float(match[1]) * 60 + float(match[2] or 0)
    if (match := _JUST_SECONDS.search(text)) is not None:
        return float(match[1])
    return None


def _compute_clock_seconds(first: str, second: str, third: str | None) -> float:
    if third is None:
        return int(first) * 60.0 + int(second)
    return int(first) * 3600.0 + int(second) * 60.0 + int(third)


def _find_shot(text: str) -> int | None:
    match = _SHOT.search(text)
    return None if match is None else _SHOT_NUMBERS.get(match[1].casefold(), -1)


def _classify_wants(
    question: Question, option_spans: tuple[AskedSpan, ...], language: Language | None, *, has_time: bool
) -> Wants:
    text = question.text.casefold()
    options = [option.casefold() for option in question.options]
    if option_spans and not re.search(r"\b(?:which|what) time\b", text):
        return "interval"
    if _HOW_OFTEN.search(text) and (not options or all(parse_count(option) is not None for option in options)):
        return "times"
    if options:
        return _classify_by_options(text, options)
    if language is None:
        return "unread"
    fitting = (wants for wants, pattern in language.wants.items() if pattern.search(text))
    wants = next((wants for wants in fitting if _may_want(wants, text, language, has_time=has_time)), "thing")
    is_read = wants in _SPOKEN and (_find_sayer(text, language) == "text" or _SUBTITLES.search(text))
    return "words" if is_read else wants  # type: ignore[return-value]


def _may_want(wants: str, text: str, language: Language, *, has_time: bool) -> bool:
    """Whether a question with the words for a kind of answer wants it: what happens, at a second; of the file, else
    naming nothing, since another thing has a length and a size of its own."""
    if wants not in _OF_THE_FILE:
        return wants != "moment" or has_time
    rest = language.film.sub(" ", language.wants[wants].sub(" ", text))
    return all((language.function_words | STOP_WORDS).issuperset(split_joined(word)) for word in split_words(rest))


def _find_value_type(text: str, wants: Wants, language: Language) -> ValueType | None:
    if wants in ("price", "date", "clock", "version", "email", "website"):
        return wants
    if wants != "number":
        return None
    kinds: Iterator[ValueType] = (kind for kind, pattern in language.values.items() if pattern.search(text))  # type: ignore[misc]
    return next(kinds, "number")


def _classify_by_options(text: str, options: list[str]) -> Wants:
    if all(set(split_words(o)) & {"portrait", "landscape", "square"} for o in options):
        return "orientation"
    if all(o.split(",")[0].split()[0] in ("yes", "no") for o in options if o.split()):
        return "yes or no"
    if all(o.count(",") >= 1 for o in options) or re.search(r"\b(?:comes?|shown|appears?|seen) first\b", text):
        return "order"
    if re.search(r"\bcolou?r", text) and all(find_colour_words(o) for o in options):
        return "colour"
    if (
        re.search(r"\b(?:where|corners?|quarters?|halves|half|side|direction|which (?:way|part))\b", text)
        and sum(any(place in split_words(o) for place in _PLACES) for o in options) > len(options) / 2
    ):
        return "place"
    return "thing"


def _choose_senses(
    text: str, wants: Wants, language: Language, options: tuple[str, ...]
) -> tuple[tuple[Sense, ...], bool]:
    """The senses that can answer, the likeliest first, and whether the question names the first of them."""
    speech, screen, written = (language.senses[name].search(text) for name in ("speech", "text", "written"))
    sayer = "speech" if "(speech)" in text.casefold() else _find_sayer(text, language)
    if sayer == "text" or (written and sayer is None):
        return ("text",), True
    if sayer == "speech" and wants != "person":  # who speaks may be shown
        return ("speech",), True
    if _SUBTITLES.search(text):
        return ("text", "speech"), True
    if sayer is not None or speech or wants in _SPOKEN:
        return ("speech", "text"), True
    if screen or wants in ("errors", "texts"):
        return ("text", "speech"), True
    senses: tuple[Sense, ...] = ("picture", "text", "speech")
    if not options and wants in _WORDED:
        senses = ("text", "speech", "picture")
    is_seen = language.senses["seen"].search(text) is not None  # what is merely spoken of need not be shown
    return tuple(sense for sense in senses if not (is_seen and sense == "speech")), False


def _find_sayer(text: str, language: Language) -> Literal["speech", "text"] | None:
    """The sense of what says something in a question for it: a sign is read, anyone else is heard; None if not told.

    It is named first, in all six languages, but for what stands right behind a question word, as in "which price does
    the sign say", and for a place.
    """
    senses = language.senses
    if not senses["saying"].search(text):
        return None
    text = re.sub(r"['’]|-(?:t-)?(?=(?:il|elle|on)\b)", " ", _remove_times(text).casefold())
    asks = senses["asks"].search(text)
    clause = text if asks is None else text[asks.end() :]
    parts = "|".join(senses[name].pattern for name in ("written", "saying", "lead", "at"))
    words = re.findall(rf"{parts}|\w", clause) if language.code == "zh" else split_words(clause)
    known = language.function_words | STOP_WORDS
    asked = list(takewhile(lambda word: word not in known and not _is_leading(word, language), words if asks else ()))
    is_named = is_place = False
    for word in words if asked and senses["written"].search(asked[-1]) else words[len(asked) :]:
        if _is_leading(word, language):
            if is_named and not is_place:
                break
            is_place = senses["at"].fullmatch(word) is not None or (is_place and not is_named)
            is_named = False
        elif word in known:
            return "speech"
        elif senses["written"].search(word):
            return "text"
        else:
            is_named = True
    return "speech" if is_named and not is_place else None


def _is_leading(word: str, language: Language) -> bool:
    """Whether a word names nobody who could say something."""
    is_known = any(language.senses[name].fullmatch(word) for name in ("lead", "at", "saying"))
    return is_known or _SUBTITLES.search(word) is not None


def count_asked_numbers(text: str) -> int:
    """The number of numbers that a question asks for, as in `which three numbers`; 1 if it does not say."""
    for before, after in zip(split_words(text), split_words(text)[1:], strict=False):
        if after.casefold() in ("numbers", "digits", "words") and (value := parse_number(before)) is not None:
            return int(value)
    return 1
