"""Normalises answer text to plain words, so that differently written equal answers become equal.

Case, punctuation, accents of typography and leading articles go; number words become digits; thousands lose their
separators; times lose leading zeros; a date in any usual order becomes year-month-day.
"""

import re
import unicodedata
from dataclasses import dataclass

from tools.words import NUMBER_WORDS

_UNITS = {word: number for word, number in NUMBER_WORDS.items() if number < 20}
_TENS = {word: number for word, number in NUMBER_WORDS.items() if 20 <= number < 100}
_SCALES = {word: number for word, number in NUMBER_WORDS.items() if number >= 100}
_ARTICLES = frozenset({"a", "an", "the"})
_MONTHS = {
    name: number
    for number, names in enumerate(
        "jan january|feb february|mar march|apr april|may|jun june|jul july|aug august|sep sept september|oct october|"
        "nov november|dec december".split("|"),
        start=1,
    )
    for name in names.split()
}
_MONTH = "|".join(sorted(_MONTHS, key=len, reverse=True))

FILLERS = frozenset(
    "a an the it its it's is are was were be been has have had this that there here he she they his her their of in on "
    "at to from by with for as says say said reads read shows show shown showing appears appear called named about "
    "answer which who what i you we can see seen exactly around approximately only just video frame screen".split()
)
"""Words that may surround an answer without adding another one."""

_DATES = (
    re.compile(rf"\b(?P<month>{_MONTH})\.?\s+(?P<day>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year>\d{{4}})\b"),
    re.compile(rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?(?P<month>{_MONTH})\.?,?\s+(?P<year>\d{{4}})\b"),
    re.compile(r"\b(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})\b"),
    re.compile(r"\b(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})\b"),
    # 7/14/2015 can only be a month first, 14/7/2015 only a day first; 7/8/2015 may be either and stays as it is
    re.compile(r"\b(?P<month>\d{1,2})/(?P<day>1[3-9]|2\d|3[01])/(?P<year>\d{4})\b"),
    re.compile(r"\b(?P<day>1[3-9]|2\d|3[01])/(?P<month>\d{1,2})/(?P<year>\d{4})\b"),
)
_DASHES = str.maketrans("\u2010\u2011\u2012\u2013\u2212", "-----")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])")
_WORD = re.compile(r"(?P<stop>[,;/|&\n]+)|(?P<word>(?<![\w.])-?\d+(?:[.:\-]\d+)*(?!\w)|%|[^\W_]+(?:'[^\W_]+)*)")


@dataclass(frozen=True)
class AnswerWord:
    """One normalised word of an answer."""

    text: str
    follows_break: bool = False
    """Whether a comma, slash or the like separates the word from the one before."""

    @property
    def is_number(self) -> bool:
        """Whether the word is a number, a time, a date or a version."""
        return self.text.lstrip("-")[:1].isdigit()


def split_words(text: str) -> list[AnswerWord]:
    """The normalised words of an answer, in order."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'").translate(_DASHES)
    plain = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), plain)
    for pattern in _DATES:
        plain = pattern.sub(_format_date, plain)
    words: list[AnswerWord] = []
    is_after_break = False
    for match in _WORD.finditer(plain):
        if match["stop"]:
            is_after_break = bool(words)
            continue
        words.append(AnswerWord(_normalise_word(match["word"]), is_after_break))
        is_after_break = False
    return _drop_articles(_convert_numbers(words))


def _format_date(match: re.Match[str]) -> str:
    month = match["month"]
    number = _MONTHS[month] if month in _MONTHS else int(month)
    if not (1 <= number <= 12 and 1 <= int(match["day"]) <= 31):
        return match[0]
    return f" {match['year']}-{number:02d}-{int(match['day']):02d} "


def _normalise_word(word: str) -> str:
    if word == "%":
        return "percent"
    if re.fullmatch(r"\d+(?::\d\d)+", word):  # 06:39 and 6:39 are one time
        return word.lstrip("0") if not word.startswith(("0:", "00:")) else re.sub(r"^0+", "0", word)
    if re.fullmatch(r"-?\d+\.\d+", word):  # 5.0 and 5 are one number; 2.39.5 is a version and stays
        return word.rstrip("0").rstrip(".")
    return word


def _convert_numbers(words: list[AnswerWord]) -> list[AnswerWord]:
    """Words with numbers as digits: `two hundred and five` is `205`, `twenty-five` is `25`; `two one` stays two."""
    made: list[AnswerWord] = []
    at = 0
    while at < len(words):
        length, number = _parse_number(words, at)
        if length:
            made.append(AnswerWord(str(number), words[at].follows_break))
            at += length
        else:
            made.append(words[at])
            at += 1
    return made


def _parse_number(words: list[AnswerWord], start: int) -> tuple[int, int]:
    """Count of words from `start` that make one number, and the number; (0, 0) if none does."""
    total, group, at, last = 0, 0, start, ""
    while at < len(words) and (at == start or not words[at].follows_break):
        text = words[at].text
        if text in _UNITS and last in ("", "tens", "scale") and not (last == "tens" and not 1 <= _UNITS[text] <= 9):
            group, last = group + _UNITS[text], "unit"
        elif text in _TENS and last in ("", "scale"):
            group, last = group + _TENS[text], "tens"
        elif text == "hundred" and last == "unit":
            group, last = group * 100, "scale"
        elif text in _SCALES and last:
            total, group, last = total + group * _SCALES[text], 0, "scale"
        elif text == "and" and last == "scale" and at + 1 < len(words) and words[at + 1].text in {**_UNITS, **_TENS}:
            pass  # two hundred and five
        else:
            break
        at += 1
    return at - start, total + group


def _drop_articles(words: list[AnswerWord]) -> list[AnswerWord]:
    """Words without articles before another word; a last "a" is a letter, as in "grade A"."""
    kept: list[AnswerWord] = []
    carried_break = False
    for i, word in enumerate(words):
        is_article = word.text in _ARTICLES and i + 1 < len(words) and not words[i + 1].follows_break
        if is_article:
            carried_break = carried_break or word.follows_break
            continue
        kept.append(AnswerWord(word.text, word.follows_break or (carried_break and bool(kept))))
        carried_break = False
    return kept
