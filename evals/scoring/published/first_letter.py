"""Scorers that cut well-known phrases out of the text and take the first letter that is left, wherever it stands.

"Answer: D" is therefore A to all that don't know the phrase "Answer:".
"""

import re

_BEST = ("The best answer is", "The correct answer is", "The answer is", "The answer")
_JOINED = (*_BEST, "The best option isThe correct option is", "Best answer:Best option:")
"""As published: a comma is missing twice, so that four phrases became two that never occur."""
_APART = (*_BEST, "The best option is", "The correct option is", "Best answer:", "Best option:")
_COLONS = ("Answer:", "Option:")


def _first(said: str, phrases: tuple[str, ...], letters: str) -> str:
    for phrase in phrases:
        said = said.replace(phrase, "")
    found = re.search(f"[{letters}]", said)
    return found[0] if found else ""


def official_videomme(said: str) -> str:
    """The first of A..D. "Best answer: C" is B, "Answer: C" is A."""
    return _first(said, _JOINED, "ABCD")


def vlm_videomme(said: str) -> str:
    """As the official one, but it knows "Answer:" and "Option:"."""
    return _first(said, (*_JOINED, *_COLONS), "ABCD")


def lmms_longvideobench(said: str) -> str | None:
    """The first of A..E, also where there are four options; None where it draws at random. The official rule, too."""
    return _first(said, _APART, "ABCDE") or None


def official_lvbench(said: str) -> str:
    """The first character of what stands in the first brackets, or of the first word: "The answer is C" is T."""
    inside = said.strip().split(")")[0].strip()
    if "(" in inside:
        inside = inside.split("(")[1].strip()
    return inside.split(" ")[0][:1]
