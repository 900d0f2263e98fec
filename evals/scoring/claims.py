"""Checks what an answer says against the record of its run: each claim by its own evidence, and every time it names.

No model is asked: a claim is on record where the tools did bring what it cites, which says nothing yet of whether that
shows what is claimed. A judge can be asked for that (`python -m evals.judge`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.coverage import compute_coverage
from agent.rendering.grounding import UNREAD
from agent.trajectory import Answer, Evidence, Trajectory

ClaimVerdict = Literal["on record", "not on record", "no evidence"]

SLACK_SECONDS = 1.0
"""Distance from what was looked at up to which a named time passes: times are rounded in words."""
_CLOCK = re.compile(r"(?<![\d:.])(?:(\d{1,2}):)?(\d{1,2}):([0-5]\d)(?![\d:])")
_SECONDS = re.compile(r"(?<![\d:.])(\d{1,5}(?:\.\d{1,3})?) ?(?:s|secs?|seconds?)\b")
_SPAN = re.compile(r"(?<![\d:.])(\d{1,5}(?:\.\d{1,3})?) ?[-–] ?\d{1,5}(?:\.\d{1,3})? ?(?:s|secs?|seconds?)\b")


@dataclass(frozen=True)
class ClaimCheck:
    """One claim of an answer with the verdict on its evidence."""

    text: str
    verdict: ClaimVerdict
    why: str = ""
    """What is wrong with the evidence; empty where it is on record."""


@dataclass(frozen=True)
class AnswerCheck:
    """The claims of an answer, and the times that it names."""

    claims: tuple[ClaimCheck, ...]
    named_seconds: tuple[float, ...]
    """Times in the answer and in the thought that led to it, without those of the question."""
    invented_seconds: tuple[float, ...]
    """Named times at which nothing was looked at, read or heard, or that are past the end."""


def check_answer(trajectory: Trajectory) -> AnswerCheck:
    """Checks the answer of a run; one that abstains, or is none, claims nothing."""
    answer = trajectory.answer
    if answer is None or answer.abstains or trajectory.other_facts:
        return AnswerCheck((), (), ())
    claims = tuple(_check_claim(text, evidence) for text, evidence in list_claims(answer))
    asked = set(read_times(" ".join((trajectory.question.text, *trajectory.question.options))))
    said = " ".join((trajectory.steps[-1].turn.thought, answer.text))
    named = tuple(time for time in dict.fromkeys(read_times(said)) if time not in asked)
    return AnswerCheck(claims, named, tuple(_find_invented(named, trajectory)) if named else ())


def list_claims(answer: Answer) -> tuple[tuple[str, tuple[Evidence, ...]], ...]:
    """The single claims of an answer with their evidence: those it was taken apart into, or all of it as one."""
    found = [
        *((claim.text, claim.evidence) for claim in answer.claims),
        *((link.event, link.evidence) for link in answer.chain),
        *((item.event, item.evidence) for item in answer.predictions),
    ]
    return tuple(found) or ((answer.text, answer.evidence),)


def read_times(text: str) -> tuple[float, ...]:
    """The times in seconds that a text names, as `1:05`, `12.5 s` or `10-20 s`."""
    spans = [float(match[1]) for match in _SPAN.finditer(text)]
    clocks = [3600 * int(h or 0) + 60 * int(m) + float(s) for h, m, s in _CLOCK.findall(text)]
    return (*clocks, *spans, *(float(match[1]) for match in _SECONDS.finditer(text)))


def _check_claim(text: str, evidence: Sequence[Evidence]) -> ClaimCheck:
    if not evidence:
        return ClaimCheck(text, "no evidence", "it cites nothing")
    doubts = [why for item in evidence if (why := _doubt(item))]
    if len(doubts) == len(evidence):
        return ClaimCheck(text, "not on record", doubts[0])
    return ClaimCheck(text, "on record")


def _doubt(item: Evidence) -> str:
    """Why evidence is not on record; words that a policy has read off a picture by itself are, with that picture."""
    if not item.call_ids:
        return item.note or "it names no call"
    return "" if item.note == UNREAD and item.frames else item.note


def _find_invented(named: Iterable[float], trajectory: Trajectory) -> Iterator[float]:
    seen = compute_coverage(trajectory)
    spans = [(span.start_seconds, span.stop_seconds) for span in seen.looked]
    spans += [(span.start_seconds, span.stop_seconds) for span in (*seen.indexed, *seen.read, *seen.heard)]
    for time in named:
        is_inside = time <= trajectory.facts.duration_seconds + SLACK_SECONDS
        if not is_inside or not any(a - SLACK_SECONDS <= time <= b + SLACK_SECONDS for a, b in spans):
            yield time
