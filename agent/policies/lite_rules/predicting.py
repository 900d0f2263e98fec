"""The task predict: the next events from those so far: cuts, speech, text, movement, by their frequency in windows.

`lite` understands no pictures, so it predicts nothing that it can't count. A confidence is the counted frequency of
just that event; several can come true, so confidences need not sum to 1.
"""

from collections.abc import Sequence
from dataclasses import replace

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import NO_PICTURES, answer_cannot_tell
from agent.policies.lite_rules.frequencies import Frequency, count_states, count_states_after_last, split_windows
from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.notes import (
    CitedFinding,
    collect_speech_lines,
    iterate_findings,
    make_finding_evidence,
    make_line_evidence,
)
from agent.policies.lite_rules.occurrences import collect_legible_lines, find_cut_seconds, quote_text
from agent.policies.lite_rules.plan import Wanted, want_call
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


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for a prediction: the last seconds closely, and all that can be counted before them."""
    stop, facts = case.duration_seconds, case.trajectory.facts
    start = round(_compute_start(case), 2) or None
    last = round(max(case.start_seconds, stop - _compute_window_length(case)), 2)
    calls = [
        want_call("select_frames", start=last, stop=stop, count=4, size="small"),
        want_call("list_shots", start=start),
    ]
    calls += [want_call("find_changes", start=start, count=32), want_call("search_text", start=start, count=32)]
    return [*calls, want_call("read_speech", start=start)] if facts.has_speech_track or facts.has_subtitles else calls


def answer(case: QuestionContext) -> Answer:
    """An answer with the three most frequent continuations; fewer where less can be counted."""
    spans = split_windows(_compute_start(case), case.duration_seconds, _compute_window_length(case))
    found = [
        *_predict_cut(case, spans),
        *_predict_speech(case, spans),
        *_predict_sentence(case),
        *_predict_text(case, spans),
        *_predict_change(case, spans),
    ]
    ranked = tuple(sorted(found, key=lambda p: -p.confidence)[:_ASKED])
    if not ranked:
        return answer_cannot_tell(case, NO_PICTURES, "Nothing else is on record.")
    evidence = tuple(dict.fromkeys(item for prediction in ranked for item in prediction.evidence))
    return Answer(ranked[0].event, None, ranked[0].confidence, evidence, predictions=ranked)


def _compute_start(case: QuestionContext) -> float:
    return max(case.start_seconds, case.duration_seconds - _LOOK_BACK_SECONDS)


def _compute_window_length(case: QuestionContext) -> float:
    return min(_WINDOW_SECONDS, (case.duration_seconds - case.start_seconds) / _LEAST_WINDOWS)


def _predict_cut(case: QuestionContext, spans: Sequence[AskedSpan]) -> list[Prediction]:
    shots = list(iterate_findings(case.trajectory, "shot"))
    if not shots:
        return []
    cuts = find_cut_seconds(case.trajectory)
    seen = count_states([any(_is_starting_in(cut, span) for cut in cuts) for span in spans])
    evidence = _make_shot_evidence(case, shots[-1], "the shot that goes on at the end")
    if seen.probability >= 0.5:
        counted = f"A cut came in {seen.hits} of the {seen.trials} {_describe_windows(case)}"
        return [_make_prediction(case, "the picture cuts to another shot", counted, seen, evidence)]
    counted = f"No cut came in {seen.complement.hits} of the {seen.trials} {_describe_windows(case)}"
    return [_make_prediction(case, "the shot goes on without a cut", counted, seen.complement, evidence)]


def _predict_speech(case: QuestionContext, spans: Sequence[AskedSpan]) -> list[Prediction]:
    lines = collect_speech_lines(case.trajectory)
    states = [any(_is_during(line, span) for line in lines) for span in spans]
    if not any(states):
        return []
    events = ("somebody goes on speaking", "nobody speaks any more")
    if not states[-1]:
        events = ("somebody begins to speak", "nobody speaks")
    return _predict_state(case, states, "speech", events, make_line_evidence(case.trajectory, lines[-1]))


def _predict_sentence(case: QuestionContext) -> list[Prediction]:
    """The prediction that an unfinished last sentence goes on, by those that were broken off earlier."""
    lines, length = collect_speech_lines(case.trajectory), _compute_window_length(case)
    if not lines or _is_finished(lines[-1]) or lines[-1].stop_seconds < case.duration_seconds - length:
        return []
    breaks = [line for line in lines[:-1] if not _is_finished(line)]
    seen = count_states([any(0 <= x.start_seconds - line.stop_seconds <= length for x in lines) for line in breaks])
    if not seen.trials:
        return []
    event = f"the sentence {quote_text(lines[-1].text)} goes on"
    counted = f"Of the {seen.trials} earlier lines that stopped inside a sentence, {seen.hits} went on"
    return [_make_prediction(case, event, counted, seen, make_line_evidence(case.trajectory, lines[-1]))]


def _predict_text(case: QuestionContext, spans: Sequence[AskedSpan]) -> list[Prediction]:
    lines = collect_legible_lines(case.trajectory)
    states = [any(_is_during(line, span) for line in lines) for span in spans]
    if not any(states):
        return []
    last = max(lines, key=lambda line: (line.stop_seconds, line.height))
    events = (f"text stays on screen, now {quote_text(last.text)}", f"{quote_text(last.text)} leaves the screen")
    if not states[-1]:
        events = ("text appears on screen", "no text appears on screen")
    return _predict_state(case, states, "text on screen", events, make_line_evidence(case.trajectory, last))


def _predict_change(case: QuestionContext, spans: Sequence[AskedSpan]) -> list[Prediction]:
    changes = list(iterate_findings(case.trajectory, "change"))
    if not changes:
        return []
    seen = count_states([any(_is_starting_in(note.finding.start_seconds, span) for note in changes) for span in spans])
    last = max(changes, key=lambda note: note.finding.start_seconds)
    evidence = make_finding_evidence(last, f"the last change: {last.finding.text}")
    if seen.probability >= 0.5:
        counted = f"Something began to change in {seen.hits} of the {seen.trials} {_describe_windows(case)}"
        return [_make_prediction(case, "something in the picture moves or changes", counted, seen, evidence)]
    counted = f"Nothing began to change in {seen.complement.hits} of the {seen.trials} {_describe_windows(case)}"
    return [_make_prediction(case, "nothing new moves in the picture", counted, seen.complement, evidence)]


def _predict_state(
    case: QuestionContext, states: Sequence[bool], what: str, events: tuple[str, str], evidence: Evidence
) -> list[Prediction]:
    """The prediction of the likelier of two events, presence or absence, by the windows after one like the last.

    Empty where no window before the last was like it: then there is nothing to count.
    """
    seen = count_states_after_last(states)
    if not seen.trials:
        return []
    is_likely = seen.probability >= 0.5
    likely = seen if is_likely else seen.complement
    after = f"windows of {_compute_window_length(case):.1f} s after one with{'' if states[-1] else 'out'} {what}"
    counted = f"{likely.hits} of {likely.trials} {after} had {'some' if is_likely else 'none'}"
    return [_make_prediction(case, events[0 if is_likely else 1], counted, likely, evidence)]


def _describe_windows(case: QuestionContext) -> str:
    return f"windows of {_compute_window_length(case):.1f} s before"


def _make_prediction(
    case: QuestionContext, event: str, counted: str, seen: Frequency, evidence: Evidence
) -> Prediction:
    why = f"{counted}; rule of succession: {seen.sum}."
    return Prediction(
        f"Next {_compute_window_length(case):.1f} s: {event}", why, round(seen.probability, 2), (evidence,)
    )


def _make_shot_evidence(case: QuestionContext, note: CitedFinding, remark: str) -> Evidence:
    """A shot as evidence, with its last picture."""
    pictures = [frame for frame in case.trajectory.frames_seen if frame.seconds >= note.finding.start_seconds]
    last = max(pictures, key=lambda frame: frame.seconds, default=None)
    return replace(make_finding_evidence(note, remark), frames=() if last is None else (last,))


def _is_starting_in(seconds: float, span: AskedSpan) -> bool:
    return span.start_seconds <= seconds < span.stop_seconds


def _is_during(line: FoundLine, span: AskedSpan) -> bool:
    return line.start_seconds < span.stop_seconds and line.stop_seconds > span.start_seconds


def _is_finished(line: FoundLine) -> bool:
    return line.text.rstrip().endswith(_ENDS_SENTENCE)
