"""Questions about a class of things that the detector knows: how many there are, whether there is one, from when on.

The detector overlooks what is small, hidden or upside down. So that it finds none is no proof that there is none, and
what it counts is told as the most that it saw at once.
"""

from dataclasses import replace

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.establishing import answer_cannot_tell
from agent.policies.lite_rules.notes import CitedFinding, iterate_findings, make_finding_evidence
from agent.policies.lite_rules.plan import Wanted, make_span_arguments, want_call
from agent.policies.lite_rules.presence.thing_questions import ThingQuestion
from agent.policies.lite_rules.words import parse_count
from agent.trajectory import Answer, Evidence
from tools.observation_text import AT_ONCE, IN_ALL

_MOST_EVIDENCE = 8
"""Things that an answer has as evidence."""
_SURE_SCORE = 0.6
"""Score that the surest thing has at least: below it, on development clips, a rocket was a person and a tree a cow."""
_THERE, _GUESSED = 0.85, 0.55
"""Confidence that there is such a thing, and in an option that is chosen without that being known."""
_FEW, _SOME, _MANY = 0.6, 0.4, 0.25
"""Confidence of a count: up to two things, up to five, more."""
_SECOND = 0.5
"""Confidence in the second from which on a thing is seen."""


def plan_calls(case: QuestionContext) -> list[Wanted]:
    """The tool calls for a question about things."""
    assert case.reading.thing is not None, "only such questions come here"
    detect = want_call("detect", query_class=case.reading.thing.name, **make_span_arguments(case.span))
    return [want_call("overview", count=4), detect]


def find_reason(case: QuestionContext) -> str:
    """Why the detector could not look, in its words; empty where it has looked, or was not asked yet."""
    calls = {call.id for call in case.trajectory.calls if call.name == "detect"}
    failed = [r.observation.text for r in case.trajectory.results if r.call_id in calls and r.observation.is_error]
    return failed[0] if failed else ""


def add_reason(answer: Answer, reason: str) -> Answer:
    """An answer that was found in another way, which says what would have helped where it can't tell."""
    return replace(answer, text=f"{answer.text} It would help, but {reason}.") if answer.cannot_tell else answer


def answer(case: QuestionContext) -> Answer:
    """An answer with what the detector found, or that it found nothing."""
    asked = case.reading.thing
    assert asked is not None, "only such questions come here"
    found = [note for note in iterate_findings(case.trajectory, "thing") if note.finding.text == asked.name]
    if not found:
        return _answer_unsure(
            case, asked, f"The detector finds no {asked.name}; small or half hidden ones are missed.", 0
        )
    best = max(found, key=lambda note: note.finding.score or 0.0).finding
    if (best.score or 0.0) < _SURE_SCORE:
        doubtful = f"What may be a {asked.name} at {best.start_seconds:.1f} s is doubtful (score {best.score:.2f})."
        return _answer_unsure(case, asked, doubtful, _read_fact(case, AT_ONCE) or 0)
    match asked.form:
        case "count":
            return _answer_count(case, found)
        case "presence":
            return _answer_presence(case, found)
        case _:
            first = min(found, key=lambda note: note.finding.start_seconds)
            seconds = f"{first.finding.start_seconds:.1f}".removesuffix(".0")
            return Answer(f"{seconds} seconds", None, _SECOND, _make_evidence([first]))


def _answer_count(case: QuestionContext, found: list[CitedFinding]) -> Answer:
    at_once, in_all = _read_fact(case, AT_ONCE) or 0, _read_fact(case, IN_ALL)
    confidence = _FEW if at_once <= 2 else _SOME if at_once <= 5 else _MANY
    evidence = _make_evidence(found)
    if case.options:
        values = [parse_count(option) for option in case.options]
        off, best = min((abs(value - at_once), i) for i, value in enumerate(values) if value is not None)
        return Answer(case.options[best], best, confidence if not off else confidence / 2, evidence)
    told = str(at_once) if in_all == at_once else f"{at_once} at once at most"
    more = f", {in_all} followed in all" if in_all is not None and in_all > at_once else ""
    return Answer(told + more, None, confidence, evidence)


def _read_fact(case: QuestionContext, prefix: str) -> int | None:
    facts = [note.finding.text for note in iterate_findings(case.trajectory, "fact", "detect")]
    counts = [int(fact.removeprefix(prefix).split()[0]) for fact in facts if fact.startswith(prefix)]
    return counts[0] if counts else None


def _answer_presence(case: QuestionContext, found: list[CitedFinding]) -> Answer:
    evidence = _make_evidence(found)
    return _choose(case, "yes", _THERE, evidence) if case.options else Answer("yes", None, _THERE, evidence)


def _answer_unsure(case: QuestionContext, asked: ThingQuestion, why: str, count: int) -> Answer:
    """ "I can't tell", or the likelier option where there are some."""
    if not case.options:
        return answer_cannot_tell(case, why)
    if asked.form == "presence":
        return _choose(case, "yes" if count else "no", _GUESSED, ())
    values = [parse_count(option) for option in case.options]
    _, best = min((abs(value - count), i) for i, value in enumerate(values) if value is not None)
    return Answer(case.options[best], best, _MANY, ())


def _choose(case: QuestionContext, word: str, confidence: float, evidence: tuple[Evidence, ...]) -> Answer:
    place = next((i for i, option in enumerate(case.options) if option.casefold().startswith(word)), 0)
    return Answer(case.options[place], place, confidence, evidence)


def _make_evidence(found: list[CitedFinding]) -> tuple[Evidence, ...]:
    best = sorted(found, key=lambda note: -(note.finding.score or 0.0))[:_MOST_EVIDENCE]
    return tuple(make_finding_evidence(note, f"{note.finding.text} ({note.finding.score:.2f})") for note in best)
