"""The languages that `lite` can parse a question in, as a table of patterns: `questions.toml`."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from agent.policies.lite_rules.words import words
from tools.plain_data import loads_toml


@dataclass(frozen=True)
class Language:
    """Patterns of the questions of one language, and phrases of its answers."""

    code: str
    function_words: frozenset[str]
    cannot_tell: str
    """Sentence of an answer that claims nothing."""
    shown: str
    said: str
    unsaid: str
    senses: Mapping[str, re.Pattern[str]]
    """Words that point to `speech` or `text`; where both do, those of `written` decide for text."""
    edges: Mapping[str, re.Pattern[str]]
    places: Mapping[str, re.Pattern[str]]
    wants: Mapping[str, re.Pattern[str]]
    """Patterns by what is asked for, of which the first that matches holds."""


def language_of(text: str) -> Language | None:
    """The language of a question; None where no rules for it are known."""
    letters = [letter for letter in text if letter.isalpha()]
    scripts = {unicodedata.name(letter, "").split()[0] for letter in letters}
    if "CJK" in scripts:
        return None if scripts & {"HIRAGANA", "KATAKANA"} else languages()["zh"]
    if sum("CYRILLIC" in unicodedata.name(letter, "") for letter in letters) > len(letters) / 2:
        return None if re.search("[іїєґўјљњћђ]", text.casefold()) else languages()["ru"]
    found = words(text.casefold())
    hits = {code: sum(word in known for word in found) for code, known in _function_words().items()}
    best = max(hits, key=lambda code: hits[code])
    if not hits[best]:  # a few nouns, such as "Logo?"
        return languages()["en"] if text.isascii() else None
    return languages().get(best)


@cache
def languages() -> dict[str, Language]:
    """All languages with rules, by their code."""
    return {code: _language(code, rows) for code, rows in _table().items() if "wants" in rows}


@cache
def _table() -> dict[str, dict[str, Any]]:
    return loads_toml(files(__package__).joinpath("questions.toml").read_text(encoding="utf-8"))


@cache
def _function_words() -> dict[str, frozenset[str]]:
    return {code: frozenset(rows["words"].split()) for code, rows in _table().items()}


def _language(code: str, rows: dict[str, Any]) -> Language:
    return Language(
        code,
        _function_words()[code],
        rows["cannot_tell"],
        rows["shown"],
        rows["said"],
        rows["unsaid"],
        _patterns({name: rows[name] for name in ("speech", "text", "written")}),
        _patterns({name: rows[name] for name in ("first", "last")}),
        _patterns(rows["places"]),
        _patterns(rows["wants"]),
    )


def _patterns(rows: dict[str, str]) -> dict[str, re.Pattern[str]]:
    return {name: re.compile(pattern, re.IGNORECASE) for name, pattern in rows.items()}
