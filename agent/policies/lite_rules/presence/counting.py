"""Questions of how often: showings of a text, mentions in speech, or peaks of a search by picture are counted.

Text and speech are counted as they are read. A thing is counted where its score stands out of its own background, which
is a guess: the packaged encoder knows few things, and its confidence says so.
"""

import re
import statistics
from collections.abc import Sequence

from agent.policies.lite_rules import named_text
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import abstain
from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.notes import CitedFinding, iterate_findings, make_finding_evidence, make_line_evidence
from agent.policies.lite_rules.plan import Wanted, make_span_arguments, want_call
from agent.policies.lite_rules.words import normalize, parse_count
from agent.trajectory import Answer, Evidence

_SPOKEN = re.compile(r"[\"“‘'«]([^\"”’'»]{2,60})[\"”’'»]|\b(?:words?|names?|terms?|phrases?)\s+([\w-]+)", re.I)
_PROFILE = 32
"""Moments that a search by picture is asked for, to get the course of its score through the video."""
_PEAK_SHARE = 0.5
"""Part of the way from the background to the highest score from which a moment belongs to an appearance."""
_JOINED_SECONDS = 1.5
"""Seconds between two moments below which they are one appearance."""


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for a count: speech, or a search by picture; `named_text` searches for a text that is named."""
    calls = [want_call("overview", count=4)]
    if named_text.find_asked_text(case) is not None:
        return calls
    if case.reading.senses[0] == "speech":
        return [*calls, want_call("read_speech", count=1000, **make_span_arguments(case.span))]
    return [*calls, want_call("search_frames", query=case.query, count=_PROFILE, **make_span_arguments(case.span))]


def answer(case: QuestionContext) -> Answer:
    """An answer with the count, or the option that is nearest to it."""
    if (name := named_text.find_asked_text(case)) is not None:
        shown = named_text.find_showings(case.trajectory, name)
        return _answer_with_count(case, len(shown), 0.8, [make_line_evidence(case.trajectory, line) for line in shown])
    if case.reading.senses[0] == "speech":
        said = _find_saying_lines(case)
        return _answer_with_count(
            case, len(said), 0.6, [make_line_evidence(case.trajectory, line) for line in dict.fromkeys(said)]
        )
    best = find_appearances(case)
    return _answer_with_count(case, len(best), 0.3, [make_finding_evidence(note, "it may be here") for note in best])


def find_appearances(case: QuestionContext) -> list[CitedFinding]:
    """The best moment of each stretch in which the search stands out of its background, in time order."""
    profile = sorted(iterate_findings(case.trajectory, "moment"), key=lambda note: note.finding.start_seconds)
    scores = [note.finding.score or 0.0 for note in profile]
    if not scores:
        return []
    least = (1 - _PEAK_SHARE) * statistics.median(scores) + _PEAK_SHARE * max(scores)
    stretches: list[list[CitedFinding]] = []
    for note in profile:
        if (note.finding.score or 0.0) < least:
            continue
        if stretches and note.finding.start_seconds <= stretches[-1][-1].finding.stop_seconds + _JOINED_SECONDS:
            stretches[-1].append(note)
        else:
            stretches.append([note])
    return [max(stretch, key=lambda note: note.finding.score or 0.0) for stretch in stretches]


def _find_saying_lines(case: QuestionContext) -> list[FoundLine]:
    """The speech lines that say the asked phrase, one for each time it is said."""
    match = _SPOKEN.search(case.reading.question.text)
    phrase = rf"\b{re.escape(normalize(match[1] or match[2] if match is not None else case.query))}\b"
    return [line for line in case.speech_lines for _ in re.findall(phrase, normalize(line.text))]


def _answer_with_count(case: QuestionContext, times: int, confidence: float, evidence: Sequence[Evidence]) -> Answer:
    if not case.options and not times:
        return abstain(case, case.reading.senses[0], 0.5)
    if not case.options:
        return Answer(str(times), None, confidence, tuple(evidence))
    values = [parse_count(option) for option in case.options]
    known = [(abs(value - times), i) for i, value in enumerate(values) if value is not None]
    off, best = min(known, default=(1.0, 0))
    return Answer(case.options[best], best, confidence if not off else confidence / 2, tuple(evidence))
