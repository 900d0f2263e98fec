"""The strict rule for choices, ours: the answer is one letter and nothing else, or it is no answer.

A runner renders an agent's structured answer as that letter, so this loses nothing; free text would be a bug in it.
"""

import re
from string import ascii_uppercase


def strict_letter(said: str, option_count: int) -> str:
    """The letter of `C`, `c`, `C.`, `C)` or `(C)`; "" for anything else and for letters that no option has."""
    found = re.fullmatch(r"\s*(?:([A-Za-z])[.)]?|\(([A-Za-z])\))\s*", said)
    letter = (found[1] or found[2]).upper() if found else ""
    return letter if letter and letter in ascii_uppercase[:option_count] else ""
