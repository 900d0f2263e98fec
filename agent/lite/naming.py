"""Open questions about what is in the picture: the captioner's label that fits best, or "not shown"."""

from agent.lite.case import Case
from agent.lite.notes import evidence_of_note, notes
from agent.lite.plan import Wanted, span_arguments, wanted
from agent.lite.textual import not_shown
from agent.trajectory import Answer

_LEAST_SCORE = 0.25
"""Probability of the label plus its likeness to the question; picked by eye on development clips."""


def looks(case: Case) -> list[Wanted]:
    """Where the picture fits the question best, and what the captioner sees there."""
    span = span_arguments(case.reading.span)
    calls = [wanted("overview", count=6), wanted("search_frames", query=case.query, count=3, **span)]
    calls.append(wanted("search_text", query=case.query, **span))
    moments = sorted(notes(case.trajectory, "moment"), key=lambda n: -(n.finding.score or 0.0))[:1]
    return calls + [_caption_around(case, note.finding.start_seconds) for note in moments]


def _caption_around(case: Case, at: float) -> Wanted:
    start, stop = max(0.0, at - 1.0), min(case.duration_seconds, at + 1.0)
    return wanted("caption", start=round(start, 2), stop=round(stop, 2), focus=case.reading.question.text)


def answer(case: Case) -> Answer:
    """The label that fits the question best, or "not shown"."""
    labels = [note for note in notes(case.trajectory, "label") if note.finding.text]
    if not labels:
        return not_shown(0.6)
    texts = [note.finding.text for note in labels]
    fits = case.similarity(case.reading.question.text, texts) if case.similarity is not None else [0.0] * len(texts)
    scores = [(note.finding.score or 0.0) + fit for note, fit in zip(labels, fits, strict=True)]
    best = max(range(len(labels)), key=lambda i: scores[i])
    if scores[best] < _LEAST_SCORE:
        return not_shown(0.5)
    return Answer(texts[best], None, round(min(0.7, scores[best] / 2), 2), (evidence_of_note(labels[best], "label"),))
