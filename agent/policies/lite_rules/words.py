"""Words and numbers of a text: content words, stems, numbers in words and digits, clock times."""

import re
import unicodedata
from collections.abc import Iterable

from tools.words import FUNCTION_WORDS, NUMBER_WORDS, stem

_ELISION = re.compile(r"([^\W\d_]+['’])(?=[haeiouyàâáèéêëìíîïòóôùúûœæ])(.+)", re.IGNORECASE | re.DOTALL)
_TIMES = {"never": 0.0, "once": 1.0, "twice": 2.0}
STOP_WORDS = FUNCTION_WORDS | frozenset(
    "about according after all am appear appears before being clip done down during film happen happens here him into "
    "may might must nor off one's onto out over picture s said say says see seen shall should show shown shows some t "
    "than then these those under up video visible while".split()
)

WORD = re.compile(r"[^\W_]+(?:['’.:,-][^\W_]+)*")
_CLOCK = re.compile(r"(?<![\d:])(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?![\d:])")
_NUMBER = re.compile(r"(?<![\w.,:])\d+(?:,\d{3})*(?:\.\d+)?(?![\w:]|[.,]\d)")


def split_words(text: str) -> list[str]:
    """The words and numbers of a text, as written, without punctuation around them."""
    return WORD.findall(text)


def split_elision(word: str) -> tuple[str, str]:
    """A word that lost its vowel before another one, with its apostrophe, and that other one: `d'` and `où` of `d'où`.

    Romance languages write so before a vowel or h, the other ones that have rules here do not; "" and the word itself
    for any other word.
    """
    match = _ELISION.fullmatch(word)
    return ("", word) if match is None else (match[1].replace("’", "'"), match[2])


def extract_content_words(text: str) -> list[str]:
    """The words of a text that are no stop words, in order."""
    return [word for word in split_words(text) if word.casefold() not in STOP_WORDS]


def collect_stems(texts: Iterable[str]) -> set[str]:
    """The set of the stems of words."""
    return {stem(text) for text in texts}


def parse_number(word: str) -> float | None:
    """The value of a number in digits or a word; None for another word."""
    if (value := NUMBER_WORDS.get(word.casefold())) is not None:
        return float(value)
    return float(word.replace(",", "")) if _NUMBER.fullmatch(word) else None


def parse_count(text: str) -> float | None:
    """The first number of a text, `once` and `twice` among them; None without one."""
    values = (_TIMES.get(word.casefold(), parse_number(word)) for word in split_words(text))
    return next((value for value in values if value is not None), None)


def parse_clock_seconds(text: str) -> float | None:
    """The value in seconds of the first mm:ss or h:mm:ss in a text; None without one."""
    if (match := _CLOCK.search(text)) is None:
        return None
    first, second, third = match.groups()
    if third is None:
        return int(first) * 60.0 + int(second)
    return int(first) * 3600.0 + int(second) * 60.0 + int(third)


_LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυχ", "ABESIJKMHOPCTYXaesijopcyxABEZHIKMNOPTYXaikvoptux"
)
"""Cyrillic and Greek letters, with the Latin ones that they look like."""


def to_latin_lookalikes(text: str) -> str:
    """A text in the Latin letters that it looks like, without accents: texts that look alike come out alike."""
    parts = unicodedata.normalize("NFKD", text.translate(_LOOKALIKES))
    return "".join(part for part in parts if not unicodedata.combining(part)).translate(_LOOKALIKES)


def normalize(text: str) -> str:
    """A text as casefolded words with single spaces, for comparison."""
    return " ".join(word.casefold() for word in split_words(text))
