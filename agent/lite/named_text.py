"""Words that a question says are written in the picture, as in `the word ORCHARD`: found for certain, or missing.

Screen text is what is read most surely without a vision-language model. So text that a question names is looked for
through the whole video; it leads to the thing that carries it, and where it is nowhere, the question has no answer.
"""

import re
from dataclasses import replace
from difflib import SequenceMatcher

from agent.lite.case import Case
from agent.lite.extracting import Line, mentions
from agent.lite.notes import text_lines
from agent.lite.plan import Wanted, wanted
from agent.lite.reading import written_in
from agent.lite.textual import not_shown
from agent.lite.words import words
from agent.trajectory import Answer, Trajectory

_MOST_LINES = 32
_SURE_SECONDS = 180.0
"""Of a longer video one search glances at too few frames to say that a text is nowhere in it."""
_JOINED_SECONDS = 1.0
"""Two spans of one text that are nearer are one showing in which a reading failed."""
_NEGATED = re.compile(r"\b(?:not|never|none)\b|n['’]t\b", re.I)
_ALIKE = 0.8
"""Likeness from which a word is another one misread."""


def asked_text(case: Case) -> str | None:
    """The text that the question names, unless it is to be heard."""
    reading = case.reading
    is_seen = reading.question.task == "answer" and reading.senses[0] != "speech"
    return written_in(reading.question.text) if is_seen else None


def looks(case: Case) -> list[Wanted]:
    """A search for the named text through the whole video, so that it can be said not to be there."""
    name = asked_text(case)
    return [] if name is None else [wanted("search_text", query=name, count=_MOST_LINES)]


def showings(trajectory: Trajectory, name: str) -> list[Line]:
    """Each time at which the text is on screen, in time order; copies of it at one time are one showing."""
    shown: list[Line] = []
    for line in text_lines(trajectory, "search_text"):
        if not _says(line, name):
            continue
        if shown and line.start_seconds <= shown[-1].stop_seconds + _JOINED_SECONDS:
            last = shown[-1]
            shown[-1] = replace(last, stop_seconds=max(last.stop_seconds, line.stop_seconds))
        else:
            shown.append(line)
    return shown


def asks_for_the_absent(case: Case) -> bool:
    """True for "which of these does not appear": then an option that is nowhere on screen is the right one."""
    return _NEGATED.search(case.reading.question.text) is not None


def is_missing(trajectory: Trajectory, name: str) -> bool:
    """True if screen text was read through the whole video and this is nowhere in it; False if nobody could look."""
    if trajectory.facts.duration_seconds > _SURE_SECONDS:
        return False
    everywhere = {c.id for c in trajectory.calls if c.name == "search_text" and "start" not in c.arguments}
    looked = any(r.call_id in everywhere and not r.observation.is_error for r in trajectory.results)
    return looked and not any(_says(line, name) for line in text_lines(trajectory))


def missing_answer(case: Case) -> Answer | None:
    """ "Not shown" for a question about a text that is nowhere on screen, or between texts of which none is."""
    name = asked_text(case)
    if name is None and asks_for_the_absent(case):
        return None
    names = [name] if name is not None else [written_in(option) for option in case.options]
    are_missing = [name is not None and is_missing(case.trajectory, name) for name in names]
    return not_shown(0.7) if names and all(are_missing) else None


def _says(line: Line, name: str) -> bool:
    if any(share >= 1.0 for _, share in mentions(name, [line])):
        return True
    wanted_words, found = words(name.casefold()), words(line.text.casefold())
    return bool(wanted_words) and all(any(_alike(word, other) for other in found) for word in wanted_words)


def _alike(word: str, other: str) -> bool:
    return SequenceMatcher(None, word, other, autojunk=False).ratio() >= _ALIKE
