"""Published scorers that only compare the text with the correct answer, without extracting one.

They give True, False, or None for "left out of the denominator".
"""

import re
import string
from collections.abc import Mapping

from evals.scoring.published.clean_text import json_block, without_marks
from tools.plain_data import loads_json


def official_mvbench(said: str, gold: str) -> bool:
    """Whether the first word is in "(C)" or contains it; nothing at all, "" or "(", is in it. VLMEvalKit's rule, too.

    Args:
        said: the text.
        gold: the correct answer as `(C) its text`.
    """
    word, right = said.lower().split(" ")[0], gold.lower().split(" ")[0]
    return word.replace(".", "") in right or right in word


def lmms_mvbench(said: str, gold: str) -> bool | None:
    """Whether the first letter a..e that stands alone is the correct one; the article "a" is A.

    Args:
        said: the text; "" is left out of the denominator.
        gold: the correct letter.
    """
    return None if said == "" else _lone_letter(said) == gold


def _lone_letter(said: str) -> str:
    if labelled := re.match(r"([A-E])\.\s*.+$", said.strip(), re.IGNORECASE):
        return labelled[1].upper()
    plain = without_marks(said)
    found = re.search(r"\b([A-E])\b", plain, re.IGNORECASE)
    return found[1].upper() if found else plain


def official_mlvu(said: str, gold: str) -> bool:
    """Whether the text before the first ")" is exactly the correct letter: "C" and "C)" are, "(C)" is not.

    Args:
        said: the text.
        gold: the correct answer as `(C) its text`.
    """
    return said.split(")")[0] == gold[gold.index("(") + 1 : gold.index(")")]


def official_cgbench(said: str, gold: str) -> bool | None:
    """Whether the `result` of a ```json block is correct; without one, whether the letter is among lone ones, A..H.

    None, the -1 of the source, where the text has neither.
    """
    if block := json_block(said):
        quoted = re.sub(r"(?<=:\s)([A-Za-z_]\w*)", r'"\1"', block)
        try:
            return bool(loads_json(quoted)["result"] == gold)
        except (ValueError, KeyError, TypeError):
            pass  # the source goes on to the letters
    letters = re.findall(r"\b[A-H]\b", said)
    return gold in letters if letters else None


def lmms_mmvu_choice(said: str, gold: str, options: Mapping[str, str]) -> bool:
    """Whether the letter stands alone anywhere, or the option's words occur; in part, if the letter is in any word.

    "Because the lantern is red" is therefore C, red lantern.

    Args:
        said: the text.
        gold: the correct letter.
        options: the options' texts by letter.
    """
    text = said.strip()
    lone = re.search(r"\b([A-E])\b", text, re.IGNORECASE)
    if lone and lone[1].upper() == gold.upper():
        return True
    has_letter = gold.upper() in text.upper()
    if has_letter and re.search(rf"\b{re.escape(gold)}\b", text, re.IGNORECASE):
        return True
    words, lower = options.get(gold, "").strip().lower(), text.lower()
    if gold not in options:
        return False
    keys = [word for w in words.split() if len(word := w.strip(string.punctuation)) > 2]
    return words in lower or (has_letter and any(key in lower for key in keys))


_RAISED = str.maketrans({raised: f"^{digit}" for digit, raised in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")})


def lmms_mmvu_open(said: str, gold: str) -> bool:
    """Whether one contains the other, or the first numbers agree to 0.01, or all longer words of the answer occur.

    The empty text is contained in every answer.
    """
    text, right = (" ".join(t.strip().lower().translate(_RAISED).split()) for t in (said, gold))
    if right in text or text in right:
        return True
    numbers, right_numbers = (re.findall(r"\d+\.?\d*", t) for t in (text, right))
    if numbers and right_numbers and abs(float(numbers[0]) - float(right_numbers[0])) < 0.01:
        return True
    words, right_words = ([w for word in t.split() if (w := word.strip(string.punctuation))] for t in (text, right))
    if 2 <= len(right_words) <= 5 and all(word in words for word in right_words if len(word) > 2):
        return True
    order = _order(text)
    return order is not None and order == _order(right)


def _order(text: str) -> str | None:
    """The first complexity as in O(n log n), as by `o\\s*\\([^)]+\\)`; None without one."""
    opening = re.search(r"o ?\((?!\))", text)
    stop = -1 if opening is None else text.find(")", opening.end())
    return None if opening is None or stop < 0 else text[opening.start() : stop + 1]
