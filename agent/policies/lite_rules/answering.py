"""Open questions that words in the video answer: the best piece of text and speech, with the next ones beside it."""

from agent.policies.lite_rules import ranking
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import NO_PICTURES, cannot_tell, hidden_from, nothing_found
from agent.policies.lite_rules.lines import FoundLine, meant
from agent.policies.lite_rules.notes import called, evidence_of_line, evidence_of_note, moments, notes, text_lines
from agent.policies.lite_rules.plan import Wanted, span_arguments, wanted
from agent.policies.lite_rules.ranking import Ranked
from agent.trajectory import Answer
from tools.observation import Box
from tools.observation_text import percent
from tools.vision.colours import colour_words

_MOST_LINES, _MOST_SPEECH = 32, 1000  # lines asked of search_text and read_speech
_PARTS: tuple[Box, ...] = tuple((left, top, left + 0.4, top + 0.55) for top in (0.0, 0.45) for left in (0.0, 0.3, 0.6))
"""Six overlapping parts of the picture, each read enlarged: small or slanted print is lost in the whole."""
_MOST_PARTS = 3
"""Coloured boxes that are read enlarged, at most."""
_SURE_ENOUGH = 0.5
"""Confidence of the best piece below which the picture is read again in parts."""
_LEAST = {"picture": 0.3, "text": 0.12, "speech": 0.0}
"""Confidence below which words are no answer to a question that may be about the picture, by its likeliest sense."""
_MOST_UNCLAIMED = 0.5
"""Confidence at most of an answer from a line that may be misread, or from words where the picture may be meant."""
_BESIDE = 3
"""Pieces named beside the answer, at most."""
_LEAST_FIT, _MOST_OF_LABEL = 0.25, 0.5
"""Cosine of label and question below which the label is no answer, and the most that one is trusted; picked by eye on
development clips."""
_UNNAMED = "I read no text there that answers this; small or slanted text is easily missed."


def looks(case: QuestionContext) -> list[Wanted]:
    """The tool calls for an open question: search of text and picture, speech, and parts of the picture enlarged."""
    reading, span = case.reading, span_arguments(case.span)
    calls = [wanted("overview", count=4)]
    hears = reading.senses[0] == "speech" or not reading.is_sense_named
    if reading.senses[0] != "speech" or (called(case.trajectory, "read_speech") and not case.speech_lines):
        calls.append(wanted("search_text", query=case.query, count=_MOST_LINES, **span))
        calls.append(wanted("search_frames", query=case.query, count=3, **span))
        hears = hears or (called(case.trajectory, "search_text") and not case.text_lines)
    if hears:
        calls.append(wanted("read_speech", count=_MOST_SPEECH, **span))
    if reading.instant is not None:
        calls.append(wanted("read_text", seconds=reading.instant))
    return calls + _whole_screen(case) + _closer(case) + _seen(case)


def _whole_screen(case: QuestionContext) -> list[Wanted]:
    """A reading of the screen with the line nearest to the question, if there is more text than a search lists."""
    found = list(notes(case.trajectory, "text", "search_text"))
    if len(found) < _MOST_LINES:
        return []
    lines = meant(text_lines(case.trajectory, "search_text"), case.reading.instant, case.span)
    shares = ranking.relevances(case.reading, lines, case.similarity)
    best = max(zip(shares, lines, strict=True), key=lambda pair: pair[0], default=None)
    return [] if best is None else [wanted("read_text", seconds=round(_late(best[1]), 2))]


def _late(line: FoundLine) -> float:
    """A second at which most of the text that belongs to a line has come up beside it."""
    return max((line.start_seconds + line.stop_seconds) / 2, line.stop_seconds - 1.0)


def _seen(case: QuestionContext) -> list[Wanted]:
    """A caption of the seconds where the picture fits best, unless words are asked for."""
    if case.reading.is_sense_named or not (found := moments(case.trajectory)):
        return []
    start, stop = max(0.0, found[0] - 1.0), min(case.duration_seconds, found[0] + 1.0)
    return [wanted("caption", start=round(start, 2), stop=round(stop, 2), focus=case.reading.question.text)]


