"""Open questions that words in the video answer: the best piece of text and speech, with the next ones beside it."""

from agent.policies.lite_rules import ranking
from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import NO_PICTURES, abstain, answer_cannot_tell, find_hidden_reasons
from agent.policies.lite_rules.lines import FoundLine, select_meant
from agent.policies.lite_rules.notes import (
    collect_text_lines,
    is_called,
    iterate_findings,
    list_moments,
    make_finding_evidence,
    make_line_evidence,
)
from agent.policies.lite_rules.pieces.overlap import compute_relevances
from agent.policies.lite_rules.plan import Wanted, make_span_arguments, want_call
from agent.policies.lite_rules.ranking import Ranked
from agent.trajectory import Answer
from tools.observation import Box

_MOST_LINES, _MOST_SPEECH = 32, 1000  # lines asked of search_text and read_speech
_PARTS: tuple[Box, ...] = tuple((left, top, left + 0.4, top + 0.55) for top in (0.0, 0.45) for left in (0.0, 0.3, 0.6))
"""Six overlapping parts of the picture, each read enlarged: small or slanted print is lost in the whole."""
_MOST_PARTS = 3
"""Coloured boxes that are read enlarged, at most."""
_MOST_OF_SIDE = 0.6
"""Share of the picture's width or height from which a coloured box is no thing that carries a text."""
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
_UNNAMED = {
    "text": "I read no text there that answers this; small or slanted text is easily missed.",
    "speech": "I hear nothing there that answers this; a word is easily misheard.",
}


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for an open question: search of text and picture, speech, and parts of the picture enlarged."""
    reading, span = case.reading, make_span_arguments(case.span)
    calls = [want_call("overview", count=4)]
    # what another sense finds goes with the answer where the named one finds nothing
    hears = reading.senses[0] == "speech" or not reading.is_sense_named
    if reading.senses[0] != "speech" or (is_called(case.trajectory, "read_speech") and not rank_pieces(case)):
        calls.append(want_call("search_text", query=case.query, count=_MOST_LINES, **span))
        calls.append(want_call("search_frames", query=case.query, count=3, **span))
        hears = hears or (is_called(case.trajectory, "search_text") and not rank_pieces(case))
    if hears:
        calls.append(want_call("read_speech", count=_MOST_SPEECH, **span))
    if reading.instant is not None:
        calls.append(want_call("read_text", seconds=reading.instant))
    return calls + _plan_whole_screen(case) + _plan_closer_readings(case) + _plan_caption(case)


def _plan_whole_screen(case: QuestionContext) -> list[Wanted]:
    """A reading of the screen with the line nearest to the question, if there is more text than a search lists."""
    found = list(iterate_findings(case.trajectory, "text", "search_text"))
    if len(found) < _MOST_LINES:
        return []
    lines = select_meant(collect_text_lines(case.trajectory, "search_text"), case.reading.instant, case.span)
    shares = compute_relevances(case.reading, lines, case.similarity)
    best = max(zip(shares, lines, strict=True), key=lambda pair: pair[0], default=None)
    return [] if best is None else [want_call("read_text", seconds=round(_choose_late_second(best[1]), 2))]


def _choose_late_second(line: FoundLine) -> float:
    """A second at which most of the text that belongs to a line has come up beside it."""
    return max((line.start_seconds + line.stop_seconds) / 2, line.stop_seconds - 1.0)


def _plan_caption(case: QuestionContext) -> list[Wanted]:
    """A caption of the seconds where the picture fits best, unless words are asked for."""
    if case.reading.is_sense_named or not (found := list_moments(case.trajectory)):
        return []
    start, stop = max(case.start_seconds, found[0] - 1.0), min(case.duration_seconds, found[0] + 1.0)
    return [want_call("caption", start=round(start, 2), stop=round(stop, 2), focus=case.reading.question.text)]


def _plan_closer_readings(case: QuestionContext) -> list[Wanted]:
    """Readings of parts of the picture, enlarged: those with a colour that the question names, else all."""
    is_asked = case.reading.senses[0] == "text" and case.reading.is_sense_named
    if not is_asked or not is_called(case.trajectory, "search_text"):
        return []
    named = [] if case.reading.instant is None else [case.reading.instant]
    at = round([*named, *list_moments(case.trajectory), (case.start_seconds + case.duration_seconds) / 2][0], 2)
    calls = []
    if case.reading.colours:
        text = case.reading.question.text
        focus = " ".join([text, *(colour for colour in case.reading.colours if colour not in text.casefold())])
        calls.append(want_call("caption", start=at, stop=round(at + 1.0, 2), focus=focus))
    ranked = rank_pieces(case)
    if ranked and ranking.compute_confidence(case.reading, ranked) >= _SURE_ENOUGH:
        return calls
    parts = [_widen(area) for area in _find_coloured_areas(case)[:_MOST_PARTS]] or _find_unread_parts(case, at)
    return calls + [want_call("read_text", seconds=at, box=list(part)) for part in parts]


def _find_unread_parts(case: QuestionContext, at: float) -> list[Box]:
    """The parts in which a text was not read for certain; all where none was: beside it, hardly any is overlooked."""
    notes = iterate_findings(case.trajectory, "text", "search_text")
    there = [note.finding for note in notes if note.finding.start_seconds <= at < note.finding.stop_seconds]
    if all(finding.doubt for finding in there):
        return list(_PARTS)
    doubtful = [finding.box for finding in there if finding.doubt and finding.box is not None]
    return [part for part in _PARTS if any(_is_touching(part, box) for box in doubtful)]


def _is_touching(part: Box, box: Box) -> bool:
    return part[0] < box[2] and box[0] < part[2] and part[1] < box[3] and box[1] < part[3]


def _find_coloured_areas(case: QuestionContext) -> list[Box]:
    boxes = [note.finding.box for note in iterate_findings(case.trajectory, "colour") if note.finding.box is not None]
    return [box for box in boxes if box[2] - box[0] < _MOST_OF_SIDE and box[3] - box[1] < _MOST_OF_SIDE]


def _widen(box: Box) -> Box:
    across, down = (box[2] - box[0]) / 4, (box[3] - box[1]) / 4
    sides = (max(0.0, box[0] - across), max(0.0, box[1] - down), min(1.0, box[2] + across), min(1.0, box[3] + down))
    return tuple(round(side, 3) for side in sides)  # type: ignore[return-value]


def answer(case: QuestionContext) -> Answer:
    """The best piece as an answer, with its line and the next pieces, or why there is none."""
    ranked = rank_pieces(case)
    is_seen = "picture" in case.reading.senses
    if ranked and (not is_seen or ranking.compute_confidence(case.reading, ranked) >= _LEAST[case.reading.senses[0]]):
        return answer_with_piece(case, ranked)
    return (_answer_by_label(case) if is_seen else None) or _abstain(case)


def _answer_by_label(case: QuestionContext) -> Answer | None:
    """An answer with the captioner's label that fits the question best; None where none does."""
    labels = [note for note in iterate_findings(case.trajectory, "label") if note.finding.text]
    if not labels or case.similarity is None or case.reading.wants == "colour":
        return None
    fits = case.similarity(case.query, [note.finding.text for note in labels])
    fit, best = max(zip(fits, labels, strict=True), key=lambda pair: pair[0] + (pair[1].finding.score or 0.0) / 2)
    if fit < _LEAST_FIT:
        return None
    return Answer(best.finding.text, None, round(min(_MOST_OF_LABEL, fit), 2), (make_finding_evidence(best, "label"),))


