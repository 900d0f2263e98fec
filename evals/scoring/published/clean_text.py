"""What is read out of a text before letters are looked for: tags, blocks, marks; and the strict rule, ours.

By that rule the answer is one letter and nothing else, or it is no answer. A runner renders an agent's structured
answer as that letter, so this loses nothing; free text would be a bug in it.
"""

import re
from string import ascii_uppercase

from agent.rendering.typography import strip_typography

_OPENS, _CLOSES = "<answer>", "</answer>"
_MARKS = ';/[]"{}()=+\\_-><@`,?!'


def strict_letter(said: str, option_count: int) -> str:
    """The letter of `C`, `c`, `C.`, `C)` or `(C)`, in whatever it is set; "" for anything else and for letters that no
    option has."""
    found = re.fullmatch(r"\s*(?:([A-Za-z])[.)]?|\(([A-Za-z])\))\s*", strip_typography(said))
    letter = (found[1] or found[2]).upper() if found else ""
    return letter if letter and letter in ascii_uppercase[:option_count] else ""


def answer_tags(said: str) -> tuple[str, ...]:
    """Text of each tag, without space around it: as by `<answer>\\s*(.*?)\\s*</answer>`, in linear time."""
    found, start = [], said.find(_OPENS)
    while start >= 0 and (stop := said.find(_CLOSES, start + len(_OPENS))) >= 0:
        found.append(said[start + len(_OPENS) : stop].strip())
        start = said.find(_OPENS, stop)
    return tuple(found)


def json_block(said: str) -> str:
    """Text of the first ```json block; "" without one."""
    start = said.find("```json")
    stop = said.find("```", start + len("```json"))
    return said[start + len("```json") : stop].strip() if start >= 0 and stop >= 0 else ""


def without_marks(said: str) -> str:
    """The text on one line, lower case: a mark beside a space is removed, any other becomes a space.

    With a thousands separator anywhere all marks are removed. Only the first 32 full stops are.
    """
    text = said.replace("\n", " ").replace("\t", " ").strip()
    plain, has_thousands = text, re.search(r"\d,\d", text) is not None
    for mark in _MARKS:
        is_beside_space = f"{mark} " in text or f" {mark}" in text
        plain = plain.replace(mark, "" if is_beside_space or has_thousands else " ")
    plain = re.sub(r"\.(?!\d)", "", plain, count=32)  # the source hands a flag over where the count belongs
    return plain.strip("'").strip('"').strip(")").strip("(").strip().lower()
