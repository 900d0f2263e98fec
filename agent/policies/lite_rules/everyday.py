"""Questions that suit any video: what it is about, what is said, how long it is, what is on screen at a second.

Every answer is quoted from the screen, the speech or the file; what none of them has, `lite` can't tell.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from agent.policies.lite_rules import languages
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import (
    NO_PICTURES,
    abstain,
    answer_cannot_tell,
    answer_not_shown,
    find_hidden_reasons,
)
from agent.policies.lite_rules.languages import Language
from agent.policies.lite_rules.lines import FoundLine, find_mentions
from agent.policies.lite_rules.notes import make_line_evidence
from agent.policies.lite_rules.occurrences import collect_legible_lines
from agent.policies.lite_rules.pieces.overlap import compute_relevances
from agent.policies.lite_rules.plan import Wanted, make_span_arguments, want_call
from agent.policies.lite_rules.words import split_words
from agent.trajectory import Answer, Evidence

_MOST_SPEECH = 1000
"""Lines of speech asked of read_speech."""
_MOST_LINES = 32
"""Lines of text asked of search_text."""
_MOST_TOLD = 6
"""Lines of text and of speech that a summary quotes."""
_MOST_READ = 20
"""Lines that an answer to "what is written there" quotes."""
_MOST_QUOTED = 100
"""Lines that an answer has as evidence: as many pieces as an answer may have."""
_QUOTED = 0.93
"""Confidence that a quotation answers the question: 12 of 12 on development clips, by the rule of succession."""
_CERTAIN = 0.95
"""Confidence of a property of the file, and of a transcript."""
_ABOUT = 0.35
"""Relevance from which a sentence speaks of a topic; chosen on generated talks."""


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for an everyday question: all text and speech of the asked seconds, none for the file's facts."""
    wants, span = case.reading.wants, make_span_arguments(case.span)
    calls = [want_call("overview", count=4)]
    if wants in ("length", "size") or (wants == "recorded" and case.trajectory.facts.created_at):
        return calls
    if wants not in ("transcript", "statement"):
        calls.append(want_call("search_text", query="", count=_MOST_LINES, **span))
        if case.reading.instant is not None:
            calls.append(want_call("read_text", seconds=case.reading.instant))
    return [*calls, want_call("read_speech", count=_MOST_SPEECH, **span)]


def answer(case: QuestionContext) -> Answer:
    """An answer quoted from the file, the screen or the speech."""
    match case.reading.wants:
        case "length":
            seconds = case.duration_seconds - case.start_seconds
            return _answer_with_fact(case, f"{seconds:.1f} s ({int(seconds) // 60}:{int(seconds) % 60:02})")
        case "size":
            if not (facts := case.trajectory.facts).has_pictures:
                return answer_cannot_tell(case)
            return _answer_with_fact(case, f"{facts.width}x{facts.height} pixels")
        case "recorded":
            if created := case.trajectory.facts.created_at:
                return _answer_with_fact(case, f"By the file it was created at {created}")
            return answer_cannot_tell(case, "When it was recorded is not on record.")
        case "sound":
            return answer_cannot_tell(
                case, "Of sound I tell speech, singing and music apart, and understand what is said."
            )
        case "unread":
            return answer_cannot_tell(case, f"I read questions in {', '.join(languages.load_languages())} only.")
        case "transcript":
            return (
                _answer_with_quotes(case, _CERTAIN, said=case.speech_lines)
                if case.speech_lines
                else abstain(case, "speech")
            )
        case "statement":
            return _answer_statement(case)
        case "errors":
            return _answer_errors(case)
        case "exists":
            return _answer_presence(case)
        case "texts":
            return _answer_with_quotes(case, _QUOTED, shown=_choose_central_lines(case, case.text_lines, _MOST_READ))
        case _:
            shown = collect_legible_lines(case.trajectory) if case.reading.wants == "summary" else []
            shown = shown or case.text_lines
            return _answer_with_quotes(
                case,
                _QUOTED,
                shown=_choose_central_lines(case, shown),
                said=_choose_central_lines(case, case.speech_lines),
            )


def _answer_with_fact(case: QuestionContext, text: str) -> Answer:
    looked = {result.call_id for result in case.trajectory.results if not result.observation.is_error}
    calls = tuple(call.id for call in case.trajectory.calls if call.name == "overview" and call.id in looked)
    whole = Evidence(case.start_seconds, case.duration_seconds, calls, source="video", note="what the file says")
    return Answer(text, None, _CERTAIN, (whole,))


