"""A receipt for an answer: the cited frames are decoded again, and the quoted words are read or heard again.

No model and no index takes part. It says whether the evidence stands in the video, not whether the answer follows.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agent.trajectory import Answer, Evidence, collect_evidence
from tools.deadline import is_time_up
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


@dataclass(frozen=True)
class Receipt:
    """The checks of everything that an answer cites."""

    checks: tuple[EvidenceCheck, ...]

    @property
    def is_found(self) -> bool | None:
        """Whether all that can be checked was found again; None where nothing can be."""
        found = [check.is_found for check in self.checks if check.is_found is not None]
        return all(found) if found else None

    @property
    def sentence(self) -> str:
        """The receipt in a sentence."""
        found = sum(check.is_found is True for check in self.checks)
        unchecked = sum(check.is_found is None for check in self.checks)
        left = f"; {unchecked} could not be checked" if unchecked else ""
        return f"{found} of {len(self.checks)} frames and quotations are found again{left}"

    def as_data(self) -> dict[str, Any]:
        """The receipt as plain JSON."""
        return {"is_found": self.is_found, "sentence": self.sentence, "checks": [asdict(one) for one in self.checks]}


def check_evidence(answer: Answer, toolboxes: Sequence[Toolbox]) -> Receipt:
    """Every frame and every quotation that an answer cites, looked for again.

    Args:
        answer: the answer of a saved run.
        toolboxes: the tools of its videos, in their order.
    """
    checks: dict[str, EvidenceCheck] = {}
    for item in collect_evidence(answer):
        for check in _check_one(item, toolboxes):
            checks.setdefault(check.claim, check)
    return Receipt(tuple(checks.values()))


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
    if is_time_up():
        return EvidenceCheck(claim, None, "there was no time to read it")
    return EvidenceCheck(claim, False, f"read is «{' '.join(read)}»")


def _check_speech(claim: str, item: Evidence, toolbox: Toolbox) -> EvidenceCheck:
    heard = toolbox.transcribe(item.start_seconds, item.stop_seconds)
    said = " ".join(line.text for line in heard.lines)
    if _fold(item.quote) in _fold(said):
        return EvidenceCheck(claim, True, "it is said")
    if heard.unheard:
        return EvidenceCheck(claim, None, "; ".join(heard.gaps))
    return EvidenceCheck(claim, False, f"said is «{said}»")


def _fold(text: str) -> str:
    """The letters and digits of a text, which are what a reading is held to: spaces are read one way or the other."""
    return "".join(re.findall(r"\w", text.casefold()))
