"""VRBench's letter, by eight rules of which the first that finds one decides."""

import re

from evals.scoring.published.clean_text import without_marks

_LETTER = "([A-E])"
_NAMED = [
    rf"{word}[:\s]+{_LETTER}(?:\s|$|\.|,)"
    for word in ("Answer", "answer is", "correct answer", "final answer", "final", "therefore", "conclusion")
]
_ANY_CASE = re.IGNORECASE | re.MULTILINE


def official_vrbench(said: str) -> str:
    """VRBench's letter of A..E: boxed, tagged, before its words on a line, after "answer", before a mark, alone.

    Of several by one rule the last counts, but the first of those that are boxed or tagged. "" where there is none.
    """
    if not said:
        return ""
    for shape in (r"\\boxed\{([A-E])\}", r"<Answer>\s*([A-E])"):
        if found := re.search(shape, said, re.IGNORECASE):
            return found[1].upper()
    lines = re.findall(rf"^{_LETTER}\.\s*.+$", said.strip(), _ANY_CASE)
    named = [letter for shape in _NAMED for letter in re.findall(shape, said, re.IGNORECASE)]
    marked = [re.findall(rf"{_LETTER}{mark}", said, re.IGNORECASE) for mark in (r"\.", r"\)", ":")]
    spaced = re.findall(rf"(?:^|\n|\s){_LETTER}\s+(?=[A-Z]|$|\n)", said, _ANY_CASE)
    plain = re.findall(rf"\b{_LETTER}\b", without_marks(said), re.IGNORECASE)
    for letters in (lines, named, *marked, spaced, plain):
        if letters:
            return str(letters[-1]).upper()
    return ""
