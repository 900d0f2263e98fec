"""Questions that a detector alone can answer: how many of a class of things there are, whether, and from when on.

In English only, as the names of the classes are. A question that tells more of the thing, as "how many people wear
hats", is none of them.
"""

import re
from dataclasses import dataclass
from typing import Literal

from agent.policies.lite_rules.words import parse_count, split_words
from tools.observation import ToolError
from tools.vision.thing_classes import find_class

_FILLER = frozenset(
    "any anywhere at can different distinct ever first frame frames how image in last many moment number of on opening "
    "photo picture pictures scene screen second shot shots single slide start there time total visible when".split()
)
"""Words of a question that tell nothing of the thing."""
_WHETHER = re.compile(r"^(?:is|are|was|were|do|does|did|can|could)\b", re.I)
_COUNT = re.compile(r"\bhow many (?!(?:\w+ )?times\b)|\bnumber of\b", re.I)
_WHEN = re.compile(r"\bwhen\b|\bat (?:what|which) (?:second|moment|time)\b", re.I)
_NEGATED = re.compile(r"\b(?:not?|never|none|without)\b|n['’]t\b", re.I)


@dataclass(frozen=True)
class ThingQuestion:
    """What a question asks of a class of things."""

    name: str
    """Name of the detector's class."""
    form: Literal["count", "presence", "when"]


def parse_thing_question(text: str, subject: str, options: tuple[str, ...]) -> ThingQuestion | None:
    """What a question asks of a class of things; None where it asks for anything else.

    Args:
        text: the question.
        subject: its content words, without times of the video.
        options: what may be answered; empty for an open question.
    """
    form: Literal["count", "presence", "when"]
    if _COUNT.search(text):
        form = "count"
    elif _WHEN.search(text):
        form = "when"
    elif _WHETHER.match(text.strip()):
        form = "presence"
    else:
        return None
    if _NEGATED.search(text) or not _suits(form, options):
        return None
    words = split_words(text.casefold())
    for size in (2, 1):  # a hot dog is no dog
        for start in range(len(words) - size + 1):
            named = words[start : start + size]
            name = _find_known(" ".join(named))
            if name is not None:
                left = [word for word in split_words(subject.casefold()) if word not in named and word not in _FILLER]
                return None if left else ThingQuestion(name, form)
    return None


def _suits(form: str, options: tuple[str, ...]) -> bool:
    """Whether the options, if any, are such as answer a question of this form; seconds are read elsewhere."""
    if not options:
        return True
    if form == "count":
        return all(parse_count(option) is not None for option in options)
    return form == "presence" and all(
        option.casefold().split(",")[0].split()[:1] in (["yes"], ["no"]) for option in options
    )


def _find_known(words: str) -> str | None:
    try:
        return find_class(words)
    except ToolError:
        return None
