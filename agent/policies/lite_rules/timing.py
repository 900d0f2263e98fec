"""Questions of when something happens: options that are intervals, and open questions for a second."""

import re
from collections.abc import Sequence

from agent.policies.lite_rules import answering, named_text, ranking
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.choosing import find_notable_changes
from agent.policies.lite_rules.clock import find_running_clock
from agent.policies.lite_rules.establishing import abstain, answer_cannot_tell
from agent.policies.lite_rules.lines import find_mentions
from agent.policies.lite_rules.notes import CitedFinding, iterate_findings, make_finding_evidence, make_line_evidence
from agent.policies.lite_rules.pieces.overlap import compute_relevances
from agent.policies.lite_rules.plan import Wanted, make_span_arguments, want_call
from agent.policies.lite_rules.reading import AskedSpan
from agent.policies.lite_rules.words import parse_clock_seconds
from agent.trajectory import Answer, Evidence

_CHANGE_WEIGHT, _PICTURE_WEIGHT, _WORDS_WEIGHT = 1.0, 0.4, 1.5  # of the sources' shares in an interval's score
_NAMED_WEIGHT = 6.0
"""Weight of a named text, more than all others together: it is on screen at a known time."""
_STATED = 0.35
"""Confidence from which a written or spoken date or hour is the answer to "when", and not a second of the video."""
_NAMED_SECOND, _MENTIONED_SECOND, _LIKELY_SECOND = 0.6, 0.5, 0.35
"""Confidence of the second of a line that names what is asked for, in the asked sense and in another one (what is
spoken of need not happen), and of a line that is only like it."""
_BEGINS = re.compile(
    r"\b(?:appears?|enters?|visible|comes? in(?:to)?|starts?|begins?|ignites?|arrives?|slides? in)\b", re.I
)
"""Words for something that was not there before: then the first notable change is the event, not the strongest."""


def plan_interval_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for interval options: cuts, changes, and a search within each option's seconds."""
    spans = case.reading.option_spans
    around = make_span_arguments(
        _clip_span(AskedSpan(max(0.0, min(s.start_seconds for s in spans) - 1), case.duration_seconds), case)
    )
    calls = [
        want_call("overview", count=4),
        want_call("find_changes", count=12, **around),
        want_call("list_shots", **around),
    ]
    for span in spans:
        calls.append(
            want_call("search_frames", query=case.query, count=1, **make_span_arguments(_clip_span(span, case)))
        )
    if case.reading.senses[0] == "speech":
        calls.append(want_call("search_speech", query=case.query))
    if case.reading.senses[0] == "text":
        calls.append(want_call("search_text", query=case.query))
    return calls


def answer_interval(case: QuestionContext) -> Answer:
    """An answer with the option whose seconds have the highest score of all sources."""
    spans = case.reading.option_spans
    change = _normalize([_score_changes(case, span) for span in spans])
    found = [_find_best_moment(case, span) for span in spans]
    picture = _normalize([note.finding.score or 0.0 if note is not None else 0.0 for note in found])
    words = _normalize([_score_words(case, span) for span in spans])
    named = _normalize([_measure_named_seconds(case, span) for span in spans])
    scores = [
        _CHANGE_WEIGHT * c + _PICTURE_WEIGHT * p + _WORDS_WEIGHT * w + _NAMED_WEIGHT * n
        for c, p, w, n in zip(change, picture, words, named, strict=True)
    ]
    best = max(range(len(spans)), key=lambda i: scores[i])
    confidence = scores[best] / (sum(scores) or 1.0)
    evidence = _collect_evidence(case, spans[best], found[best])
    return Answer(case.options[best], best, round(min(0.9, confidence), 2), evidence)


def _clip_span(span: AskedSpan, case: QuestionContext) -> AskedSpan:
    start = min(span.start_seconds, max(0.0, case.duration_seconds - 0.2))
    return AskedSpan(start, max(start + 0.1, min(span.stop_seconds, case.duration_seconds)))


def _score_changes(case: QuestionContext, span: AskedSpan) -> float:
    question = case.reading.question.text.casefold()
    if any(word in question for word in ("cut", "scene change", "switch", "transition")):
        cuts = [
            n.finding.start_seconds for n in iterate_findings(case.trajectory, "shot") if n.finding.start_seconds > 0
        ]
        middle = (span.start_seconds + span.stop_seconds) / 2
        return max((1.0 / (1.0 + abs(cut - middle)) for cut in cuts), default=0.0)
    # an event belongs to the interval in which it starts
    starting = [note.finding for note in iterate_findings(case.trajectory, "change")]
    if case.reading.edge == "first" and _BEGINS.search(question):
        starting = [note.finding for note in find_notable_changes(case)[:1]]
    return sum(f.score or 0.0 for f in starting if span.start_seconds <= f.start_seconds < span.stop_seconds)


