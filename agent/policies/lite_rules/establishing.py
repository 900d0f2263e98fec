"""Abstention: "not shown" where the sense that was asked covered all of the video, else "I can't tell".

A claim that something is not there needs a call that would have found it. Where anything was hidden from that call, or
the call was never made, nothing is claimed, and what was found goes with the answer, since it may help.
"""

from difflib import SequenceMatcher

from agent.policies.lite_rules.case import QuestionContext
from agent.policies.lite_rules.notes import CitedFinding, iterate_findings, make_finding_evidence, make_line_evidence
from agent.policies.lite_rules.pieces.overlap import compute_relevances
from agent.policies.lite_rules.reading import Sense
from agent.policies.lite_rules.words import normalize
from agent.trajectory import Answer, Evidence, Result, ToolCall
from tools.observation import UNREADABLE
from tools.sampling import spread

NO_PICTURES = "I understand no pictures."
_WOULD_HELP = "A vision-language model could look: --policy."
_PICTURES = 4
"""Pictures that go with an abstention."""
_TOOLS = {"text": "search_text", "speech": "read_speech"}
"""The tool that covers a sense."""
_MOST_HELP = 5
"""Lines, and doubtful readings, that go with an abstention at most."""
_MOST_REASONS = 2
"""Reasons that an abstention names at most."""
_SLACK_SECONDS = 0.05
"""Seconds by which a call's window may miss the asked one: arguments are rounded to hundredths."""
_LIKE = 0.5
"""Similarity (0..1) of letters from which a doubtful reading could be the name."""
_MANY = 1_000_000  # lines: stands for a count that a call leaves open


def abstain(case: QuestionContext, sense: Sense, confidence: float = 0.7, name: str | None = None) -> Answer:
    """An abstention: "not shown" where a sense would have found what was asked for, else "I can't tell".

    Args:
        case: the question and the trajectory.
        sense: the sense that would have found it.
        confidence: confidence of "not shown".
        name: the text or word that was looked for; None where any would do.
    """
    reasons = [NO_PICTURES] if sense == "picture" else find_hidden_reasons(case, sense, name)
    return answer_cannot_tell(case, *reasons) if reasons else answer_not_shown(confidence)


def answer_not_shown(confidence: float, text: str = "not shown in this video") -> Answer:
    """An answer that claims that something is not in the video."""
    return Answer(text, None, confidence, (), not_shown=True)


def answer_cannot_tell(case: QuestionContext, *reasons: str) -> Answer:
    """An answer that claims nothing: reasons, what would help, the most relevant lines, and pictures to look at."""
    unread = [n for n in iterate_findings(case.trajectory, "text", "search_text") if n.finding.doubt == UNREADABLE]
    lines = [*case.text_lines, *case.speech_lines]
    ranked = sorted(
        zip(compute_relevances(case.reading, lines, case.similarity), lines, strict=True), key=lambda pair: -pair[0]
    )
    helpful = [make_line_evidence(case.trajectory, line) for _, line in ranked[:_MOST_HELP]]
    doubtful = (make_finding_evidence(note, note.finding.doubt) for note in _remove_duplicates(unread)[:_MOST_HELP])
    facts = case.trajectory.facts
    told = [reason for reason in reasons if facts.has_pictures or reason != NO_PICTURES][:_MOST_REASONS]
    told += [_WOULD_HELP] if facts.has_pictures else facts.gaps
    said = " ".join((case.reading.language.cannot_tell, *told))
    return Answer(said, evidence=(*helpful, *doubtful, *_collect_pictures(case)), cannot_tell=True)


def _collect_pictures(case: QuestionContext) -> list[Evidence]:
    """Evidence of up to four pictures of the asked seconds, evenly spread."""
    start, stop = (
        (case.start_seconds, case.duration_seconds)
        if case.span is None
        else (case.span.start_seconds, case.span.stop_seconds)
    )
    shown = {
        frame.seconds: Evidence(frame.seconds, frame.seconds, (result.call_id,), (frame,), note="a picture to look at")
        for result in case.trajectory.results
        for frame in result.observation.frames
        if start <= frame.seconds <= stop
    }
    return [shown[seconds] for seconds in spread(sorted(shown), _PICTURES)]


