"""The task explain: what happens in order, with a reason only where one is on record: words that give one, or a cut.

`lite` understands no pictures, so it knows orders and hardly any causes. It says so at every step instead of making
one up, and its confidence is that of the causes.
"""

import re
from collections.abc import Sequence

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import NO_PICTURES, answer_cannot_tell
from agent.policies.lite_rules.notes import iterate_findings
from agent.policies.lite_rules.occurrences import (
    Kind,
    Occurrence,
    collect_occurrences,
    find_cut_seconds,
    is_near,
    quote_text,
)
from agent.policies.lite_rules.plan import Wanted, want_call
from agent.policies.lite_rules.words import extract_content_words
from agent.trajectory import Answer, Link

ONLY_ORDER = "Only the order is known: no cause is on record."
MOST_STEPS = 12
"""Links of a chain at most."""
_MOST_CAPTIONS = 6
"""Shots that are captioned at most, the longest first."""
_MOST_CONFIDENCE = 0.5
"""Confidence of a chain with a reason at every step: a reason that a rule finds need not be the cause. Chosen, not
measured."""
_REASON = re.compile(
    r"\b(?:because|therefore|that is why|that's why|which is why|as a result|due to|so that|in order to|thus|hence"
    r"|caus(?:e[sd]?|ing)|leads? to|led to|resulted in)\b",
    re.I,
)
_WEIGHTS: dict[Kind, float] = {"match": 4.0, "speech": 2.0, "text": 1.5, "shot": 1.0, "change": 1.0}
"""Weight of a step by its kind, where there are too many; a reason counts 3 more, a shot with a recognised thing 1."""


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for a chain: everything that says what happens when; then captions of the shots."""
    facts, what = case.trajectory.facts, case.reading.question.text
    calls = [
        want_call("overview", count=6),
        want_call("list_shots"),
        want_call("find_changes", count=8),
        want_call("search_text"),
    ]
    if facts.has_speech_track or facts.has_subtitles:
        calls.append(want_call("read_speech"))
    if extract_content_words(what):
        calls.append(want_call("search_frames", query=what, count=1))
        if facts.has_speech_track or facts.has_subtitles:
            calls.append(want_call("search_speech", query=what))
    shots = [note.finding for note in iterate_findings(case.trajectory, "shot")]
    longest = sorted(shots, key=lambda shot: shot.start_seconds - shot.stop_seconds)[:_MOST_CAPTIONS]
    return calls + [
        want_call("caption", start=round(shot.start_seconds, 2), stop=round(shot.stop_seconds, 2)) for shot in longest
    ]


def answer(case: QuestionContext) -> Answer:
    """An answer with the chain of events, and a reason where one is on record."""
    cuts = find_cut_seconds(case.trajectory)
    found = _remove_duplicates(collect_occurrences(case))
    steps = _choose_most_telling(found, cuts)
    if not steps:
        return answer_cannot_tell(case, NO_PICTURES, "Nothing else is on record.")
    chain = tuple(
        Link(step.text, "" if number == 0 else find_reason(step, cuts) or ONLY_ORDER, (step.evidence,))
        for number, step in enumerate(steps)
    )
    reasons = sum(link.because not in ("", ONLY_ORDER) for link in chain)
    share = reasons / (len(chain) - 1) if len(chain) > 1 else 0.0
    evidence = tuple(dict.fromkeys(step.evidence for step in steps))
    return Answer(
        _write_summary(len(steps), len(found), reasons), None, round(_MOST_CONFIDENCE * share, 2), evidence, chain=chain
    )


def find_reason(step: Occurrence, cuts: list[float]) -> str:
    """The reason of a step that is on record, a sentence; empty where none is."""
    if step.kind == "speech" and (match := _REASON.search(step.evidence.quote)) is not None:
        return f"A reason is given in the words themselves: {quote_text(step.evidence.quote[match.start() :])}."
    if step.kind in ("text", "change") and is_near(step.start_seconds, cuts):
        cut = min(cuts, key=lambda cut: abs(cut - step.start_seconds))
        return f"It comes with the cut at {cut:.1f} s: it belongs to the new shot."
    return ""


def _remove_duplicates(found: Sequence[Occurrence]) -> list[Occurrence]:
    """The distinct events: a repeated text or sentence is one event, at its first time."""
    return list({(item.kind, item.evidence.quote or item.text): item for item in reversed(found)}.values())


def _choose_most_telling(found: Sequence[Occurrence], cuts: list[float]) -> list[Occurrence]:
    """The events of highest weight, at most MOST_STEPS, in order of time."""
    ranked = sorted(found, key=lambda item: (-_compute_weight(item, cuts), item.start_seconds))
    return sorted(ranked[:MOST_STEPS], key=lambda item: (item.start_seconds, item.kind != "shot"))


def _compute_weight(item: Occurrence, cuts: list[float]) -> float:
    is_named = item.kind == "shot" and len(item.evidence.call_ids) > 1
    return _WEIGHTS[item.kind] + (3.0 if find_reason(item, cuts) else 0.0) + (1.0 if is_named else 0.0)


def _write_summary(told: int, found: int, reasons: int) -> str:
    steps = f"{told} things happen" if told == found else f"The {told} most telling of {found} things happen"
    known = f"for {reasons} a reason is on record, of the others only the order is known"
    return f"{steps} one after another; {known if reasons else 'only their order is known, no cause is on record'}."
