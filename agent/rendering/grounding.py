"""Grounds the evidence that a model claims in the observations that it was shown.

A claim becomes evidence with the calls, frames and kind of source that are on record. A claim that is not on record is
kept with a note that says so: an audit needs the false claims too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agent.rendering.boxes import GivenBox, as_fractions, is_fraction
from agent.trajectory import Evidence, Result, Trajectory, number_evidence, restrict_to_video
from tools.observation import Box, Finding, FrameRef

UNREAD = "no tool brought these words"
"""The note on a quote that is in no result: the policy has read it off a picture, or made it up."""
_SOURCES = {"text": "screen text", "speech": "speech", "caption": "caption"}


@dataclass(frozen=True)
class Claim:
    """A model's claim to have seen or heard something; all of it may be wrong."""

    start_seconds: float | None = None
    stop_seconds: float | None = None
    call_ids: tuple[str, ...] = ()
    quote: str = ""
    box: GivenBox | None = None
    video: int | None = None


def ground_claims(claims: Sequence[Claim], trajectory: Trajectory) -> tuple[Evidence, ...]:
    """Claims as evidence, with calls, frames and source from the trajectory; claims without a time are left out."""
    whole = trajectory.as_one
    found = (_ground(claim, whole) for claim in claims)
    return tuple(item for item in found if item is not None)


def _ground(claim: Claim, trajectory: Trajectory) -> Evidence | None:
    if not trajectory.other_facts:
        return _ground_in_video(claim, trajectory)
    video = _find_video(claim, trajectory)
    if video is None:
        longest = max(facts.duration_seconds for facts in trajectory.facts_by_number.values())
        span = _find_span(claim, (), longest)
        return None if span is None else Evidence(*span, quote=claim.quote, note="which video it is of is not known")
    of_video = restrict_to_video(trajectory, video)
    of_others = {r.call_id for r in trajectory.results} - {r.call_id for r in of_video.results}
    astray = [call_id for call_id in claim.call_ids if call_id in of_others]
    ours = tuple(call_id for call_id in claim.call_ids if call_id not in of_others)
    grounded = _ground_in_video(replace(claim, call_ids=ours), of_video)
    if grounded is None:
        return None
    notes = [grounded.note] if grounded.note else []
    notes += [f"cites {call_id}, which looked at another video" for call_id in astray]
    return replace(number_evidence(grounded, video), note="; ".join(notes))


def _find_video(claim: Claim, trajectory: Trajectory) -> int | None:
    """The video that a claim names, or that all of the calls it names looked at; None without one."""
    if claim.video is not None:
        return claim.video if claim.video in trajectory.facts_by_number else None
    looked = {r.observation.video for r in trajectory.results if r.call_id in claim.call_ids}
    return looked.pop() if len(looked) == 1 else None


def _ground_in_video(claim: Claim, trajectory: Trajectory) -> Evidence | None:
    cited = _find_cited(claim, trajectory)
    span = _find_span(claim, cited, trajectory.facts.duration_seconds)
    if span is None:
        return None
    quoted = _find_quoted(claim.quote, cited) or _find_quoted(claim.quote, trajectory.results)
    if quoted is not None and quoted[0] not in cited:
        cited = (*cited, quoted[0])
    frames = _find_frames(cited, span)
    box = None if claim.box is None else as_fractions(claim.box, trajectory.policy, frames[0] if frames else None)
    return Evidence(
        *span,
        call_ids=tuple(result.call_id for result in cited),
        frames=frames,
        quote=claim.quote,
        source=_SOURCES.get(quoted[1].kind, "frame") if quoted else "frame",  # type: ignore[arg-type]
        note="; ".join(_list_doubts(claim, cited, quoted is not None, trajectory) + _note_unplaced(claim, box)),
        box=box,
    )


def _find_cited(claim: Claim, trajectory: Trajectory) -> tuple[Result, ...]:
    """The results that a claim names; where it names none, those that showed something in its span."""
    if claim.call_ids:
        return tuple(result for result in trajectory.results if result.call_id in claim.call_ids)
    if claim.start_seconds is None or claim.stop_seconds is None:
        return ()
    span = (claim.start_seconds, claim.stop_seconds)
    return tuple(
        r for r in trajectory.results if r.repeat_of is None and (_find_frames((r,), span) or _is_heard(r, span))
    )


def _find_span(claim: Claim, cited: Sequence[Result], duration_seconds: float) -> tuple[float, float] | None:
    start, stop = claim.start_seconds, claim.stop_seconds
    if start is None and stop is None:
        times = [t for result in cited for t in _list_times(result)]
        if not times:
            return None
        start, stop = min(times), max(times)
    start = stop if start is None else start
    stop = start if stop is None else stop
    assert start is not None
    assert stop is not None
    low, high = sorted((start, stop))
    return min(max(low, 0.0), duration_seconds), min(max(high, 0.0), duration_seconds)


def _list_times(result: Result) -> list[float]:
    seen = result.observation
    spoken = [t for f in seen.findings if f.kind != "fact" for t in (f.start_seconds, f.stop_seconds)]
    return [frame.seconds for frame in seen.frames] + spoken


def _find_frames(results: Sequence[Result], span: tuple[float, float]) -> tuple[FrameRef, ...]:
    # 0.01 s of slack: messages round times to hundredths, and a time copied from there still names its frame
    start, stop = span[0] - 0.01, span[1] + 0.01
    shown = (frame for result in results for frame in result.observation.frames)
    return tuple(dict.fromkeys(frame for frame in shown if start <= frame.seconds <= stop))


def _is_heard(result: Result, span: tuple[float, float]) -> bool:
    findings = (f for f in result.observation.findings if f.kind != "fact")
    return any(max(span[0], f.start_seconds) <= min(span[1], f.stop_seconds) for f in findings)


def _find_quoted(quote: str, results: Sequence[Result]) -> tuple[Result, Finding] | None:
    """The first result and its finding that hold the words of a quote; None where none does."""
    wanted = _normalize(quote)
    if not wanted:
        return None
    for result in results:
        for finding in result.observation.findings:
            if finding.kind in _SOURCES and wanted in _normalize(finding.text):
                return result, finding
    return None


def _normalize(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def _list_doubts(claim: Claim, cited: Sequence[Result], is_quoted: bool, trajectory: Trajectory) -> list[str]:
    known = {result.call_id for result in trajectory.results}
    doubts = [f"cites {call_id}, which is no call" for call_id in claim.call_ids if call_id not in known]
    if claim.quote and not is_quoted:
        doubts.append(UNREAD)
    if not cited:
        doubts.append("nothing was looked at here")
    return doubts


def _note_unplaced(claim: Claim, box: Box | None) -> list[str]:
    is_lost = claim.box is not None and box is None and not is_fraction(claim.box)
    return ["its box is on a scale that is not known"] if is_lost else []
