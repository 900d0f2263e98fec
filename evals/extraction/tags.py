"""Scorers that look into the last `<answer>` tag and then for letters in the order A to F, not of the text."""

import re

_LETTERS = "ABCDEF"


def official_video_holmes(said: str) -> str:
    """The first letter in the order of the alphabet that occurs in the last tag, or without one anywhere in the text.

    Letters with a space, colon or opening bracket beside them come first: `<answer>E. BAD</answer>` is A.
    """
    tags = re.findall(r"<answer>\s*(.*?)\s*</answer>", said, re.DOTALL)
    return _by_alphabet(tags[-1].strip() if tags else said)


def vlm_video_holmes(said: str) -> str:
    """As the official one, but nothing without a tag."""
    tags = re.findall(r"<answer>\s*(.*?)\s*</answer>", said, re.DOTALL)
    return _by_alphabet(tags[-1].strip()) if tags else ""


def _by_alphabet(text: str) -> str:
    dressed = [x for x in _LETTERS if f"{x} " in text or f"{x}:" in text or f"[{x}" in text]
    return (dressed or [x for x in _LETTERS if x in text] or [""])[0]
