"""Removes punctuation as VQA scorers have since 2015; several benchmarks copied it."""

import re

_MARKS = ';/[]"{}()=+\\_-><@`,?!'


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