def _find_best_moment(case: QuestionContext, span: AskedSpan) -> CitedFinding | None:
    inside = [
        note
        for note in iterate_findings(case.trajectory, "moment")
        if span.start_seconds - 0.5 <= note.finding.start_seconds <= span.stop_seconds
    ]
    return max(inside, key=lambda note: note.finding.score or 0.0, default=None)


def _score_words(case: QuestionContext, span: AskedSpan) -> float:
    lines = case.meant_lines
    scored = zip(lines, compute_relevances(case.reading, lines, case.similarity), strict=True)
    inside = [r for line, r in scored if span.start_seconds <= line.start_seconds < span.stop_seconds]
    return max((r for r in inside if r >= 0.3), default=0.0)


def _measure_named_seconds(case: QuestionContext, span: AskedSpan) -> float:
    """The seconds of a span in which the text that the question names is on screen."""
    shown = named_text.find_asked_showings(case)
    ends = [(max(span.start_seconds, s.start_seconds), min(span.stop_seconds, s.stop_seconds)) for s in shown]
    return sum(max(0.0, stop - start) for start, stop in ends)


def _normalize(values: Sequence[float]) -> list[float]:
    total = sum(max(0.0, value) for value in values)
    return [max(0.0, value) / total if total else 0.0 for value in values]


def _collect_evidence(case: QuestionContext, span: AskedSpan, found: CitedFinding | None) -> tuple[Evidence, ...]:
    events = [*iterate_findings(case.trajectory, "change"), *iterate_findings(case.trajectory, "shot")]
    inside = [n for n in events if span.start_seconds - 0.5 <= n.finding.start_seconds <= span.stop_seconds]
    best = sorted((n for n in inside if n.finding.start_seconds > 0), key=lambda n: -(n.finding.score or 0.0))[:2]
    if best:
        return tuple(make_finding_evidence(note, note.finding.text) for note in best)
    return (make_finding_evidence(found, "best match of the search"),) if found is not None else ()


def plan_moment_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for an open "when": text and speech that say it, a running clock, and the picture."""
    calls = [want_call("overview", count=6), want_call("search_text", query=case.query)]
    calls += [want_call("search_speech", query=case.query), want_call("search_frames", query=case.query, count=5)]
    calls.append(want_call("find_changes", count=8))
    value, clock = parse_clock_seconds(case.reading.question.text), find_running_clock(case.text_lines)
    if value is not None and clock is not None:
        at = clock.seconds_when(value)
        tries = (at - 1.0, at, at + 0.5)
        calls += [want_call("read_text", seconds=round(t, 2)) for t in tries if 0 <= t < case.duration_seconds]
    return calls


def answer_moment(case: QuestionContext) -> Answer:
    """An answer with the second at which the strongest source first finds what is asked for."""
    value = parse_clock_seconds(case.reading.question.text)
    lines = case.text_lines
    if value is not None:
        shown = [line for line in lines if parse_clock_seconds(line.text) == value]
        if shown:
            return _answer_with_seconds(shown[0].start_seconds, 0.9, make_line_evidence(case.trajectory, shown[0]))
        if any(parse_clock_seconds(line.text) is not None for line in lines):
            return answer_cannot_tell(case, "The clock is not read at every moment.")
        return abstain(case, "text", 0.6)
    stated = answering.rank_pieces(case)
    if stated and ranking.compute_confidence(case.reading, stated) >= _STATED:
        return answering.answer_with_piece(case, stated)
    said = case.meant_lines
    ranked = sorted(
        zip(said, compute_relevances(case.reading, said, case.similarity), strict=True), key=lambda pair: -pair[1]
    )
    if ranked and ranked[0][1] >= 0.5:
        line = ranked[0][0]
        is_named = any(find_mentions(word, [line]) for word in case.reading.asked)  # else it is only near in meaning
        is_meant = line.sense == case.reading.senses[0]
        confidence = _LIKELY_SECOND if not is_named else _NAMED_SECOND if is_meant else _MENTIONED_SECOND
        return _answer_with_seconds(line.start_seconds, confidence, make_line_evidence(case.trajectory, line))
    moments = sorted(iterate_findings(case.trajectory, "moment"), key=lambda n: -(n.finding.score or 0.0))
    if not moments or case.reading.senses == ("speech",):
        return abstain(case, "speech" if case.reading.senses == ("speech",) else "picture")
    return _answer_with_seconds(
        moments[0].finding.start_seconds, _LIKELY_SECOND, make_finding_evidence(moments[0], "best match of the search")
    )


def _answer_with_seconds(seconds: float, confidence: float, evidence: Evidence) -> Answer:
    return Answer(f"{seconds:.1f}".removesuffix(".0") + " seconds", None, confidence, (evidence,))
