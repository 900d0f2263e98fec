"""Open questions about what is in the picture: the captioner's label that fits best, else words."""

import re

from agent.lite import answering
from agent.lite.case import Case
from agent.lite.establishing import NO_PICTURES, cannot_tell
from agent.lite.notes import evidence_of_note, notes
from agent.lite.plan import Wanted, span_arguments, wanted
from agent.trajectory import Answer

_YES_OR_NO = re.compile(r"(?:is|are|was|were|does|do|did|can|could|has|have|had|will)\b", re.I)
_LEAST_FIT = 0.25
"""Cosine of label and question below which the label is no answer; picked by eye on development clips."""


def looks(case: Case) -> list[Wanted]:
    """Where the picture fits the question best, and what the captioner sees there."""
    span = span_arguments(case.span)
    calls = [wanted("overview", count=6), wanted("search_frames", query=case.query, count=3, **span)]
    calls.append(wanted("search_text", query=case.query, **span))
    moments = sorted(notes(case.trajectory, "moment"), key=lambda n: -(n.finding.score or 0.0))[:1]
    return calls + [_caption_around(case, note.finding.start_seconds) for note in moments]


def answer(case: Case) -> Answer:
    """The label that fits the question best, else words that do; a yes or no is not to be had from either."""
    if _YES_OR_NO.match(case.reading.question.text):
        return cannot_tell(case, NO_PICTURES)
    labels = [note for note in notes(case.trajectory, "label") if note.finding.text]
    if not labels or case.similarity is None:
        return answering.answer(case)
    fits = case.similarity(case.query, [note.finding.text for note in labels])
    fit, best = max(zip(fits, labels, strict=True), key=lambda pair: pair[0] + (pair[1].finding.score or 0.0) / 2)
    if fit < _LEAST_FIT:
        return answering.answer(case)
    return Answer(best.finding.text, None, round(min(0.6, fit), 2), (evidence_of_note(best, "label"),))


def looks_after_text(case: Case) -> list[Wanted]:
    """First what words in the video say; if that is nothing, the picture."""
    calls = answering.looks(case)
    return calls + looks(case) if case.trajectory.steps and answering.answer(case).abstains else calls


def answer_after_text(case: Case) -> Answer:
    """What words in the video say, or else the label that fits best."""
    said = answering.answer(case)
    return answer(case) if said.abstains else said


def _caption_around(case: Case, at: float) -> Wanted:
    start, stop = max(0.0, at - 1.0), min(case.duration_seconds, at + 1.0)
    return wanted("caption", start=round(start, 2), stop=round(stop, 2), focus=case.reading.question.text)
