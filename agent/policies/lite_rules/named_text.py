"""Questions that name a text in the picture, as `the word ORCHARD`: the text is found for certain, or missing.

Screen text is what is read most surely without a vision-language model. So text that a question names is looked for
through the whole video; it leads to the thing that carries it, and where it is nowhere, the question has no answer.
"""

import re
from dataclasses import replace
from difflib import SequenceMatcher

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import abstain, answer_cannot_tell, find_hidden_reasons
from agent.policies.lite_rules.lines import FoundLine, is_run_together
from agent.policies.lite_rules.notes import collect_text_lines, iterate_findings, make_line_evidence
from agent.policies.lite_rules.plan import Wanted, want_call
from agent.policies.lite_rules.reading import find_written_text
from agent.policies.lite_rules.words import parse_number, split_words
from agent.policies.lite_rules.words import to_latin_lookalikes as looks_of
from agent.trajectory import Answer, Trajectory
from tools.observation import UNREADABLE_LETTERS
from tools.words import stem

_MOST_LINES = 32
"""Lines of text asked of search_text."""
_MOST_SPEECH = 1000
"""Lines of speech asked of read_speech."""
_PRESENCE_CONFIDENCE = 0.8
"""Confidence of an answer by presence."""
_JOINED_SECONDS = 1.0
"""Seconds between two spans of one text below which they are one showing, with a failed reading between."""
_NEGATED = re.compile(r"\b(?:not|never|none|except|missing)\b|n['’]t\b", re.I)
_IS_THERE = re.compile(
    r"^(?:is|are|was|were|does|do|did|can|has|have)\b.*\b(?:shown|visible|seen|see|on (?:the )?screen|appears?|there|"
    r"said|spoken|mentioned|heard|written|"
    r"in (?:the|this) (?:video|clip|film|picture))\b",
    re.I,
)
_ALIKE = 0.8
"""Similarity (0..1) of letters from which a word is another one misread."""
_LEAST_MISREAD = 4
"""Letters of a word that may be misread: a shorter one that is nearly it is another word, as `on` and `one`."""
_UNIT = re.compile(r"[$€£¥₽%°]")
_ARTICLES = frozenset(("a", "an", "the"))


def find_asked_text(case: QuestionContext) -> str | None:
    """The text that the question names, unless it is to be heard; None without one."""
    return _find_named_text(case) if case.reading.senses[0] != "speech" else None


def _find_named_text(case: QuestionContext) -> str | None:
    return find_written_text(case.reading.question.text) if case.reading.question.task == "answer" else None


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for a named text: a search through the whole video, so that its absence can be claimed."""
    name = _find_named_text(case)
    if name is None:
        return []
    if find_asked_text(case) is not None:
        return [want_call("search_text", query=name, count=_MOST_LINES)]
    return [want_call("read_speech", count=_MOST_SPEECH)] if _find_yes_and_no(case) is not None else []


def find_asked_showings(case: QuestionContext) -> list[FoundLine]:
    """The showings of the text that the question names; empty without one."""
    name = find_asked_text(case)
    return [] if name is None else find_showings(case.trajectory, name)


def find_showings(trajectory: Trajectory, name: str) -> list[FoundLine]:
    """The showings of a text on screen, in time order; copies at one time are one showing."""
    shown: list[FoundLine] = []
    for line in collect_text_lines(trajectory, "search_text"):
        if not is_saying(line, name):
            continue
        if shown and line.start_seconds <= shown[-1].stop_seconds + _JOINED_SECONDS:
            last = shown[-1]
            shown[-1] = replace(last, stop_seconds=max(last.stop_seconds, line.stop_seconds))
        else:
            shown.append(line)
    return shown


def is_about_absence(case: QuestionContext) -> bool:
    """Whether a question asks what does not appear: then an option that is nowhere on screen is the right one."""
    return _NEGATED.search(case.reading.question.text) is not None


def is_missing(case: QuestionContext, name: str) -> bool:
    """Whether a text is nowhere in the screen text of the whole video; False if it may be hidden."""
    found = any(is_saying(line, name) for line in collect_text_lines(case.trajectory))
    return not found and not find_hidden_reasons(case, "text", name)


def answer_by_presence(case: QuestionContext) -> Answer | None:
    """An answer from whether a named text is there at all; None where that leaves the question open."""
    name = _find_named_text(case)
    if name is not None and find_asked_text(case) is None:
        said = [line for line in case.speech_lines if is_saying(line, name)]
        return _answer_presence(case, said, name) if _find_yes_and_no(case) is not None else None
    if name is not None:
        read = [line for line in collect_text_lines(case.trajectory) if is_saying(line, name)]
        return _answer_presence(case, find_showings(case.trajectory, name) or read, name)
    if is_about_absence(case):
        return None
    if case.options and all(is_unreadable(case, option) for option in case.options):
        return answer_cannot_tell(case, *case.trajectory.gaps)
    names = [each for option in case.options if (each := find_written_text(option)) is not None]
    is_any_shown = any(find_showings(case.trajectory, each) for each in names)
    return None if not names or len(names) < len(case.options) or is_any_shown else abstain(case, "text")


def is_unreadable(case: QuestionContext, text: str) -> bool:
    """Whether a text has a letter that the text reader said it can't read."""
    facts = (note.finding.text for note in iterate_findings(case.trajectory, "fact", "search_text"))
    return any(letter in text for fact in facts for letter in fact.removeprefix(UNREADABLE_LETTERS))


