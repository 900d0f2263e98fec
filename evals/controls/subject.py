"""What a control may know of a question: where its answer is to be seen, and what else is in its video.

From an example alone there is the time of the evidence and no box; sets that are composed know it all (`known.py`).
"""

from dataclasses import dataclass

from agent.trajectory import Question
from evals.example import Example
from tools.observation import Box


@dataclass(frozen=True)
class EvidenceSpan:
    """A span of seconds, half open, in which something that the answer rests on is to be seen."""

    start_seconds: float
    stop_seconds: float
    box: Box | None = None
    """Where in the picture; None where that is not known."""

    @property
    def middle_seconds(self) -> float:
        """The moment that stands for the span."""
        return (self.start_seconds + self.stop_seconds) / 2


@dataclass(frozen=True)
class ControlSubject:
    """One question of a set, as the controls see it."""

    question: Question
    answer: str | None
    """The reference; None where it is "not shown" or is not published."""
    evidence: tuple[EvidenceSpan, ...] | None = None
    """In time order; () where the video shows no answer, None where that is not known."""
    asks_place: bool = False
    """True where the answer is a place in the picture: a crop of it must stay where it is."""
    things: frozenset[str] = frozenset()
    """Names of what is in the video, as far as they are known."""

    def __post_init__(self) -> None:
        if not self.question.id:
            raise ValueError(f"a question needs an id to be told from the others: {self.question.text!r} has none")


def subject_of(example: Example) -> ControlSubject:
    """What the example itself tells."""
    span = example.evidence_seconds
    return ControlSubject(example.question, example.answer, None if span is None else (EvidenceSpan(*span),))