def _answer_with_quotes(
    case: QuestionContext, confidence: float, shown: Sequence[FoundLine] = (), said: Sequence[FoundLine] = ()
) -> Answer:
    """An answer that quotes lines; "I can't tell" where there are none."""
    if not shown and not said:
        return answer_cannot_tell(case, NO_PICTURES)
    language = case.reading.language
    parts = []
    if shown:
        parts.append(f"{language.shown}: " + " / ".join(f"“{text}”" for text in dict.fromkeys(x.text for x in shown)))
    if said:
        parts.append(f"{language.said}: “{' '.join(line.text for line in said)}”")
    evidence = tuple(make_line_evidence(case.trajectory, line) for line in [*shown, *said][:_MOST_QUOTED])
    return Answer("\n".join(parts), None, confidence, evidence)


def _choose_central_lines(case: QuestionContext, lines: Sequence[FoundLine], most: int = _MOST_TOLD) -> list[FoundLine]:
    """The lines most similar to all others together, in order of time."""
    distinct = list({line.text: line for line in reversed(lines)}.values())
    if len(distinct) <= most or case.similarity is None:
        return sorted(distinct, key=lambda line: line.start_seconds)[:most]
    everything = " ".join(line.text for line in distinct)
    likeness = case.similarity(everything, [line.text for line in distinct])
    ranked = sorted(zip(likeness, distinct, strict=True), key=lambda pair: -pair[0])
    return sorted((line for _, line in ranked[:most]), key=lambda line: line.start_seconds)


def _answer_statement(case: QuestionContext) -> Answer:
    """An answer with the sentences about a topic; that none is, is claimed only in the language that is spoken."""
    lines, speech = case.speech_lines, case.reading.language.senses["speech"]
    topic = [word for word in case.reading.asked if not speech.search(word)]
    scored = list(zip(compute_relevances(case.reading, lines, case.similarity), lines, strict=True))
    best = max((score for score, _ in scored), default=0.0)
    about = [line for score, line in scored if score >= max(_ABOUT, 0.7 * best)]
    named = [line for line in lines if any(find_mentions(word, [line]) for word in topic)]
    if named or about:
        return _answer_with_quotes(case, _QUOTED if named else 0.45, said=named or about)
    spoken = languages.detect_language(" ".join(line.text for line in lines))
    if not lines or spoken is case.reading.language:
        return _answer_unsaid(case, " ".join(topic))
    return answer_cannot_tell(case, "What is said is in another language than the question.")


def _answer_unsaid(case: QuestionContext, topic: str) -> Answer:
    reasons = find_hidden_reasons(case, "speech", topic)
    return (
        answer_cannot_tell(case, *reasons)
        if reasons
        else answer_not_shown(0.7, f"{case.reading.language.unsaid}: {topic}")
    )


def _answer_errors(case: QuestionContext) -> Answer:
    patterns = [language.wants["errors"] for language in languages.load_languages().values()]
    found = [line for line in case.text_lines if _FAULT.search(line.text) or any(p.search(line.text) for p in patterns)]
    beside = [line for line in case.text_lines if line not in found and any(_is_under(line, x) for x in found)]
    if found:
        return _answer_with_quotes(
            case, _QUOTED, shown=sorted([*found, *beside], key=lambda line: line.start_seconds)[:_MOST_TOLD]
        )
    return answer_cannot_tell(case, "I read no text that speaks of an error.")


_FAULT = re.compile(
    r"error|fail|exception|traceback|not found|denied|invalid|warning|cannot|could not|refused|fatal", re.I
)


def _is_under(line: FoundLine, other: FoundLine) -> bool:
    if line.box is None or other.box is None or not line.is_with(other):
        return False
    return 0 <= line.box[1] - other.box[3] + other.height / 2 < 2 * other.height


def _answer_presence(case: QuestionContext) -> Answer:
    """An answer that quotes where a thing is named on screen or in speech; else an abstention."""
    language, text = case.reading.language, case.reading.question.text
    place = _find_place(text, language)
    named = [w for w in case.reading.asked if w not in split_words(place) and not language.senses["written"].search(w)]
    if not case.reading.is_sense_named or not named:
        return answer_cannot_tell(case, NO_PICTURES)
    if found := [line for line in case.meant_lines if all(find_mentions(word, [line]) for word in named)]:
        quoted = _answer_with_quotes(case, _QUOTED, [x for x in found if not x.spoken], [x for x in found if x.spoken])
        return replace(quoted, text=f"{language.yes}. {quoted.text}")
    if any(find_mentions(word, case.meant_lines) for word in named):
        return answer_cannot_tell(case, "Only a part of what is asked for is found in words.")
    if not place and not language.senses["saying"].search(text):  # how a sign is, its words need not say
        return answer_cannot_tell(case, NO_PICTURES)
    return abstain(case, case.reading.senses[0], 0.6, " ".join(named))


def _find_place(text: str, language: Language) -> str:
    """The part of a question that names what text stands on, as "on the price list"; empty without one."""
    at, written = (language.senses[name].pattern for name in ("at", "written"))
    match = re.search(rf"\b{at}\b(?:\W+\w+){{0,3}}?\W+(?:{written})\w*", text, re.IGNORECASE)
    return match[0] if match is not None else ""
