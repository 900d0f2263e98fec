"""Verification of an answer: the same question, answered again from the evidence alone.

Works with any policy, because the evidence is put to it as an ordinary trajectory with an answer due. Two chains of
events or two lists of predictions are never the same words, so of these it is asked whether the evidence shows them. A
tool that the policy calls on the way is run; a verification that comes to no answer speaks neither for nor against, and
one that disagrees can send the policy back to look once more.
"""

import time
from dataclasses import replace

from agent.loop.tracing import trace_model_call
from agent.loop.transition import reopen, step
from agent.policy import Policy, Tools, ask_in_time
from agent.rendering.sanitize import quote_said
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Limits,
    Question,
    Result,
    Step,
    Trajectory,
    Turn,
    Verification,
    collect_evidence,
    is_same_answer,
)
from tools.observation import Finding, FrameRef, Observation
from tools.observation_text import quote_untrusted

CARRIED, NOT_CARRIED = "the evidence shows it", "the evidence does not show it"

_NOTICE = "This is all the evidence there is. Answer from it alone."
_TURNS = 2
"""Turns of a verification: the policy may call tools once before it answers."""


def verify_answer(trajectory: Trajectory, policy: Policy, tools: Tools) -> Trajectory:
    """The trajectory with its verification; unchanged where `has_claim` finds nothing to verify.

    Args:
        trajectory: an answered trajectory.
        policy: the policy that answers again.
        tools: the tools that it may call once.
    """
    answer = trajectory.answer
    if answer is None or not has_claim(answer):
        return trajectory
    second = keep_evidence_only(trajectory)
    shown = len(second.steps)
    while second.stop is None:
        started = time.perf_counter()
        with trace_model_call(policy) as span:
            turn = ask_in_time(second, policy, tools)
            span.end_model_call(turn)
        seconds = time.perf_counter() - started
        second = step(second, replace(turn, usage=replace(turn.usage, seconds=seconds)), tools)
    own = second.steps[shown:]
    said = second.answer
    agrees = None if said is None else said.option == 0 if _has_events(answer) else is_same_answer(answer, said)
    verification = Verification(
        agrees,
        "" if said is None else said.text,
        None if said is None else said.confidence,
        replace(second, steps=own).usage,
        own if said is None else own[:-1],
    )
    return replace(trajectory, verification=verification)


def send_back(trajectory: Trajectory) -> Trajectory:
    """The trajectory, open again if its verification disagrees for the first time and the limits leave another turn."""
    look = trajectory.verification
    if look is None or look.agrees is not False or trajectory.doubted:
        return trajectory
    said = f"you answered {quote_said(look.answer)}" if look.answer else "you gave another answer"
    notice = (
        f"Asked again with nothing but your evidence, {said}. Look once more where that can be decided, then give your "
        "final answer with the evidence it rests on."
    )
    again = reopen(trajectory, notice)
    return again if again is trajectory else replace(again, verification=None, doubted=look)


def has_claim(answer: Answer | None) -> bool:
    """Whether there is an answer that claims something and cites evidence."""
    return answer is not None and bool(answer.evidence) and not answer.cannot_tell


def keep_evidence_only(trajectory: Trajectory) -> Trajectory:
    """A trajectory of the question that holds only the observations cited as evidence, with an answer due."""
    answer = trajectory.answer
    assert answer is not None, "only an answered trajectory has evidence"
    evidence = collect_evidence(answer)
    cited = {call_id for item in evidence for call_id in item.call_ids}
    whole = trajectory.as_one
    calls = tuple(call for call in whole.calls if call.id in cited)
    results = tuple(_restrict_result(r, evidence) for r in whole.results if r.call_id in cited)
    shown = Step(Turn("", Calls(calls), is_opening=True), results, notice=_NOTICE)
    second = replace(trajectory, steps=(shown,), stop=None, verification=None, doubted=None, earlier=())
    second = replace(second, strategy="direct", examples=())
    limits, frames = trajectory.limits, len(trajectory.frames_seen) - len(second.frames_seen)
    return replace(
        second,
        opening_seconds=0.0,
        question=_ask_if_carried(trajectory.question, answer) if _has_events(answer) else trajectory.question,
        limits=Limits(
            max_turns=_TURNS,
            max_frames=None if limits.max_frames is None else max(1, limits.max_frames - frames),
            max_tokens=None if limits.max_tokens is None else max(1, limits.max_tokens - (trajectory.tokens or 0)),
            max_seconds=_compute_rest(limits.max_seconds, trajectory.seconds),
            max_malformed=1,
            max_cost_usd=_compute_rest(limits.max_cost_usd, trajectory.cost_usd or 0.0),
        ),
    )


def _compute_rest(limit: float | None, used: float) -> float | None:
    """The rest of a limit for the verification; never quite nothing, which would be no limit."""
    return None if limit is None else max(1e-6, limit - used)


def _has_events(answer: Answer) -> bool:
    return bool(answer.chain or answer.predictions)


def _ask_if_carried(question: Question, answer: Answer) -> Question:
    """A question whether the evidence shows what a chain, or the reasons of predictions, say of the video."""
    steps = [f"{link.event}, {link.because}" if link.because else link.event for link in answer.chain]
    told = steps or [f"{item.justification} (which speaks for: {item.event})" for item in answer.predictions]
    lines = "\n".join(f"{number}. {text}" for number, text in enumerate(told, start=1))
    text = f"Does the evidence show every one of these?\n{lines}"
    return replace(question, text=text, options=(CARRIED, NOT_CARRIED), task="answer")


def _restrict_result(result: Result, evidence: tuple[Evidence, ...]) -> Result:
    ours = (item for item in evidence if item.video in (None, result.observation.video))
    mine = [item for item in ours if result.call_id in item.call_ids]
    frames = tuple(f for f in result.observation.frames if any(_is_shown_by(item, f) for item in mine))
    findings = tuple(f for f in result.observation.findings if any(_is_overlapping(item, f) for item in mine))
    text = "\n".join(
        f"[{f.start_seconds:.1f}-{f.stop_seconds:.1f} s] {f.kind}: {quote_untrusted(f.text)}" for f in findings
    )
    return replace(
        result,
        observation=Observation(text, frames, findings, video=result.observation.video),
        repeat_of=None,
        seconds=0.0,
    )


def _is_shown_by(item: Evidence, frame: FrameRef) -> bool:
    return frame in item.frames or item.start_seconds <= frame.seconds < item.stop_seconds


def _is_overlapping(item: Evidence, finding: Finding) -> bool:
    start, stop = max(item.start_seconds, finding.start_seconds), min(item.stop_seconds, finding.stop_seconds)
    return start <= stop
