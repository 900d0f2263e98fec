"""Scorers that look into the last `<answer>` tag and then for letters in the order A to F, not of the text."""

_OPENS, _CLOSES = "<answer>", "</answer>"
_LETTERS = "ABCDEF"


def answer_tags(said: str) -> tuple[str, ...]:
    """What stands in each tag, without space around it: as by `<answer>\\s*(.*?)\\s*</answer>`, in linear time."""
    found, start = [], said.find(_OPENS)
    while start >= 0 and (stop := said.find(_CLOSES, start + len(_OPENS))) >= 0:
        found.append(said[start + len(_OPENS) : stop].strip())
        start = said.find(_OPENS, stop)
    return tuple(found)


def official_video_holmes(said: str) -> str:
    """The first letter in the order of the alphabet that occurs in the last tag, or without one anywhere in the text.

    Letters with a space, colon or opening bracket beside them come first: `<answer>E. BAD</answer>` is A.
    """
    tags = answer_tags(said)
    return _by_alphabet(tags[-1] if tags else said)


def vlm_video_holmes(said: str) -> str:
    """As the official one, but nothing without a tag."""
    tags = answer_tags(said)
    return _by_alphabet(tags[-1]) if tags else ""


def _by_alphabet(text: str) -> str:
    dressed = [x for x in _LETTERS if f"{x} " in text or f"{x}:" in text or f"[{x}" in text]
    return (dressed or [x for x in _LETTERS if x in text] or [""])[0]