def _remove_duplicates(found: list[CitedFinding]) -> list[CitedFinding]:
    """The distinct findings: two searches may bring the same ones."""
    return list({note.finding: note for note in found}.values())


def find_hidden_reasons(case: QuestionContext, sense: Sense, name: str | None = None) -> list[str]:
    """Reasons why what was not found may be there all the same, a sentence each; empty where it is not.

    Args:
        case: the question and the trajectory.
        sense: text or speech.
        name: the text or word that was looked for; None where any would do.
    """
    looks = _find_calls(case, _TOOLS[sense])
    done = [(call, result) for call, result in looks if not result.observation.is_error]
    if not any(_is_covering(case, call) for call, _ in done):
        failed = [result.observation.text for _, result in looks if result.observation.is_error]
        return failed or [f"What is {'said' if sense == 'speech' else 'written'} there was not looked at."]
    facts = case.trajectory.facts
    reasons = ["The file is cut off."] if facts.is_cut_off else []
    # that there are no pictures hides nothing that is said
    reasons += [gap for gap in case.trajectory.gaps if facts.has_pictures or gap not in facts.gaps]
    doubtful = [f for _, result in done for f in result.observation.findings if f.doubt not in ("", UNREADABLE)]
    reasons += [
        f"What is {'said' if sense == 'speech' else 'written'} at {finding.start_seconds:.1f} s is doubtful."
        for finding in doubtful
        if sense == "speech" or name is None or is_possible_misreading(finding.text, name)
    ][:1]
    if sense == "text" and name is not None:
        read = [f.text for _, result in done for f in result.observation.findings if f.kind == "text" and not f.doubt]
        reasons += [f"“{text}” is read, which may be a part of it." for text in read if _is_part(text, name)][:1]
    if sense == "speech" and any(len(r.observation.findings) >= c.arguments.get("count", _MANY) for c, r in done):
        reasons.append("More is said than was looked at.")
    return reasons


def find_unheard_reasons(case: QuestionContext) -> list[str]:
    """Reasons why a sound that was not heard may be there all the same, a sentence each; empty where it is not."""
    looks = _find_calls(case, "list_sounds")
    done = [(call, result) for call, result in looks if not result.observation.is_error]
    if not any(_is_covering(case, call) for call, _ in done):
        return [result.observation.text for _, result in looks] or ["It was not listened to."]
    gaps = [f"{gap[:1].upper()}{gap[1:]}." for _, result in done for gap in result.observation.gaps]
    return [*(["The file is cut off."] if case.trajectory.facts.is_cut_off else []), *gaps]


def is_possible_misreading(guess: str, name: str) -> bool:
    """Whether a doubtful reading could be a misreading of the name."""
    return SequenceMatcher(None, guess.casefold(), name.casefold(), autojunk=False).ratio() >= _LIKE


def _is_part(text: str, name: str) -> bool:
    """Whether a text is most of a name, whose rest may be hidden or stand on another line."""
    part, whole = (normalize(each).replace(" ", "") for each in (text, name))
    return part in whole and len(part) >= len(whole) / 2


def _find_calls(case: QuestionContext, tool: str) -> list[tuple[ToolCall, Result]]:
    results = {result.call_id: result for result in case.trajectory.results}
    return [(call, results[call.id]) for call in case.trajectory.calls if call.name == tool and call.id in results]


def _is_covering(case: QuestionContext, call: ToolCall) -> bool:
    """Whether a call covered all the seconds that the question means."""
    start, stop = call.arguments.get("start", 0.0), call.arguments.get("stop", case.duration_seconds)
    wanted_start, wanted_stop = (case.start_seconds, case.duration_seconds)
    if case.span is not None:
        wanted_start, wanted_stop = case.span.start_seconds, case.span.stop_seconds
    return bool(start <= wanted_start + _SLACK_SECONDS and stop >= wanted_stop - _SLACK_SECONDS)
