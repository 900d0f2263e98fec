"""Published scorers that remove well-known phrases from the text and take the first letter that is left.

"Answer: D" is therefore A for those that don't know the phrase "Answer:".
"""

import re

from evals.scoring.published.clean_text import answer_tags

_BEST = ("The best answer is", "The correct answer is", "The answer is", "The answer")
_JOINED = (*_BEST, "The best option isThe correct option is", "Best answer:Best option:")
"""Phrases as published: a comma is missing twice, so that four became two that never occur."""
_APART = (*_BEST, "The best option is", "The correct option is", "Best answer:", "Best option:")
_COLONS = ("Answer:", "Option:")
_HOLMES = "ABCDEF"


def _first(said: str, phrases: tuple[str, ...], letters: str) -> str:
    for phrase in phrases:
        said = said.replace(phrase, "")
    found = re.search(f"[{letters}]", said)
    return found[0] if found else ""


def official_videomme(said: str) -> str:
    """Video-MME's letter, the first of A..D. "Best answer: C" is B, "Answer: C" is A."""
    return _first(said, _JOINED, "ABCD")


def vlm_videomme(said: str) -> str:
    """VLMEvalKit's letter for Video-MME, the first of A..D, with the phrases "Answer:" and "Option:" known."""
    return _first(said, (*_JOINED, *_COLONS), "ABCD")


def lmms_longvideobench(said: str) -> str | None:
    """LongVideoBench's letter, the first of A..E even of four options; None where one is drawn. The official rule
    too."""
    return _first(said, _APART, "ABCDE") or None


def official_lvbench(said: str) -> str:
    """LVBench's letter, the first character of the first brackets, or of the first word: "The answer is C" is T."""
    inside = said.strip().split(")")[0].strip()
    if "(" in inside:
        inside = inside.split("(")[1].strip()
    return inside.split(" ")[0][:1]


def official_video_holmes(said: str) -> str:
    """Video-Holmes's letter, the first in the alphabet that occurs in the last tag, or without a tag in the text.

    Letters with a space, colon or opening bracket beside them come first: `<answer>E. BAD</answer>` is A.
    """
    tags = answer_tags(said)
    return _by_alphabet(tags[-1] if tags else said)


def vlm_video_holmes(said: str) -> str:
    """VLMEvalKit's letter for Video-Holmes, the first in the alphabet that occurs in the last tag; "" without one."""
    tags = answer_tags(said)
    return _by_alphabet(tags[-1]) if tags else ""


def _by_alphabet(text: str) -> str:
    dressed = [x for x in _HOLMES if f"{x} " in text or f"{x}:" in text or f"[{x}" in text]
    return (dressed or [x for x in _HOLMES if x in text] or [""])[0]
