"""Open questions that words in the video answer: screen text and speech in, a short answer out, or "not shown"."""

from agent.lite.case import Case
from agent.lite.extracting import Candidate, Line, candidates
from agent.lite.notes import evidence_of_line, notes, speech_lines, text_lines
from agent.lite.plan import Wanted, span_arguments, wanted
from agent.trajectory import Answer

_SENSE_ORDER_BONUS = 0.35
"""What it is worth to stand in the source that the question asks for first."""
_MOMENT_BONUS = 0.2
"""What it is worth that text stands where the picture fits the question best."""
_LEAST_RELEVANCE = 0.15
"""Below this a line has nothing to do with the question; picked by eye on development clips."""


def looks(case: Case) -> list[Wanted]:
    """What is still worth looking at."""
    reading = case.reading
    span = span_arguments(reading.span)
    calls = [wanted("overview", count=4)]
    if reading.senses[0] == "speech":
        calls += [wanted("read_speech", **span), wanted("search_speech", query=case.query)]
    if reading.senses[0] == "text" or (case.trajectory.steps and not speech_lines(case.trajectory)):
        calls.append(wanted("search_text", query=case.query, **span))
        calls.append(wanted("search_frames", query=case.query, count=3, **span))
    if reading.senses[0] == "text" and "speech" in reading.senses:
        calls.append(wanted("search_speech", query=case.query))
    if reading.instant is not None:
        calls.append(wanted("read_text", seconds=reading.instant))
    return calls + _closer(case)


def _closer(case: Case) -> list[Wanted]:
    """Full resolution where the best line stands, or, with nothing read so far, where the picture fits best."""
    if not case.trajectory.steps or case.reading.senses[0] == "speech":
        return []
    ranked = [c for c in ranked_candidates(case) if not c.line.spoken]
    if ranked and ranked[0].relevance >= _LEAST_RELEVANCE:
        line = ranked[0].line
        return [wanted("read_text", seconds=round((line.start_seconds + line.stop_seconds) / 2, 2))]
    moments = [note.finding for note in notes(case.trajectory, "moment")][:2]
    return [wanted("read_text", seconds=round(moment.start_seconds, 2)) for moment in moments]


def answer(case: Case) -> Answer:
    """The best candidate with the line it was found in, or "not shown"."""
    ranked = ranked_candidates(case)
    if not ranked or (ranked[0].relevance < _LEAST_RELEVANCE and not _only_text(ranked)):
        return not_shown(0.5 if ranked else 0.7)
    best = ranked[0]
    rival = next((c.score for c in ranked if c.text.casefold() != best.text.casefold()), 0.0)
    confidence = min(0.95, max(0.2, 0.35 + 0.3 * best.relevance + 0.5 * (best.score - rival)))
    return Answer(best.text, None, round(confidence, 2), (evidence_of_line(case.trajectory, best.line),))


def not_shown(confidence: float) -> Answer:
    """The honest answer when nothing was found."""
    return Answer("not shown in this video", None, confidence, (), not_shown=True)


def ranked_candidates(case: Case) -> list[Candidate]:
    """Candidates of both sources, the asked-for source first."""
    groups = (text_lines(case.trajectory), speech_lines(case.trajectory))
    found = [c for lines in groups for c in candidates(case.reading, _in_span(case, lines), case.similarity)]
    return sorted(found, key=lambda c: -(c.score + _sense_bonus(case, c.line) + _moment_bonus(case, c.line)))


def _sense_bonus(case: Case, line: Line) -> float:
    return _SENSE_ORDER_BONUS if ("speech" if line.spoken else "text") == case.reading.senses[0] else 0.0


def _moment_bonus(case: Case, line: Line) -> float:
    best = next(notes(case.trajectory, "moment"), None)
    if best is None or not line.start_seconds - 1 <= best.finding.start_seconds <= line.stop_seconds + 1:
        return 0.0
    return _MOMENT_BONUS


def _in_span(case: Case, lines: list[Line]) -> list[Line]:
    span = case.reading.span
    if span is None:
        return lines
    inside = [x for x in lines if x.start_seconds < span.stop_seconds and x.stop_seconds > span.start_seconds]
    return inside or lines


def _only_text(ranked: list[Candidate]) -> bool:
    """True when the video holds just one text: then a question about "the text" means that one."""
    return len({c.line.text.casefold() for c in ranked}) == 1
