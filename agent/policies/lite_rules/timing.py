"""Questions of when something happens: options that are intervals, and open questions for a second."""

import re
from collections.abc import Sequence

from agent.policies.lite_rules import answering, named_text, ranking
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.choosing import notable_changes
from agent.policies.lite_rules.clock import running_clock
from agent.policies.lite_rules.establishing import cannot_tell, nothing_found
from agent.policies.lite_rules.notes import CitedFinding, evidence_of_line, evidence_of_note, notes
from agent.policies.lite_rules.plan import Wanted, span_arguments, wanted
from agent.policies.lite_rules.ranking import relevances
from agent.policies.lite_rules.reading import AskedSpan
from agent.policies.lite_rules.words import clock_seconds
from agent.trajectory import Answer, Evidence

_CHANGE_WEIGHT, _PICTURE_WEIGHT, _WORDS_WEIGHT = 1.0, 0.4, 1.5  # of the sources' shares in an interval's score
_NAMED_WEIGHT = 6.0
"""Weight of a named text, more than all others together: it is on screen at a known time."""
_STATED = 0.35
"""Confidence from which a written or spoken date or hour is the answer to "when", and not a second of the video."""
_BEGINS = re.compile(
    r"\b(?:appears?|enters?|visible|comes? in(?:to)?|starts?|begins?|ignites?|arrives?|slides? in)\b", re.I
)
"""Words for something that was not there before: then the first notable change is the event, not the strongest."""


def interval_looks(case: QuestionContext) -> list[Wanted]:
    """The tool calls for interval options: cuts, changes, and a search within each option's seconds."""
    spans = case.reading.option_spans
    around = span_arguments(
        _inside(AskedSpan(max(0.0, min(s.start_seconds for s in spans) - 1), case.duration_seconds), case)
    )
    calls = [wanted("overview", count=4), wanted("find_changes", count=12, **around), wanted("list_shots", **around)]
    for span in spans:
        calls.append(wanted("search_frames", query=case.query, count=1, **span_arguments(_inside(span, case))))
    if case.reading.senses[0] == "speech":
        calls.append(wanted("search_speech", query=case.query))
    if case.reading.senses[0] == "text":
        calls.append(wanted("search_text", query=case.query))
    return calls


def interval_answer(case: QuestionContext) -> Answer:
    """An answer with the option whose seconds have the highest score of all sources."""
    spans = case.reading.option_spans
    change = _shares([_changes_in(case, span) for span in spans])
    found = [_search_in(case, span) for span in spans]
    picture = _shares([note.finding.score or 0.0 if note is not None else 0.0 for note in found])
    words = _shares([_words_in(case, span) for span in spans])
    named = _shares([_named_in(case, span) for span in spans])
    scores = [
        _CHANGE_WEIGHT * c + _PICTURE_WEIGHT * p + _WORDS_WEIGHT * w + _NAMED_WEIGHT * n
        for c, p, w, n in zip(change, picture, words, named, strict=True)
    ]
    best = max(range(len(spans)), key=lambda i: scores[i])
    confidence = scores[best] / (sum(scores) or 1.0)
    evidence = _evidence_in(case, spans[best], found[best])
    return Answer(case.options[best], best, round(min(0.9, confidence), 2), evidence)


def _inside(span: AskedSpan, case: QuestionContext) -> AskedSpan:
    start = min(span.start_seconds, max(0.0, case.duration_seconds - 0.2))
    return AskedSpan(start, max(start + 0.1, min(span.stop_seconds, case.duration_seconds)))


def _changes_in(case: QuestionContext, span: AskedSpan) -> float:
    question = case.reading.question.text.casefold()
    if any(word in question for word in ("cut", "scene change", "switch", "transition")):
        cuts = [n.finding.start_seconds for n in notes(case.trajectory, "shot") if n.finding.start_seconds > 0]
        middle = (span.start_seconds + span.stop_seconds) / 2
        return max((1.0 / (1.0 + abs(cut - middle)) for cut in cuts), default=0.0)
    # an event belongs to the interval in which it starts
    starting = [note.finding for note in notes(case.trajectory, "change")]
    if case.reading.edge == "first" and _BEGINS.search(question):
        starting = [note.finding for note in notable_changes(case)[:1]]
    return sum(f.score or 0.0 for f in starting if span.start_seconds <= f.start_seconds < span.stop_seconds)


