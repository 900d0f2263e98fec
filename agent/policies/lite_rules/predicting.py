"""The task predict: the next events from those so far: cuts, speech, text, movement, by their frequency in windows.

`lite` understands no pictures, so it predicts nothing that it can't count. A confidence is the counted frequency of
just that event; several can come true, so confidences need not sum to 1.
"""

from collections.abc import Sequence
from dataclasses import replace

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import NO_PICTURES, cannot_tell
from agent.policies.lite_rules.frequencies import Frequency, often, often_after_such, windows
from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.notes import CitedFinding, evidence_of_line, evidence_of_note, notes, speech_lines
from agent.policies.lite_rules.occurrences import cut_seconds, legible_lines, quoted
from agent.policies.lite_rules.plan import Wanted, wanted
from agent.policies.lite_rules.reading import AskedSpan
from agent.trajectory import Answer, Evidence, Prediction

_LOOK_BACK_SECONDS = 90.0
"""Seconds before the end that are counted: what is longer ago says little of what comes next."""
_WINDOW_SECONDS = 3.0
"""Length of a window, and of the prediction."""
_LEAST_WINDOWS = 6
"""Windows of a video at least: a short one has shorter windows, so that there is something to count."""
_ASKED = 3
"""Predictions that the task asks for."""
_ENDS_SENTENCE = (".", "!", "?", "…", '."', '?"', '!"')


def looks(case: QuestionContext) -> list[Wanted]:
    """The tool calls for a prediction: the last seconds closely, and all that can be counted before them."""
    stop, facts = case.duration_seconds, case.trajectory.facts
    start = round(_start(case), 2) or None
    last = round(max(0.0, stop - _length(case)), 2)
    calls = [wanted("select_frames", start=last, stop=stop, count=4, size="small"), wanted("list_shots", start=start)]
    calls += [wanted("find_changes", start=start, count=32), wanted("search_text", start=start, count=32)]
    return [*calls, wanted("read_speech", start=start)] if facts.has_speech_track or facts.has_subtitles else calls


def answer(case: QuestionContext) -> Answer:
    """An answer with the three most frequent continuations; fewer where less can be counted."""
    spans = windows(_start(case), case.duration_seconds, _length(case))
    found = [*_cut(case, spans), *_speech(case, spans), *_sentence(case), *_text(case, spans), *_change(case, spans)]
    ranked = tuple(sorted(found, key=lambda p: -p.confidence)[:_ASKED])
    if not ranked:
        return cannot_tell(case, NO_PICTURES, "Nothing else is on record.")
    evidence = tuple(dict.fromkeys(item for prediction in ranked for item in prediction.evidence))
    return Answer(ranked[0].event, None, ranked[0].confidence, evidence, predictions=ranked)


def _start(case: QuestionContext) -> float:
    return max(0.0, case.duration_seconds - _LOOK_BACK_SECONDS)


def _length(case: QuestionContext) -> float:
    return min(_WINDOW_SECONDS, case.duration_seconds / _LEAST_WINDOWS)


def _cut(case: QuestionContext, spans: Sequence[AskedSpan]) -> list[Prediction]:
    shots = list(notes(case.trajectory, "shot"))
    if not shots:
        return []
    cuts = cut_seconds(case.trajectory)
    seen = often([any(_starts_in(cut, span) for cut in cuts) for span in spans])
    evidence = _shown(case, shots[-1], "the shot that goes on at the end")
    if seen.probability >= 0.5:
        counted = f"A cut came in {seen.hits} of the {seen.trials} {_before(case)}"
        return [_prediction(case, "the picture cuts to another shot", counted, seen, evidence)]
    counted = f"No cut came in {seen.complement.hits} of the {seen.trials} {_before(case)}"
    return [_prediction(case, "the shot goes on without a cut", counted, seen.complement, evidence)]


def _speech(case: QuestionContext, spans: Sequence[AskedSpan]) -> list[Prediction]:
    lines = speech_lines(case.trajectory)
    states = [any(_is_during(line, span) for line in lines) for span in spans]
    if not any(states):
        return []
    events = ("somebody goes on speaking", "nobody speaks any more")
    if not states[-1]:
        events = ("somebody begins to speak", "nobody speaks")
    return _lasting(case, states, "speech", events, evidence_of_line(case.trajectory, lines[-1]))


