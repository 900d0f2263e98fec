"""Questions about several videos: which of them has a text or a word, told where it is established for each.

Each video is asked about by itself. That a text is in one and missing in all others makes an answer; whatever else
would have to be compared is not known, and what each video brings by itself is told instead.
"""

import math
import re
from dataclasses import replace
from pathlib import Path

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import NO_PICTURES, abstain, answer_cannot_tell
from agent.policies.lite_rules.languages import detect_language, load_languages
from agent.policies.lite_rules.lines import find_mentions
from agent.policies.lite_rules.named_text import is_saying
from agent.policies.lite_rules.notes import collect_text_lines, make_line_evidence
from agent.policies.lite_rules.plan import Wanted, want_call
from agent.policies.lite_rules.reading import find_written_text
from agent.policies.lite_rules.words import split_words
from agent.trajectory import Answer, Evidence, Question, number_evidence

_VIDEOS = r"(?:videos?|clips?|films?|movies?|recordings?)"
_COUNT = r"(?:two|three|four|five|six|seven|eight)"
_OF = rf"of (?:them|(?:the |these |those )?(?:{_COUNT} {_VIDEOS}|{_COUNT}|{_VIDEOS}))"
_WHICH = re.compile(rf"^(?:in )?which (?:{_VIDEOS}|(?:one )?{_OF}|ones?(?! of))\b", re.I)
_NEGATED = re.compile(
    r"\b(?:not?|never|none|neither|nor|nothing|without|lack\w*|miss\w*|omit\w*|except|fails?)\b|n['’]t\b", re.I
)
_QUOTED = re.compile(r"[\"“«‘']([^\"”»’']{2,60})[\"”»’']")
_TELLING = frozenset(
    "a an the is are was were be been being does do did has have had can in on of at to it its that which this there "
    "with about he she they someone anyone anybody somebody shows show shown showing see sees seen appear appears "
    "appearing visible contain contains include includes display displays displayed say says said saying mention "
    "mentions mentioned speak speaks talk talks tell tells hear heard spoken read reads written screen sign signs word "
    "words text caption captions title label banner headline one".split()
)
"""Words of a question that tell that something is shown or said, and how: every other one tells what."""
_NAMING = frozenset("the a in video clip film movie recording file one number only".split())
_FOUND_CONFIDENCE, _ABSENT_CONFIDENCE = 0.8, 0.7
"""Confidence that a text is in a video, and that it is not: those of a named text in one video."""
_MOST_LINES, _MOST_SPEECH = 32, 1000  # lines asked of search_text and read_speech
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_MOST_EVIDENCE = 100
"""Pieces of evidence of an answer at most."""


def asks_which(question: Question) -> bool:
    """Whether a question asks which of its videos has something; not for one that asks which has it not."""
    is_negated = _NEGATED.search(_QUOTED.sub("", question.text)) is not None
    return _WHICH.match(question.text.strip()) is not None and not is_negated


def ask_of_each(question: Question) -> Question:
    """The question as it is asked of each video by itself: without options, folder, and "which of the videos"."""
    text = _WHICH.sub("", question.text.strip()) if asks_which(question) else ""
    return replace(question, text=text if text.strip(" ?") else question.text, options=(), other_videos=(), folder=None)


