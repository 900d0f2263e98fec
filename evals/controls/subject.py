"""What a control may know of a question: its evidence, and the other things in its video.

An example alone has the time of the evidence and no box; for composed sets all is known (`known.py`).
"""

from dataclasses import dataclass

from agent.trajectory import Question
from evals.example import Example
from tools.observation import Box


@dataclass(frozen=True)
class EvidenceSpan:
    """A half-open span of seconds in which a piece of evidence is to be seen."""

    start_seconds: float
    stop_seconds: float
    box: Box | None = None
    """Place of the evidence in the picture; None where it is not known."""

    @property
    def middle_seconds(self) -> float:
        """Middle of the span, the moment that stands for it."""
        return (self.start_seconds + self.stop_seconds) / 2


@dataclass(frozen=True)
class ControlSubject:
    """One question of a set, as the controls see it."""

    question: Question
    answer: str | None
    """Reference answer; None where it is "not shown" or is not published."""
    evidence: tuple[EvidenceSpan, ...] | None = None
    """Evidence in time order; () where the video shows no answer, None where it is not known."""
    asks_place: bool = False
    """Whether the answer is a place in the picture, so that a crop must stay where it is."""
    things: frozenset[str] = frozenset()
    """Names of things in the video, as far as they are known."""

    def __post_init__(self) -> None:
        if not self.question.id:
            raise ValueError(f"a question needs an id to be told from the others: {self.question.text!r} has none")


def subject_of(example: Example) -> ControlSubject:
    """The control subject of an example, without boxes and things."""
    span = example.evidence_seconds
    return ControlSubject(example.question, example.answer, None if span is None else (EvidenceSpan(*span),))