def answer_with_piece(case: QuestionContext, ranked: list[Ranked]) -> Answer:
    """An answer with the first of ranked pieces, its calibrated confidence, and the next pieces named beside it."""
    # in their order alone: a share among the pieces is no confidence, and was never measured as one
    others = ", ".join(f"“{r.text}”" for r in ranked[1 : 1 + _BESIDE])
    evidence = make_line_evidence(case.trajectory, ranked[0].line, f"next best: {others}" if others else "")
    confidence = ranking.compute_confidence(case.reading, ranked)
    if ranked[0].line.is_doubtful or case.reading.senses[0] == "picture":
        confidence = min(_MOST_UNCLAIMED, confidence)
    return Answer(ranked[0].text, None, round(confidence, 2), (evidence,))


def rank_pieces(case: QuestionContext) -> list[Ranked]:
    """The pieces of all text and speech that the question can mean, the likeliest answer first."""
    read = case.text_lines
    # a doubtful reading where nothing else is written is rather no text at all
    doubtful = [x for x in case.all_text_lines if x.is_doubtful and any(x.is_with(line) for line in read)]
    lines = [*read, *doubtful, *case.speech_lines]
    areas = _find_coloured_areas(case)
    return ranking.rank(case.reading, lines, list_moments(case.trajectory), case.similarity, areas)


def _abstain(case: QuestionContext) -> Answer:
    sense = case.reading.senses[0]
    if "picture" in case.reading.senses:
        return answer_cannot_tell(case, NO_PICTURES)
    if sense == "text" or case.speech_lines:  # no words were named to look for, so none are known to be absent
        return answer_cannot_tell(case, *find_hidden_reasons(case, sense), _UNNAMED[sense])
    return abstain(case, sense)
