"""Published scorers that remove well-known phrases from the text and take the first letter that is left.

"Answer: D" is therefore A for those that don't know the phrase "Answer:".
"""

import re

_BEST = ("The best answer is", "The correct answer is", "The answer is", "The answer")
_JOINED = (*_BEST, "The best option isThe correct option is", "Best answer:Best option:")
"""Phrases as published: a comma is missing twice, so that four became two that never occur."""
_APART = (*_BEST, "The best option is", "The correct option is", "Best answer:", "Best option:")
_COLONS = ("Answer:", "Option:")


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


def vlm_videommev2(said: str) -> str:
    """VLMEvalKit's letter for Video-MME-v2, the first of A..H, with all phrases: "Final answer: C" is F."""
    return _first(said, (*_APART, *_COLONS), "ABCDEFGH")


def lmms_longvideobench(said: str) -> str | None:
    """LongVideoBench's letter, the first of A..E even of four options; None where one is drawn. The official rule
    too."""
    return _first(said, _APART, "ABCDE") or None


def lmms_videomathqa(said: str) -> str:
    """lmms-eval's letter for VideoMathQA, the first of A..E, with the phrases of Video-MME."""
    return _first(said, _JOINED, "ABCDE")


def lmms_scivideobench(said: str) -> str | None:
    """lmms-eval's letter for SciVideoBench, the first of A..L, though options end at J; None where one is drawn.

    "I think D" is I.
    """
    phrases = (
        *("The answer is", "The correct answer is", "The best answer is"),
        *("Answer:", "Option:", "### Final Answer:\n$$\\boxed", "the final answer is"),
    )
    for phrase in phrases:
        said = said.replace(phrase, "")
    if len(said.split()) > 16 and not re.search("[A-J]", said):
        return None
    found = re.search("[A-L]", said)
    return found[0] if found else None


def official_lvbench(said: str) -> str:
    """LVBench's letter, the first character of the first brackets, or of the first word: "The answer is C" is T."""
    inside = said.strip().split(")")[0].strip()
    if "(" in inside:
        inside = inside.split("(")[1].strip()
    return inside.split(" ")[0][:1]


def official_tstar(said: str) -> str:
    """T*'s letter, A..F at the start of the text in either case: "Because" is B."""
    found = re.match(r"\s*([A-Fa-f])", said)
    return found[1].upper() if found else ""


def lmms_perceptiontest(said: str) -> str:
    """lmms-eval's letter for PerceptionTest, the first of A..D that stands alone."""
    found = re.search(r"\b([A-D])\b", said)
    return found[1] if found else ""
