"""Questions about speech, singing and music as sounds: whether there is some, when it starts and stops, what is heard.

"Not heard" is claimed only where all of the asked seconds were listened to and nothing doubtful lies in them.
"""

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import answer_cannot_tell, answer_not_shown, find_unheard_reasons
from agent.policies.lite_rules.notes import CitedFinding, iterate_findings
from agent.policies.lite_rules.plan import Wanted, make_span_arguments, want_call
from agent.trajectory import Answer, Evidence

_MOST_STRETCHES = 1000
"""Stretches of sound asked of list_sounds."""
_MOST_TOLD = 6
"""Stretches that an answer names."""
_HEARD, _SECOND, _UNHEARD = 0.85, 0.75, 0.7
"""Confidence that there is such a sound, in a second at which it starts or stops, and that there is none. Chosen, not
fitted: few of our clips have sound."""
_NO_TRACK = 0.95
"""Confidence of what follows from there being no sound track."""


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for a question about sounds."""
    return [
        want_call("overview", count=4),
        want_call("list_sounds", count=_MOST_STRETCHES, **make_span_arguments(case.span)),
    ]


def answer(case: QuestionContext) -> Answer:
    """An answer with the stretches of the sound that is asked for; else that there is none, or why that is unknown."""
    asked = case.reading.sound
    assert asked is not None, "only such questions come here"
    found = [note for note in iterate_findings(case.trajectory, "sound") if note.finding.text in asked.kinds]
    sure = [note for note in found if not note.finding.doubt]
    if not case.trajectory.facts.has_speech_track:
        return _answer_absent(case, _NO_TRACK, "The video has no sound.")
    if not sure:
        return _answer_nothing_sure(case, found)
    match asked.form:
        case "start":
            return _answer_with_seconds(case, min(n.finding.start_seconds for n in sure), sure[:1])
        case "stop":
            last = max(sure, key=lambda note: note.finding.stop_seconds)
            return _answer_with_seconds(case, last.finding.stop_seconds, [last])
        case _:
            return _answer_present(case, sure)


def _answer_present(case: QuestionContext, sure: list[CitedFinding]) -> Answer:
    evidence = _make_evidence(sure)
    if case.options:
        return _choose(case, "yes", _HEARD, evidence)
    kinds = dict.fromkeys(note.finding.text for note in sure)
    told = "; ".join(f"{kind} at {_format_spans([n for n in sure if n.finding.text == kind])}" for kind in kinds)
    is_presence = case.reading.sound is not None and case.reading.sound.form == "presence"
    return Answer(f"yes: {told}" if is_presence else told, None, _HEARD, evidence)


def _format_spans(notes: list[CitedFinding]) -> str:
    spans = [f"{n.finding.start_seconds:.1f}-{n.finding.stop_seconds:.1f} s" for n in notes[:_MOST_TOLD]]
    more = [f"{len(notes) - _MOST_TOLD} times more"] if len(notes) > _MOST_TOLD else []
    return ", ".join((*spans, *more))


def _answer_with_seconds(case: QuestionContext, seconds: float, notes: list[CitedFinding]) -> Answer:
    evidence = _make_evidence(notes)
    if not case.options:
        return Answer(f"{seconds:.1f}".removesuffix(".0") + " seconds", None, _SECOND, evidence)
    spans = case.reading.option_spans
    off = [max(0.0, span.start_seconds - seconds, seconds - span.stop_seconds) for span in spans]
    best = min(range(len(off)), key=lambda i: off[i])
    return Answer(case.options[best], best, _SECOND if off[best] == 0 else _SECOND / 2, evidence)


def _answer_nothing_sure(case: QuestionContext, doubtful: list[CitedFinding]) -> Answer:
    if doubtful:
        first = doubtful[0].finding
        reasons = [f"What may be {first.text} at {first.start_seconds:.1f} s is doubtful ({first.doubt})."]
    else:
        reasons = find_unheard_reasons(case)
    if reasons:
        return answer_cannot_tell(case, *reasons)
    kinds = case.reading.sound.kinds if case.reading.sound is not None else ()
    named = kinds[0] if len(kinds) == 1 else "speech, singing or music"
    return _answer_absent(case, _UNHEARD, f"No {named} is heard.")


def _answer_absent(case: QuestionContext, confidence: float, why: str) -> Answer:
    if "no" in [option.casefold() for option in case.options]:
        return _choose(case, "no", confidence, ())
    return answer_not_shown(confidence, why)


def _choose(case: QuestionContext, word: str, confidence: float, evidence: tuple[Evidence, ...]) -> Answer:
    """The option that begins with yes or no."""
    place = next((i for i, option in enumerate(case.options) if option.casefold().startswith(word)), None)
    if place is None:
        return answer_cannot_tell(case, f"None of the options is “{word}”.")
    return Answer(case.options[place], place, confidence, evidence)


def _make_evidence(notes: list[CitedFinding]) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(n.finding.start_seconds, n.finding.stop_seconds, (n.call.id,), source="sound", note=n.finding.text)
        for n in notes[:_MOST_TOLD]
    )
