"""Published scorers that remove well-known phrases from the text and take the first letter that is left.

"Answer: D" is therefore A for those that don't know the phrase "Answer:".
"""

import re
from collections.abc import Sequence
from string import ascii_uppercase

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


def vlm_videommev2(said: str) -> str:
    """VLMEvalKit's letter for Video-MME-v2, the first of A..H; "Final answer: C" is F, "Final Answer: C" is C."""
    return _first(said, ("Final Answer:", *_APART, *_COLONS), "ABCDEFGH")


def lmms_videomathqa(said: str) -> str:
    """lmms-eval's letter for VideoMathQA, the first of A..E."""
    return _first(said, _JOINED, "ABCDE")


def lmms_scivideobench(said: str) -> str | None:
    """lmms-eval's letter for SciVideoBench, the first of A..L though there are ten options; None where one is drawn."""
    phrases = ("The answer is", "The correct answer is", "The best answer is", "Answer:", "Option:")
    return _first(said, (*phrases, "the final answer is"), "ABCDEFGHIJKL") or None


def lmms_perceptiontest(said: str) -> str:
    """lmms-eval's letter for Perception Test, the first of A..D that stands alone."""
    found = re.search(r"\b([A-D])\b", said)
    return found[1] if found else ""


def official_tstar(said: str) -> str:
    """LV-Haystack's letter, the first character of the text where that is one of A..F: "Because" is B."""
    found = re.match(r"\s*([A-Fa-f])", said)
    return found[1].upper() if found else ""


def lmms_minerva(said: str) -> str | None:
    """lmms-eval's letter for MINERVA, the last after "answer" or "option", else the last of A..E; None for a draw."""
    named = re.findall(r"(?:answer|option)\s*(?:is|:)\s*([ABCDE])", said, re.IGNORECASE)
    if named:
        return str(named[-1]).upper()
    phrases = ("The best answer is", "The correct answer is", "The answer is", "Answer:", "Option:")
    for phrase in (*phrases, "Therefore, the final answer is:"):
        said = said.replace(phrase, "")
    found = re.findall("[ABCDE]", said)
    return found[-1] if found else None


def lmms_tvbench(said: str, options: Sequence[str]) -> str:
    """lmms-eval's letter for TVBench, of the text in upper case: the first letter that stands alone, if it is one of
    an option; else the first character; else the one option whose words occur."""
    letters = ascii_uppercase[: max(2, len(options))]
    upper = said.strip().upper()
    for found in (re.search(r"\b([A-Z])\b", upper), re.match(r"\s*[(\[]?([A-Z])", upper)):
        if found and found[1] in letters:
            return found[1]
    text = " ".join(said.lower().split())
    named = [
        x for x, option in zip(letters, options, strict=False) if (o := " ".join(option.lower().split())) and o in text
    ]
    return named[0] if len(named) == 1 else ""
