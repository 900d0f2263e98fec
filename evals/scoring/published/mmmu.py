"""Published scorers that come from MMMU: letters in one of several forms, then the options' words, then a random draw.

They don't know "C)", "[C]" or "<answer>C</answer>": for those they draw, and give None here.
"""

import re
from collections.abc import Callable, Sequence
from string import ascii_uppercase

_MARKS = ",.!?;:'"
_NOT_ANSWERS = frozenset(":,.!?;'")
_INDICATORS = (
    *("could be ", "so ", "is ", "thus ", "therefore ", "final ", "answer ", "result ", "are ", "in total ", "total "),
    *("identify ", "recognize ", "calculated as ", "counted as ", "measured as ", "observed as ", "concluded as "),
    *("found to be ", "equals ", "determined to be ", "number of ", "value is ", "adds up to ", "have ", "has "),
)


def lmms_mmmu(said: str, options: Sequence[str]) -> str | None:
    """lmms-eval's letter for NExT-QA and Video-Holmes, the last of `(C)`, else of `C `, else of `C.`; None for a
    draw."""
    text, letters = _pad_text(said), ascii_uppercase[: len(options)]
    for shape, place in (("({})", "({})"), ("{} ", " {} "), ("{}.", " {} ")):
        if found := [letter for letter in letters if shape.format(letter) in text]:
            return _furthest(found, text, place)
    return _by_words(text, options, letters, max)


def lmms_egoschema(said: str, options: Sequence[str]) -> str | None:
    """lmms-eval's letter for EgoSchema, the first in any of the forms `(C)`, `C ` and `C.`; None for a draw."""
    text, letters = _pad_text(said), ascii_uppercase[: len(options)]
    forms = [shape.format(letter) for shape in ("({})", "{} ", "{}.") for letter in letters]
    if found := [form for form in forms if form in text]:
        return min(found, key=text.rfind).strip("(). ")
    return _by_words(text, options, letters, min)


def official_videommmu(said: str, options: Sequence[str]) -> str | None:
    """Video-MMMU's letter, the last of `C.` and `C:`, else of `(C)`, else of `C `; "" where nothing is found.

    None for an empty text, which leaves the denominator as a failed request does.
    """
    if said in ("", "API Error"):
        return None
    text, letters = _pad_text(said), ascii_uppercase[: len(options)]
    dots = [letter for letter in letters if f"{letter}." in text]
    colons = [letter for letter in letters if f"{letter}:" in text]
    if dots or colons:
        mark = "." if dots else ":"
        return _furthest([*dots, *colons], text, "{}" + mark)
    for shape, place in (("({})", "({})"), ("{} ", " {} ")):
        if found := [letter for letter in letters if shape.format(letter) in text]:
            return _furthest(found, text, place)
    return _by_words(text, options, letters, max) or ""


def _pad_text(said: str) -> str:
    for mark in _MARKS:
        said = said.strip(mark)
    return f" {said} "


def _furthest(letters: Sequence[str], text: str, shape: str) -> str:
    return max(letters, key=lambda letter: text.rfind(shape.format(letter)))  # the first of equals, as numpy's argmax


def _by_words(text: str, options: Sequence[str], letters: str, pick: Callable[..., tuple[str, str]]) -> str | None:
    """The letter of the option whose words occur, in texts of more than five words; None if there is none."""
    if len(text.split()) <= 5:
        return None
    lower = text.lower()
    found = [pair for pair in zip(letters, options, strict=True) if pair[1].lower() in lower]
    return pick(found, key=lambda pair: lower.rfind(pair[1].lower()))[0] if found else None


def lmms_videommmu_open(said: str, gold: str) -> bool | None:
    """Whether some part of the text is the gold number, to two decimals, or contains the gold words.

    None for an empty text, which leaves the denominator as a failed request does.
    """
    if said in ("", "API Error"):
        return None
    wanted = _normal(gold)
    for part in _open_parts(said):
        if isinstance(part, str):
            if any(isinstance(gold_part, str) and gold_part in part for gold_part in wanted):
                return True
        elif part in wanted:
            return True
    return False


def _open_parts(said: str) -> list[str | float]:
    """Text after the last indicator of each line, and the numbers in it."""
    text = said.strip().strip(".").lower()
    # the source also splits at sentences, by a capital that follows; but it has made the text lower case before
    lines, tails = text.split("\n"), []
    for number, line in enumerate(lines):
        indicators = (*_INDICATORS, "=") if number == len(lines) - 1 else _INDICATORS
        ends = [line.split(indicator)[-1].strip() for indicator in indicators if indicator in line]
        shortest = ""
        for end in ends:  # an empty tail is replaced by the next one, as in the source
            shortest = end if not shortest or len(end) < len(shortest) else shortest
        if shortest and shortest not in _NOT_ANSWERS:
            tails.append(shortest)
    tails = tails or [text]
    return [part for tail in (*tails, *(number for t in tails for number in _numbers(t))) for part in _normal(tail)]


def _numbers(text: str) -> list[str]:
    return [
        *re.findall(r"-?\b\d{1,3}(?:,\d{3})+\b", text),
        *re.findall(r"-?(?<!\d)\d+(?:\.\d+)?[eE][+-]?\d+", text),
        *re.findall(r"-?(?:(?<!\d)\d+\.\d+|\.\d+|(?<!\d)\d+\b)(?![eE][+-]?\d+)(?![,\d])", text),
    ]


def _normal(text: str) -> list[str | float]:
    text = text.strip()
    try:
        return [round(float(text.replace(",", "")), 2)]
    except ValueError:
        lower = text.lower()
        return [f" {lower}", f"{lower} "] if len(lower) == 1 else [lower]