def _closer(case: QuestionContext) -> list[Wanted]:
    """Readings of parts of the picture, enlarged: those with a colour that the question names, else all."""
    is_asked = case.reading.senses[0] == "text" and case.reading.is_sense_named
    if not is_asked or not called(case.trajectory, "search_text"):
        return []
    ranked = ranked_pieces(case)
    if ranked and ranking.confidence(case.reading, ranked) >= _SURE_ENOUGH:
        return []
    named = [] if case.reading.instant is None else [case.reading.instant]
    at = round([*named, *moments(case.trajectory), case.duration_seconds / 2][0], 2)
    calls = [wanted("read_text", seconds=at, box=list(part)) for part in _coloured_parts(case) or _PARTS]
    if colour_words(case.reading.question.text):
        calls.insert(0, wanted("caption", start=at, stop=round(at + 1.0, 2), focus=case.reading.question.text))
    return calls


def _coloured_parts(case: QuestionContext) -> list[Box]:
    boxes = [note.finding.box for note in notes(case.trajectory, "colour") if note.finding.box is not None]
    named = [box for box in boxes if box[2] - box[0] < 0.5 and box[3] - box[1] < 0.5]
    return [_widened(box) for box in named[:_MOST_PARTS]]


def _widened(box: Box) -> Box:
    across, down = (box[2] - box[0]) / 4, (box[3] - box[1]) / 4
    sides = (max(0.0, box[0] - across), max(0.0, box[1] - down), min(1.0, box[2] + across), min(1.0, box[3] + down))
    return tuple(round(side, 3) for side in sides)  # type: ignore[return-value]


def answer(case: QuestionContext) -> Answer:
    """The best piece as an answer, with its line and the next pieces, or why there is none."""
    ranked = ranked_pieces(case)
    is_seen = "picture" in case.reading.senses
    if ranked and (not is_seen or ranking.confidence(case.reading, ranked) >= _LEAST[case.reading.senses[0]]):
        return answer_of(case, ranked)
    return (_label(case) if is_seen else None) or _without_answer(case)


def _label(case: QuestionContext) -> Answer | None:
    """An answer with the captioner's label that fits the question best; None where none does."""
    labels = [note for note in notes(case.trajectory, "label") if note.finding.text]
    if not labels or case.similarity is None or case.reading.wants == "colour":
        return None
    fits = case.similarity(case.query, [note.finding.text for note in labels])
    fit, best = max(zip(fits, labels, strict=True), key=lambda pair: pair[0] + (pair[1].finding.score or 0.0) / 2)
    if fit < _LEAST_FIT:
        return None
    return Answer(best.finding.text, None, round(min(_MOST_OF_LABEL, fit), 2), (evidence_of_note(best, "label"),))


def answer_of(case: QuestionContext, ranked: list[Ranked]) -> Answer:
    """An answer with the first of ranked pieces, its calibrated confidence, and the next pieces named beside it."""
    others = ", ".join(f"“{r.text}” ({percent(r.probability)})" for r in ranked[1 : 1 + _BESIDE])
    evidence = evidence_of_line(case.trajectory, ranked[0].line, f"next best: {others}" if others else "")
    confidence = ranking.confidence(case.reading, ranked)
    if ranked[0].line.is_doubtful or case.reading.senses[0] == "picture":
        confidence = min(_MOST_UNCLAIMED, confidence)
    return Answer(ranked[0].text, None, round(confidence, 2), (evidence,))


def ranked_pieces(case: QuestionContext) -> list[Ranked]:
    """The pieces of all text and speech that the question can mean, the likeliest answer first."""
    read = case.text_lines
    # a doubtful reading where nothing else is written is rather no text at all
    doubtful = [x for x in case.all_text_lines if x.is_doubtful and any(x.is_with(line) for line in read)]
    lines = [*read, *doubtful, *case.speech_lines]
    return ranking.rank(case.reading, lines, moments(case.trajectory), case.similarity)


def _without_answer(case: QuestionContext) -> Answer:
    sense = case.reading.senses[0]
    if "picture" in case.reading.senses:
        return cannot_tell(case, NO_PICTURES)
    if sense == "text":  # nobody said which words to look for, so none are known to be absent
        return cannot_tell(case, *hidden_from(case, sense), _UNNAMED)
    return nothing_found(case, sense)