def _answer_presence(case: QuestionContext, found: list[FoundLine], name: str) -> Answer | None:
    answers = _find_yes_and_no(case)
    if found:
        return None if answers is None else _answer_with_choice(case, answers[0], "yes", found)
    absent = abstain(case, case.reading.senses[0] if find_asked_text(case) is None else "text", 0.7, name)
    return (
        _answer_with_choice(case, answers[1], "no", [])
        if absent.not_shown and answers is not None and case.options
        else absent
    )


def _answer_with_choice(case: QuestionContext, place: int, text: str, found: list[FoundLine]) -> Answer:
    evidence = tuple(make_line_evidence(case.trajectory, line) for line in found)
    if not case.options:
        return Answer(text, None, _PRESENCE_CONFIDENCE, evidence)
    return Answer(case.options[place], place, _PRESENCE_CONFIDENCE, evidence)


def _find_yes_and_no(case: QuestionContext) -> tuple[int, int] | None:
    """The indices of "yes" and "no" among the options, (0, 0) without options; None where presence is not asked."""
    if not _IS_THERE.search(case.reading.question.text) or is_about_absence(case):
        return None
    firsts = [split_words(option.casefold())[:1] for option in case.options]
    if not firsts:
        return 0, 0
    return (firsts.index(["yes"]), firsts.index(["no"])) if ["yes"] in firsts and ["no"] in firsts else None


def is_saying(line: FoundLine, name: str) -> bool:
    """Whether a line has all words of a text, some of their letters misread maybe, and its numbers as they are."""
    name, text = looks_of(name), looks_of(line.text)
    words, found = split_words(name.casefold()), split_words(text.casefold())
    # an article may stand on another line; `GATE A` ends with none
    wanted = [word for word, after in zip(words, [*words[1:], ""], strict=True) if word not in _ARTICLES or not after]
    if not wanted or not _may_be_same_units(name, text):
        return False
    left = iter(found)  # read on from word to word: `5 OF 12` is not `12 OF 5`
    return is_run_together(name, text) or all(any(_is_alike(word, other) for other in left) for word in wanted)


def _may_be_same_units(name: str, text: str) -> bool:
    """Whether two texts have a unit's sign in common, or one of them has none, which may be misread."""
    wanted, found = set(_UNIT.findall(name)), set(_UNIT.findall(text))
    return not wanted or not found or bool(wanted & found)


def _is_alike(word: str, other: str) -> bool:
    if (value := parse_number(word)) is not None or any(letter.isdigit() for letter in word):
        return word == other or (value is not None and value == parse_number(other))
    if stem(word) == stem(other):
        return True
    is_long = min(len(word), len(other)) >= _LEAST_MISREAD
    return is_long and SequenceMatcher(None, word, other, autojunk=False).ratio() >= _ALIKE
