"""Open questions that words in the video answer: text and speech in, a short answer out, or why there is none."""

import re

from agent.lite.case import Case
from agent.lite.establishing import cannot_tell, hidden_from, nothing_found
from agent.lite.extracting import Candidate, Line, candidates
from agent.lite.notes import called, evidence_of_line, notes
from agent.lite.plan import Wanted, span_arguments, wanted
from agent.trajectory import Answer
from tools.colours import colour_words
from tools.observation import Box

_SENSE_ORDER_BONUS = 0.35
"""What it is worth to stand in the source that the question asks for first."""
_MOMENT_BONUSES = (0.3, 0.2, 0.1)
"""What it is worth that text stands where the picture fits the question best, second best and third best."""
_PARTS: tuple[Box, ...] = tuple((left, top, left + 0.4, top + 0.55) for top in (0.0, 0.45) for left in (0.0, 0.3, 0.6))
"""Six overlapping parts of the picture: small print that is lost in the whole may be read in one of them."""
_UNNAMED = "I read no text there that answers this; small or slanted text is easily missed."
_LEAST_LETTERS = 3
"""A shorter line that nothing connects with the question is more likely a stain than a text."""
_LEAST_RELEVANCE = 0.15
"""Below this a line has nothing to do with the question; picked by eye on development clips."""


def looks(case: Case) -> list[Wanted]:
    """What is still worth looking at."""
    reading = case.reading
    span = span_arguments(case.span)
    calls = [wanted("overview", count=4)]
    if reading.senses[0] == "speech":
        calls += [wanted("read_speech", **span), wanted("search_speech", query=case.query)]
    if reading.senses[0] == "text" or (case.trajectory.steps and not case.speech_lines):
        calls.append(wanted("search_text", query=case.query, **span))
        calls.append(wanted("search_frames", query=case.query, count=3, **span))
    if reading.senses[0] == "text" and "speech" in reading.senses:
        calls.append(wanted("search_speech", query=case.query))
    if reading.instant is not None:
        calls.append(wanted("read_text", seconds=reading.instant))
    return calls + _closer(case)


def _closer(case: Case) -> list[Wanted]:
    """Full resolution where the best line stands; with nothing read yet, the picture in parts, coloured ones first."""
    if case.reading.senses[0] == "speech" or not called(case.trajectory, "search_text"):
        return []
    ranked = [c for c in ranked_candidates(case) if not c.line.spoken]
    moments = list(notes(case.trajectory, "moment"))[:2]
    if ranked and ranked[0].relevance < _LEAST_RELEVANCE:
        return [wanted("read_text", seconds=round(note.finding.start_seconds, 2)) for note in moments]
    if ranked:
        line = ranked[0].line
        read = [call.arguments["seconds"] for call in case.trajectory.calls if call.name == "read_text"]
        is_read = any(line.start_seconds <= at < line.stop_seconds for at in read)
        return [] if is_read else [wanted("read_text", seconds=round(line.start_seconds + 0.1, 2))]
    moment = moments[0] if moments else None
    at = round(moment.finding.start_seconds if moment is not None else case.duration_seconds / 2, 2)
    calls = [wanted("read_text", seconds=at, box=list(part)) for part in _coloured_parts(case) or _PARTS]
    if colour_words(case.reading.question.text):
        calls.insert(0, wanted("caption", start=at, stop=round(at + 1.0, 2), focus=case.reading.question.text))
    return calls


def _coloured_parts(case: Case) -> list[Box]:
    """Where the colours that the question names are, with some room around."""
    boxes = [note.finding.box for note in notes(case.trajectory, "colour") if note.finding.box is not None]
    named = [box for box in boxes if box[2] - box[0] < 0.5 and box[3] - box[1] < 0.5]
    return [_widened(box) for box in named[:3]]


def _widened(box: Box) -> Box:
    across, down = (box[2] - box[0]) / 4, (box[3] - box[1]) / 4
    sides = (max(0.0, box[0] - across), max(0.0, box[1] - down), min(1.0, box[2] + across), min(1.0, box[3] + down))
    return tuple(round(side, 3) for side in sides)  # type: ignore[return-value]


def answer(case: Case) -> Answer:
    """The best candidate with the line it was found in; "not shown" only where all speech was heard and was none."""
    ranked = ranked_candidates(case)
    if not ranked or not (ranked[0].relevance >= _LEAST_RELEVANCE or _is_pointed_at(case, ranked)):
        return _without_candidate(case)
    best = ranked[0]
    rival = next((c.score for c in ranked if c.text.casefold() != best.text.casefold()), 0.0)
    confidence = min(0.95, max(0.2, 0.35 + 0.3 * best.relevance + 0.5 * (best.score - rival)))
    return Answer(best.text, None, round(confidence, 2), (evidence_of_line(case.trajectory, best.line),))


def _without_candidate(case: Case) -> Answer:
    sense = case.reading.senses[0]
    if "picture" in case.reading.senses:
        return nothing_found(case, "picture")
    if case.speech_lines if sense == "speech" else case.text_lines:
        return cannot_tell(case, f"Nothing that is {'said' if sense == 'speech' else 'written'} seems to answer it.")
    if sense == "text":  # nobody said which words to look for, so none are known to be absent
        return cannot_tell(case, *hidden_from(case, sense), _UNNAMED)
    return nothing_found(case, sense)


def ranked_candidates(case: Case) -> list[Candidate]:
    """Candidates of both sources, the asked-for source first."""
    groups = (case.text_lines, case.speech_lines)
    found = [c for lines in groups for c in candidates(case.reading, lines, case.similarity)]
    return sorted(found, key=lambda c: -(c.score + _sense_bonus(case, c.line) + _moment_bonus(case, c.line)))


def _sense_bonus(case: Case, line: Line) -> float:
    return _SENSE_ORDER_BONUS if ("speech" if line.spoken else "text") == case.reading.senses[0] else 0.0


def _moment_bonus(case: Case, line: Line) -> float:
    moments = [note.finding.start_seconds for note in notes(case.trajectory, "moment")]
    near = [line.start_seconds - 1 <= at <= line.stop_seconds + 1 for at in moments]
    return max((bonus for bonus, is_near in zip(_MOMENT_BONUSES, near, strict=False) if is_near), default=0.0)


def _is_pointed_at(case: Case, ranked: list[Candidate]) -> bool:
    """True where the question means a text without sharing a word with it: "what is written", a time, the only one."""
    reading, best = case.reading, ranked[0].line
    if best.spoken != (reading.senses[0] == "speech") or sum(c.isalnum() for c in best.text) < _LEAST_LETTERS:
        return False
    if re.search(r"\baccording to\b", reading.question.text, re.I):
        return True
    is_only_one = len({c.line.text.casefold() for c in ranked}) == 1
    return reading.wants == "words" or reading.instant is not None or reading.shot is not None or is_only_one