def number_call(want: Wanted, video: int) -> Wanted:
    """A wanted call with the number of its video."""
    return Wanted(want.tool, want.arguments | {"video": video})


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for what one of the videos may have: all its text or speech, or the moments that fit best."""
    if _is_spoken(case):
        return [want_call("read_speech", count=_MOST_SPEECH)]
    calls = [want_call("search_text", query=_find_name(case) or case.query, count=_MOST_LINES)]
    if not case.reading.is_sense_named:
        calls += [want_call("search_frames", query=case.query, count=3)]
    return calls


def answer_presence(case: QuestionContext) -> Answer:
    """Whether a video has the text or the words that are asked for: where, "not shown", or "I can't tell"."""
    name, words = _find_name(case), _list_words(case)
    if name is None and not (words and case.reading.is_sense_named):
        return answer_cannot_tell(case, NO_PICTURES)
    lines = case.speech_lines if _is_spoken(case) else collect_text_lines(case.trajectory)
    if name is None:
        some = [line for line in lines if any(find_mentions(word, [line]) for word in words)]
    else:
        in_name = split_words(name)
        # a number is wanted as it is: another one that looks like it is another one
        words = [word for word in words if word not in in_name or any(c.isdigit() for c in word)]
        some = [line for line in lines if is_saying(line, name)]
    found = [line for line in some if all(find_mentions(word, [line]) for word in words)]
    if found:
        evidence = tuple(make_line_evidence(case.trajectory, line) for line in found)
        return Answer(name or " ".join(words), None, _FOUND_CONFIDENCE, evidence)
    if some:  # the rest may be said in other words, or shown
        return answer_cannot_tell(case, "Only a part of what is asked for is found in words.")
    return abstain(case, "speech" if _is_spoken(case) else "text", _ABSENT_CONFIDENCE, name or " ".join(words))


def answer_which(question: Question, answers: list[Answer]) -> Answer:
    """The videos that have it, if that is established for each; else "I can't tell", with what is.

    Args:
        question: the question about all of them.
        answers: `answer_presence` of each.
    """
    having = [video for video, answer in enumerate(answers, start=1) if not answer.abstains]
    unknown = [answer for answer in answers if answer.cannot_tell]
    names = " and ".join(_name_video(question, video) for video in having)
    evidence = _number_evidence(answers)
    if having and question.folder is not None and not question.options:
        # that one has it is enough: of the rest of the folder nothing is claimed either
        return Answer(names, None, max(answers[video - 1].confidence or 0.0 for video in having), evidence)
    if unknown:
        known = f" {names[:1].upper()}{names[1:]}, {'has' if len(having) == 1 else 'have'} it." if having else ""
        return Answer(unknown[0].text + known, evidence=evidence, cannot_tell=True)
    confidence = round(math.prod(answer.confidence or 0.5 for answer in answers), 2)
    if not having:
        return Answer("not shown in these videos", None, confidence, not_shown=True)
    if not question.options:
        return Answer(names, None, confidence, evidence)
    naming = [place for place, option in enumerate(question.options) if _find_named(question, option) == having]
    if len(naming) != 1:
        return Answer(f"{_say_cannot_tell(question)} No option is {names} alone.", evidence=evidence, cannot_tell=True)
    return Answer(question.options[naming[0]], naming[0], confidence, evidence)


def answer_from_first(question: Question, answers: list[Answer]) -> Answer:
    """The answer of the first video of a folder that has one, with its name; the videos stand with the best fit first.

    How likely it is that no other video fits better is not known, so no confidence is stated.
    """
    for video, answer in enumerate(answers, start=1):
        if not answer.abstains and answer.evidence:
            evidence = tuple(number_evidence(item, video) for item in answer.evidence)
            return Answer(f"{_name_video(question, video)}: {answer.text}", evidence=evidence)
    return list_answers(question, answers)


def list_answers(question: Question, answers: list[Answer]) -> Answer:
    """ "I can't tell", with the answer that each video by itself would give."""
    told = "; ".join(
        f"{_name_video(question, video)}: {answer.text}"
        for video, answer in enumerate(answers, start=1)
        if not answer.cannot_tell
    )
    why = "I compare videos only by the texts and words that they have or have not."
    of_each = f" Asked of each by itself: {told}" if told else ""
    said = f"{_say_cannot_tell(question)} {why}{of_each}"
    return Answer(said, evidence=_number_evidence(answers), cannot_tell=True)


def _find_name(case: QuestionContext) -> str | None:
    """The text that the question names, by what it is written on or in quotation marks; None without one."""
    text = case.reading.question.text
    if (quoted := _QUOTED.search(text)) is not None:
        return quoted[1]
    if (written := find_written_text(text)) is None:
        return None
    numbered = re.search(rf"{re.escape(written)}(?: \d[\w.:-]*)+", text)
    return written if numbered is None else numbered[0]


def _list_words(case: QuestionContext) -> list[str]:
    """The words that tell what a video is to have."""
    return [word for word in split_words(case.reading.question.text) if word.casefold() not in _TELLING]


def _is_spoken(case: QuestionContext) -> bool:
    return case.reading.senses[0] == "speech"


def _number_evidence(answers: list[Answer]) -> tuple[Evidence, ...]:
    ofs = (number_evidence(item, n) for n, answer in enumerate(answers, start=1) for item in answer.evidence)
    return tuple(ofs)[:_MOST_EVIDENCE]


def _name_video(question: Question, video: int) -> str:
    return f"video {video}, {Path(question.videos[video - 1]).name}"


def _find_named(question: Question, option: str) -> list[int]:
    """The numbers of the videos that an option names, by number or by the name of the file, and by nothing else."""
    words = {word.casefold() for word in split_words(option)} - _NAMING
    return [
        number
        for number, path in enumerate(question.videos, start=1)
        if words in ({str(number)}, {_ORDINALS[number - 1]})
        or option.strip().casefold() in (Path(path).name.casefold(), Path(path).stem.casefold())
    ]


def _say_cannot_tell(question: Question) -> str:
    return (detect_language(question.text) or load_languages()["en"]).cannot_tell