def _sentence(case: QuestionContext) -> list[Prediction]:
    """The prediction that an unfinished last sentence goes on, by those that were broken off earlier."""
    lines, length = speech_lines(case.trajectory), _length(case)
    if not lines or _is_finished(lines[-1]) or lines[-1].stop_seconds < case.duration_seconds - length:
        return []
    breaks = [line for line in lines[:-1] if not _is_finished(line)]
    seen = often([any(0 <= x.start_seconds - line.stop_seconds <= length for x in lines) for line in breaks])
    if not seen.trials:
        return []
    event = f"the sentence {quoted(lines[-1].text)} goes on"
    counted = f"Of the {seen.trials} earlier lines that stopped inside a sentence, {seen.hits} went on"
    return [_prediction(case, event, counted, seen, evidence_of_line(case.trajectory, lines[-1]))]


def _text(case: QuestionContext, spans: Sequence[AskedSpan]) -> list[Prediction]:
    lines = legible_lines(case.trajectory)
    states = [any(_is_during(line, span) for line in lines) for span in spans]
    if not any(states):
        return []
    last = max(lines, key=lambda line: (line.stop_seconds, line.height))
    events = (f"text stays on screen, now {quoted(last.text)}", f"{quoted(last.text)} leaves the screen")
    if not states[-1]:
        events = ("text appears on screen", "no text appears on screen")
    return _lasting(case, states, "text on screen", events, evidence_of_line(case.trajectory, last))


def _change(case: QuestionContext, spans: Sequence[AskedSpan]) -> list[Prediction]:
    changes = list(notes(case.trajectory, "change"))
    if not changes:
        return []
    seen = often([any(_starts_in(note.finding.start_seconds, span) for note in changes) for span in spans])
    last = max(changes, key=lambda note: note.finding.start_seconds)
    evidence = evidence_of_note(last, f"the last change: {last.finding.text}")
    if seen.probability >= 0.5:
        counted = f"Something began to change in {seen.hits} of the {seen.trials} {_before(case)}"
        return [_prediction(case, "something in the picture moves or changes", counted, seen, evidence)]
    counted = f"Nothing began to change in {seen.complement.hits} of the {seen.trials} {_before(case)}"
    return [_prediction(case, "nothing new moves in the picture", counted, seen.complement, evidence)]


def _lasting(
    case: QuestionContext, states: Sequence[bool], what: str, events: tuple[str, str], evidence: Evidence
) -> list[Prediction]:
    """The prediction of the likelier of two events, presence or absence, by the windows after one like the last.

    Empty where no window before the last was like it: then there is nothing to count.
    """
    seen = often_after_such(states)
    if not seen.trials:
        return []
    is_likely = seen.probability >= 0.5
    likely = seen if is_likely else seen.complement
    after = f"windows of {_length(case):.1f} s after one with{'' if states[-1] else 'out'} {what}"
    counted = f"{likely.hits} of {likely.trials} {after} had {'some' if is_likely else 'none'}"
    return [_prediction(case, events[0 if is_likely else 1], counted, likely, evidence)]


def _before(case: QuestionContext) -> str:
    return f"windows of {_length(case):.1f} s before"


def _prediction(case: QuestionContext, event: str, counted: str, seen: Frequency, evidence: Evidence) -> Prediction:
    why = f"{counted}; rule of succession: {seen.sum}."
    return Prediction(f"Next {_length(case):.1f} s: {event}", why, round(seen.probability, 2), (evidence,))


def _shown(case: QuestionContext, note: CitedFinding, remark: str) -> Evidence:
    """A shot as evidence, with its last picture."""
    pictures = [frame for frame in case.trajectory.frames_seen if frame.seconds >= note.finding.start_seconds]
    last = max(pictures, key=lambda frame: frame.seconds, default=None)
    return replace(evidence_of_note(note, remark), frames=() if last is None else (last,))


def _starts_in(seconds: float, span: AskedSpan) -> bool:
    return span.start_seconds <= seconds < span.stop_seconds


def _is_during(line: FoundLine, span: AskedSpan) -> bool:
    return line.start_seconds < span.stop_seconds and line.stop_seconds > span.start_seconds


def _is_finished(line: FoundLine) -> bool:
    return line.text.rstrip().endswith(_ENDS_SENTENCE)
