"""Takes an answer out of what models set it in: a heading, bold type, display mathematics, a box.

Only what is around the whole answer goes; an answer with more beside it stays as it is.
"""

import re
import unicodedata

_HEADING = re.compile(
    r"^[#>*_\s]*(?:the\s+)?(?:(?:final|best|correct)\s+)?(?:answer|option|choice)(?:\s+is)?\s*[*_]*\s*[:：]\s*[*_]*",
    re.I,
)
"""`### Final Answer:`, `**Answer:**` and their kind, with a colon."""
_PAIRS = (("$$", "$$"), ("$", "$"), (r"\[", r"\]"), (r"\(", r"\)"), ("**", "**"), ("__", "__"), ("`", "`"), ("*", "*"))
_COMMANDS = re.compile(r"\\(?:boxed|fbox|text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox|operatorname)\s*(?=\{)")
_MOST_LAYERS = 12
"""Layers at most, so that a hostile text ends; models set three or four."""


def strip_typography(text: str) -> str:
    """The text without the heading before it and the type it is set in; fullwidth letters become plain ones."""
    plain = unicodedata.normalize("NFKC", text) if _is_fullwidth(text) else text
    plain = plain.strip()
    for _ in range(_MOST_LAYERS):
        inner = _strip_layer(plain)
        if inner == plain or not inner:
            break
        plain = inner
    return plain


def _is_fullwidth(text: str) -> bool:
    return any("\uff01" <= sign <= "\uff5e" for sign in text)


def _strip_layer(text: str) -> str:
    for opens, closes in _PAIRS:
        inner = text[len(opens) : len(text) - len(closes)]
        is_around = inner and text.startswith(opens) and text.endswith(closes)
        if is_around and opens not in inner and closes not in inner:
            return inner.strip()
    if heading := _HEADING.match(text):
        return text[heading.end() :].strip()
    if (command := _COMMANDS.match(text)) and _find_closing(text, command.end()) == len(text.rstrip(".")) - 1:
        return text.rstrip(".")[command.end() + 1 : -1].strip()
    if text.startswith("{") and '"' not in text and _find_closing(text, 0) == len(text) - 1:
        return text[1:-1].strip()
    return text


def _find_closing(text: str, start: int) -> int:
    """The index of the brace that closes the one at `start`; -1 without one."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return -1
