"""The languages that `lite` can parse a question in, as a table of patterns: `questions.toml`."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from agent.policies.lite_rules.words import split_elision, split_words
from tools.plain_data import loads_toml


@dataclass(frozen=True)
class Language:
    """Patterns of the questions of one language, and phrases of its answers."""

    code: str
    function_words: frozenset[str]
    cannot_tell: str
    """Sentence of an answer that claims nothing."""
    yes: str
    shown: str
    said: str
    unsaid: str
    senses: Mapping[str, re.Pattern[str]]
    """Words that point to `speech` or `text`, to `written` for what is only read and `seen` for what is not only heard.
    Of a question for what is said: how it `asks`, verbs of `saying`, words that may `lead` to the one who says it, and
    `at` to a place."""
    edges: Mapping[str, re.Pattern[str]]
    places: Mapping[str, re.Pattern[str]]
    colours: Mapping[str, re.Pattern[str]]
    """Words for colours by their English name; none in English, whose words for them are known elsewhere."""
    sounds: Mapping[str, re.Pattern[str]]
    """Words for `speech`, `singing`, `music` and `any` sound, how it `starts` and `stops`, the beginnings of questions
    `whether` there is some and of what is `heard`, and `filler`, which says nothing more."""
    wants: Mapping[str, re.Pattern[str]]
    """Patterns by what is asked for, of which the first that matches holds."""
    film: re.Pattern[str]
    """What a question for a property of the file may name beside the property."""
    values: Mapping[str, re.Pattern[str]]
    """Patterns by the type of an asked number, of which the first that matches holds."""


def detect_language(text: str) -> Language | None:
    """The language of a question; None where no rules for it are known."""
    letters = [letter for letter in text if letter.isalpha()]
    scripts = {unicodedata.name(letter, "").split()[0] for letter in letters}
    if "CJK" in scripts:
        return None if scripts & {"HIRAGANA", "KATAKANA"} else load_languages()["zh"]
    if sum("CYRILLIC" in unicodedata.name(letter, "") for letter in letters) > len(letters) / 2:
        return None if re.search("[іїєґўјљњћђ]", text.casefold()) else load_languages()["ru"]
    found = [part for word in split_words(text.casefold()) for part in split_joined(word)]
    hits = {code: sum(word in known for word in found) for code, known in _load_function_words().items()}
    best = max(hits, key=lambda code: hits[code])
    if not hits[best]:  # a few nouns, such as "Logo?"
        return load_languages()["en"] if text.isascii() else None
    return load_languages().get(best)


def split_joined(word: str) -> list[str]:
    """The words that are written as one, as in `jusqu'où`, `qu'est-ce` and `gibt's`, without a shortened last one."""
    parts = (part for piece in word.split("-") for part in split_elision(piece))
    return [_SHORTENED.sub("", part) for part in parts if part]


_SENSES = ("speech", "text", "written", "seen", "asks", "saying", "lead", "at")
_SHORTENED = re.compile(r"['’][^\W\d_]{1,2}$")


@cache
def load_languages() -> dict[str, Language]:
    """All languages with rules, by their code."""
    return {code: _build_language(code, rows) for code, rows in _load_table().items() if "wants" in rows}


@cache
def _load_table() -> dict[str, dict[str, Any]]:
    return loads_toml(files(__package__).joinpath("questions.toml").read_text(encoding="utf-8"))


@cache
def _load_function_words() -> dict[str, frozenset[str]]:
    return {code: frozenset(rows["words"].split()) for code, rows in _load_table().items()}


def _build_language(code: str, rows: dict[str, Any]) -> Language:
    return Language(
        code,
        _load_function_words()[code],
        rows["cannot_tell"],
        rows["yes"],
        rows["shown"],
        rows["said"],
        rows["unsaid"],
        _compile_patterns({name: rows[name] for name in _SENSES}),
        _compile_patterns({name: rows[name] for name in ("first", "last")}),
        _compile_patterns(rows["places"]),
        _compile_patterns(rows.get("colours", {})),
        _compile_patterns(rows["sounds"]),
        _compile_patterns(rows["wants"]),
        re.compile(rows["film"], re.IGNORECASE),
        _compile_patterns(rows["values"]),
    )


def _compile_patterns(rows: dict[str, str]) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(pattern, re.IGNORECASE) for name, pattern in rows.items()}
