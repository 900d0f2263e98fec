"""Questions for the order of several things, or for the first or last of them."""

import re
from dataclasses import dataclass

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.lines import find_mentions
from agent.policies.lite_rules.notes import iterate_findings, make_finding_evidence, make_line_evidence
from agent.policies.lite_rules.plan import Wanted, make_span_arguments, want_call
from agent.policies.lite_rules.reading import AskedSpan
from agent.trajectory import Answer, Evidence

_END_SHARE = 0.15
"""Share of the video that counts as its beginning or end."""


@dataclass(frozen=True)
class FirstSighting:
    """The first second at which one of several things is found."""

    seconds: float
    evidence: Evidence
    strength: float


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for an order: a search for every thing, as text or speech and as a picture."""
    things = list_things(case)
    calls = [want_call("overview", count=6)]
    calls += [want_call("search_frames", query=thing, count=3) for thing in things[:8]]
    if _is_about_one_end(case):
        calls += [
            want_call("search_frames", query=thing, count=1, **make_span_arguments(_compute_end(case)))
            for thing in things[:5]
        ]
    if case.reading.senses[0] == "text":
        calls.append(want_call("search_text", query=" ".join(things)))
    if case.reading.senses[0] == "speech":
        calls.append(want_call("read_speech"))
    return calls


def answer(case: QuestionContext) -> Answer:
    """An answer with the option whose order agrees best with its things' times, or the earliest (last) thing."""
    seen = {thing: _find_first_sighting(case, thing) for thing in list_things(case)}
    orders = [_split_option(option) for option in case.options]
    if _is_about_one_end(case):
        scores = [_measure_strength_at_end(case, order[0]) if order else 0.0 for order in orders]
    elif any(len(order) > 1 for order in orders):
        scores = [
            compute_agreement([s.seconds for thing in order if (s := seen[thing]) is not None]) for order in orders
        ]
    else:
        scores = _score_by_edge(case, [seen[order[0]] if order else None for order in orders])
    best = max(range(len(scores)), key=lambda i: scores[i])
    evidence = tuple(s.evidence for thing in orders[best] if (s := seen[thing]) is not None)
    confidence = 0.3 + 0.5 * max(0.0, scores[best] - sorted(scores)[-2])
    return Answer(case.options[best], best, round(min(0.9, confidence), 2), evidence)


def _is_about_one_end(case: QuestionContext) -> bool:
    """Whether a question is like "what is shown first": not all options need be there, so only that end counts."""
    return bool(re.search(r"\bwhat (?:is|was|are) (?:shown|seen)\b", case.reading.question.text, re.I))


def _compute_end(case: QuestionContext) -> AskedSpan:
    length = max(1.0, _END_SHARE * (case.duration_seconds - case.start_seconds))
    start = case.start_seconds
    if case.reading.edge == "last":
        start = max(start, case.duration_seconds - length)
    return AskedSpan(start, min(case.duration_seconds, start + length))


def _measure_strength_at_end(case: QuestionContext, thing: str) -> float:
    end = _compute_end(case)
    found = [n.finding for n in iterate_findings(case.trajectory, "moment") if n.finding.text == thing]
    inside = [f.score or 0.0 for f in found if end.start_seconds <= f.start_seconds < end.stop_seconds]
    return max(inside, default=0.0)


def list_things(case: QuestionContext) -> list[str]:
    """The distinct things that the options name."""
    return list(dict.fromkeys(part for option in case.options for part in _split_option(option)))


def compute_agreement(times: list[float]) -> float:
    """The share of pairs in time order (Kendall's tau, mapped to 0..1), ties half; 0 for fewer than two times."""
    pairs = [(a, b) for i, a in enumerate(times) for b in times[i + 1 :]]
    return sum(1.0 if a < b else 0.5 if a == b else 0.0 for a, b in pairs) / len(pairs) if pairs else 0.0


def _split_option(option: str) -> list[str]:
    return [part for piece in option.split(",") if (part := piece.strip())]


def _find_first_sighting(case: QuestionContext, thing: str) -> FirstSighting | None:
    said = find_mentions(thing, case.meant_lines)
    if said:
        top = said[0][1]
        line = min((line for line, share in said if share >= top), key=lambda line: line.start_seconds)
        return FirstSighting(line.start_seconds, make_line_evidence(case.trajectory, line), 1.0 + top)
    moments = [n for n in iterate_findings(case.trajectory, "moment") if n.finding.text == thing]
    if not moments:
        return None
    best = max(moments, key=lambda n: n.finding.score or 0.0)
    return FirstSighting(best.finding.start_seconds, make_finding_evidence(best, thing), best.finding.score or 0.0)


def _score_by_edge(case: QuestionContext, sightings: list[FirstSighting | None]) -> list[float]:
    """A score of each sighting, 0..1: half for being early (late for "last"), half for its strength."""
    found = [s for s in sightings if s is not None]
    if not found:
        return [0.0 for _ in sightings]
    strongest = max(s.strength for s in found) or 1.0
    latest = max(s.seconds for s in found) or 1.0
    is_last = case.reading.edge == "last"
    return [
        0.0
        if s is None
        else 0.5 * (s.seconds / latest if is_last else 1 - s.seconds / latest) + 0.5 * s.strength / strongest
        for s in sightings
    ]
