"""The second look: the same question, answered again from the evidence alone.

Works with any policy, because the evidence is put to it as an ordinary trajectory with an answer due.
"""

import time
from dataclasses import replace

from agent.policy import Policy, Sight, turn_in_time
from agent.trajectory import Answer, Calls, Evidence, Result, Step, Trajectory, Turn, Verification, same_answer
from tools.observation import Finding, FrameRef, Observation
from tools.wording import fenced

_NOTICE = "This is all the evidence there is. Answer from it alone."


def verified(trajectory: Trajectory, policy: Policy, sight: Sight) -> Trajectory:
    """The trajectory with its verification; unchanged where `has_claim` finds nothing to verify."""
    answer = trajectory.answer
    if answer is None or not has_claim(answer):
        return trajectory
    started = time.perf_counter()
    turn = turn_in_time(evidence_only(trajectory), policy, sight)
    usage = replace(turn.usage, seconds=time.perf_counter() - started)
    if not isinstance(turn.move, Answer):
        return replace(trajectory, verification=Verification(agrees=False, answer="", usage=usage))
    verification = Verification(same_answer(answer, turn.move), turn.move.text, turn.move.confidence, usage)
    return replace(trajectory, verification=verification)


def has_claim(answer: Answer | None) -> bool:
    """Whether there is an answer that claims something and says what it rests on."""
    return answer is not None and bool(answer.evidence) and not answer.cannot_tell


def evidence_only(trajectory: Trajectory) -> Trajectory:
    """A trajectory of the same question that holds only what the answer's evidence names, with an answer due."""
    answer = trajectory.answer
    assert answer is not None, "only an answered trajectory has evidence"
    cited = {call_id for item in answer.evidence for call_id in item.call_ids}
    calls = tuple(call for call in trajectory.calls if call.id in cited)
    results = tuple(_restricted(r, answer.evidence) for r in trajectory.results if r.call_id in cited)
    shown = Step(Turn("", Calls(calls), is_opening=True), results, notice=_NOTICE)
    return replace(
        trajectory,
        steps=(shown,),
        stop=None,
        verification=None,
        opening_seconds=0.0,
        limits=replace(trajectory.limits, max_turns=1, max_seconds=_seconds_left(trajectory)),
    )


def _seconds_left(trajectory: Trajectory) -> float | None:
    """Of the time that the question may take; never quite nothing, which would be no limit."""
    limit = trajectory.limits.max_seconds
    return None if limit is None else max(0.001, limit - trajectory.seconds)


def _restricted(result: Result, evidence: tuple[Evidence, ...]) -> Result:
    mine = [item for item in evidence if result.call_id in item.call_ids]
    frames = tuple(f for f in result.observation.frames if any(_shows(item, f) for item in mine))
    findings = tuple(f for f in result.observation.findings if any(_overlaps(item, f) for item in mine))
    text = "\n".join(f"[{f.start_seconds:.1f}-{f.stop_seconds:.1f} s] {f.kind}: {fenced(f.text)}" for f in findings)
    return replace(result, observation=Observation(text, frames, findings), repeat_of=None, seconds=0.0)


def _shows(item: Evidence, frame: FrameRef) -> bool:
    return frame in item.frames or item.start_seconds <= frame.seconds < item.stop_seconds


def _overlaps(item: Evidence, finding: Finding) -> bool:
    start, stop = max(item.start_seconds, finding.start_seconds), min(item.stop_seconds, finding.stop_seconds)
    return start <= stop
