"""Published scorers that read the last `<answer>` tag and look for letters in the order A to F, not of the text."""

_OPENS, _CLOSES = "<answer>", "</answer>"
_LETTERS = "ABCDEF"


def answer_tags(said: str) -> tuple[str, ...]:
    """Text of each tag, without space around it: as by `<answer>\\s*(.*?)\\s*</answer>`, in linear time."""
    found, start = [], said.find(_OPENS)
    while start >= 0 and (stop := said.find(_CLOSES, start + len(_OPENS))) >= 0:
        found.append(said[start + len(_OPENS) : stop].strip())
        start = said.find(_OPENS, stop)
    return tuple(found)


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
    dressed = [x for x in _LETTERS if f"{x} " in text or f"{x}:" in text or f"[{x}" in text]
    return (dressed or [x for x in _LETTERS if x in text] or [""])[0]