def _search_in(case: QuestionContext, span: AskedSpan) -> CitedFinding | None:
    inside = [
        note
        for note in notes(case.trajectory, "moment")
        if span.start_seconds - 0.5 <= note.finding.start_seconds <= span.stop_seconds
    ]
    return max(inside, key=lambda note: note.finding.score or 0.0, default=None)


def _words_in(case: QuestionContext, span: AskedSpan) -> float:
    lines = [*case.text_lines, *case.speech_lines]
    scored = zip(lines, relevances(case.reading, lines, case.similarity), strict=True)
    inside = [r for line, r in scored if span.start_seconds <= line.start_seconds < span.stop_seconds]
    return max((r for r in inside if r >= 0.3), default=0.0)


def _named_in(case: QuestionContext, span: AskedSpan) -> float:
    """The seconds of a span in which the text that the question names is on screen."""
    name = named_text.asked_text(case)
    shown = [] if name is None else named_text.showings(case.trajectory, name)
    ends = [(max(span.start_seconds, s.start_seconds), min(span.stop_seconds, s.stop_seconds)) for s in shown]
    return sum(max(0.0, stop - start) for start, stop in ends)


def _shares(values: Sequence[float]) -> list[float]:
    total = sum(max(0.0, value) for value in values)
    return [max(0.0, value) / total if total else 0.0 for value in values]


def _evidence_in(case: QuestionContext, span: AskedSpan, found: CitedFinding | None) -> tuple[Evidence, ...]:
    events = [*notes(case.trajectory, "change"), *notes(case.trajectory, "shot")]
    inside = [n for n in events if span.start_seconds - 0.5 <= n.finding.start_seconds <= span.stop_seconds]
    best = sorted((n for n in inside if n.finding.start_seconds > 0), key=lambda n: -(n.finding.score or 0.0))[:2]
    if best:
        return tuple(evidence_of_note(note, note.finding.text) for note in best)
    return (evidence_of_note(found, "best match of the search"),) if found is not None else ()


def moment_looks(case: QuestionContext) -> list[Wanted]:
    """The tool calls for an open "when": text and speech that say it, a running clock, and the picture."""
    calls = [wanted("overview", count=6), wanted("search_text", query=case.query)]
    calls += [wanted("search_speech", query=case.query), wanted("search_frames", query=case.query, count=5)]
    calls.append(wanted("find_changes", count=8))
    value, clock = clock_seconds(case.reading.question.text), running_clock(case.text_lines)
    if value is not None and clock is not None:
        at = clock.seconds_when(value)
        tries = (at - 1.0, at, at + 0.5)
        calls += [wanted("read_text", seconds=round(t, 2)) for t in tries if 0 <= t < case.duration_seconds]
    return calls


def moment_answer(case: QuestionContext) -> Answer:
    """An answer with the second at which the strongest source first finds what is asked for."""
    value = clock_seconds(case.reading.question.text)
    lines = case.text_lines
    if value is not None:
        shown = [line for line in lines if clock_seconds(line.text) == value]
        if shown:
            return _at(shown[0].start_seconds, 0.9, evidence_of_line(case.trajectory, shown[0]))
        if any(clock_seconds(line.text) is not None for line in lines):
            return cannot_tell(case, "The clock is not read at every moment.")
        return nothing_found(case, "text", 0.6)
    stated = answering.ranked_pieces(case)
    if stated and ranking.confidence(case.reading, stated) >= _STATED:
        return answering.answer_of(case, stated)
    said = [*lines, *case.speech_lines]
    ranked = sorted(zip(said, relevances(case.reading, said, case.similarity), strict=True), key=lambda pair: -pair[1])
    if ranked and ranked[0][1] >= 0.5:
        return _at(ranked[0][0].start_seconds, 0.6, evidence_of_line(case.trajectory, ranked[0][0]))
    moments = sorted(notes(case.trajectory, "moment"), key=lambda n: -(n.finding.score or 0.0))
    if not moments:
        return nothing_found(case, "picture")
    return _at(moments[0].finding.start_seconds, 0.35, evidence_of_note(moments[0], "best match of the search"))


def _at(seconds: float, confidence: float, evidence: Evidence) -> Answer:
    return Answer(f"{seconds:.1f}".removesuffix(".0") + " seconds", None, confidence, (evidence,))
