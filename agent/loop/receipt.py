"""A receipt for an answer: the cited frames are decoded again, and the quoted words are read or heard again.

No model and no index takes part. It says whether the evidence stands in the video, not whether the answer follows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.trajectory import Answer, Evidence, collect_evidence
from tools.observation import ToolError
from tools.toolbox import Toolbox

_SAME_TIME_SECONDS = 0.001
"""Difference of two times up to which they name the same frame: saved times are rounded."""


@dataclass(frozen=True)
class EvidenceCheck:
    """A frame or a quotation that an answer cites, looked for again."""

    claim: str
    """What is cited, in words."""
    is_found: bool | None
    """Whether it was found again; None where that can't be checked."""
    found: str
    """What was found in its place, in words."""


def check_evidence(answer: Answer, toolboxes: Sequence[Toolbox]) -> list[EvidenceCheck]:
    """Every frame and every quotation that an answer cites, looked for again.

    Args:
        answer: the answer of a saved run.
        toolboxes: the tools of its videos, in their order.
    """
    checks: dict[str, EvidenceCheck] = {}
    for item in collect_evidence(answer):
        for check in _check_one(item, toolboxes):
            checks.setdefault(check.claim, check)
    return list(checks.values())


def _check_one(item: Evidence, toolboxes: Sequence[Toolbox]) -> Iterator[EvidenceCheck]:
    toolbox = toolboxes[(item.video or 1) - 1]
    where = f"video {item.video}: " if item.video is not None else ""
    for ref in item.frames:
        yield _check_frame(where, ref.seconds, toolbox)
    if not item.quote:
        return
    claim = f"{where}{item.start_seconds:.2f}-{item.stop_seconds:.2f} s: {item.source} «{item.quote}»"
    if item.source == "screen text":
        yield _check_text(claim, item, toolbox)
    elif item.source == "speech":
        yield _check_speech(claim, item, toolbox)
    else:
        yield EvidenceCheck(claim, None, f"what a {item.source} says is not checked")


def _check_frame(where: str, seconds: float, toolbox: Toolbox) -> EvidenceCheck:
    claim = f"{where}frame at {seconds:.3f} s"
    frame = next(iter(toolbox.video.read([seconds])), None)
    if frame is None:
        return EvidenceCheck(claim, False, "it can't be decoded")
    is_found = abs(frame.seconds - seconds) <= _SAME_TIME_SECONDS
    return EvidenceCheck(claim, is_found, f"a frame of {frame.seconds:.3f} s is decoded")


def _check_text(claim: str, item: Evidence, toolbox: Toolbox) -> EvidenceCheck:
    middle = (item.start_seconds + item.stop_seconds) / 2
    read = []
    for seconds in dict.fromkeys((middle, *(ref.seconds for ref in item.frames))):
        try:
            found = toolbox.read_text(seconds).findings
        except ToolError as error:
            read.append(str(error))
            continue
        text = " ".join(finding.text for finding in found)
        if _fold(item.quote) in _fold(text):
            return EvidenceCheck(claim, True, f"it is read at {seconds:.2f} s")
        read.append(text)
    return EvidenceCheck(claim, False, f"read is «{' '.join(read)}»")


def _check_speech(claim: str, item: Evidence, toolbox: Toolbox) -> EvidenceCheck:
    said = [
        line.text
        for line in toolbox.transcribe().lines
        if line.start_seconds < item.stop_seconds and line.stop_seconds > item.start_seconds
    ]
    is_found = _fold(item.quote) in _fold(" ".join(said))
    return EvidenceCheck(claim, is_found, "it is said" if is_found else f"said is «{' '.join(said)}»")


def _fold(text: str) -> str:
    """The letters and digits of a text, which are what a reading is held to: spaces are read one way or the other."""
    return "".join(re.findall(r"\w", text.casefold()))
