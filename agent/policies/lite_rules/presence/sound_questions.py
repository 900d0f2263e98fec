"""Questions that speech, singing and music alone can answer: whether there is some, when, from when on, until when.

A question that also names something to be seen or said, as in "is there music when the car comes", is none of them.
"""

import re
from dataclasses import dataclass
from typing import Literal

from agent.policies.lite_rules.languages import Language
from agent.policies.lite_rules.words import split_words

Kind = Literal["music", "singing", "speech"]
_KINDS: tuple[Kind, ...] = ("singing", "music", "speech")
"""Most particular first: a song that is sung is named by its singing."""
_NEGATED = re.compile(r"\b(?:not?|never|none|without|kein\w*|ohne|sin|sans|aucune?|нет|без)\b|n['’]t\b", re.I)


@dataclass(frozen=True)
class SoundQuestion:
    """What a question asks of the sound."""

    kinds: tuple[Kind, ...]
    """The kind that is meant; all of them where any sound is."""
    form: Literal["presence", "start", "stop", "times", "listing"]


def parse_sound_question(text: str, subject: str, language: Language, is_choice: bool = False) -> SoundQuestion | None:
    """What a question asks of the sound; None where it asks for anything else.

    Args:
        text: the question.
        subject: its words without times of the video.
        language: its language.
        is_choice: whether it has options, which make it a question of presence.
    """
    table = language.sounds
    named = tuple(kind for kind in _KINDS if table[kind].search(text))
    if not named and not table["any"].search(text):
        return None
    if _NEGATED.search(text) or _list_other_words(subject, language):
        return None
    kinds = named[:1] or _KINDS
    if language.wants["time"].search(text):
        starts, stops = table["starts"].search(text), table["stops"].search(text)
        return SoundQuestion(kinds, "start" if starts else "stop" if stops else "times") if named else None
    if table["heard"].search(text) and not named:
        return SoundQuestion(_KINDS, "listing")
    if table["whether"].search(text) or is_choice:
        return SoundQuestion(kinds, "presence")
    return None


def _list_other_words(subject: str, language: Language) -> list[str]:
    """The words of a question that are neither about sound nor function words."""
    rest = subject
    for pattern in (*language.sounds.values(), language.wants["time"]):
        rest = pattern.sub(" ", rest)
    return [word for word in split_words(rest) if word.casefold() not in language.function_words]
