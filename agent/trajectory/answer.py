"""An answer and the evidence that it rests on: stretches of the video, with the frames or words found there."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field

from tools.observation import FrameRef, KnownBox, Probability, Seconds, VideoNumber

MOST_FRAMES = 1000
"""Frames under one piece of evidence at most: as many as an answer may rest on in all."""
MOST_EVIDENCE = 100
"""Pieces of evidence, links of a chain or claims of one answer, at most."""


@dataclass(frozen=True)
class Evidence:
    """A stretch of the video that an answer rests on, with the frames or words found there."""

    start_seconds: Seconds
    stop_seconds: Seconds
    call_ids: tuple[str, ...] = ()
    """Ids of the tool calls that brought the evidence."""
    frames: Annotated[tuple[FrameRef, ...], Field(max_length=MOST_FRAMES)] = ()
    quote: str = ""
    """Screen text or speech, word for word; empty where the evidence is a picture."""
    source: Literal["frame", "screen text", "speech", "sound", "caption", "video"] = "frame"
    note: str = ""
    box: KnownBox | None = None
    """Place in the picture, fractions 0..1 of the whole frame; None for the whole picture, or speech."""
    video: VideoNumber | None = None
    """Number of its video among those of the question, from 1; None where there is one only, or where the policy does
    not say which."""


@dataclass(frozen=True)
class Statement:
    """A claim of an answer, with the evidence that it rests on."""

    text: str
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=MOST_EVIDENCE)] = ()


@dataclass(frozen=True)
class Link:
    """A link of a causal chain."""

    event: str
    because: str = ""
    """Why the event follows from the link before; empty for the first."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=MOST_EVIDENCE)] = ()


@dataclass(frozen=True)
class Prediction:
    """An event that may come next."""

    event: str
    justification: str
    confidence: Probability
    """Stated probability of the event, 0..1."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=MOST_EVIDENCE)] = ()


@dataclass(frozen=True)
class Answer:
    """A turn that answers."""

    text: str
    option: int | None = None
    """Index of the chosen option, from 0; None for an open question."""
    confidence: Probability | None = None
    """Probability of being right that the policy states, 0..1; None where it states none, and for "I can't tell", which
    claims nothing."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=MOST_EVIDENCE)] = ()
    not_shown: bool = False
    """True for "not shown in this video": a claim about the video, made only where what was asked for was looked for
    with a sense that could have found it."""
    cannot_tell: bool = False
    """True for "I can't tell": nothing is claimed about the video; `text` is a sentence that says so and why, and
    `evidence` what was found that may help. Never together with `not_shown`."""
    chain: Annotated[tuple[Link, ...], Field(max_length=MOST_EVIDENCE)] = ()
    """Causal chain of the task explain, cause to effect."""
    predictions: Annotated[tuple[Prediction, ...], Field(max_length=MOST_EVIDENCE)] = ()
    """Next events of the task predict, the most likely first."""
    claims: Annotated[tuple[Statement, ...], Field(max_length=MOST_EVIDENCE)] = ()
    """Single claims of the text, where the policy takes it apart; their evidence is in `evidence` too."""
    kind: Literal["answer"] = "answer"

    def __post_init__(self) -> None:
        if self.cannot_tell and self.not_shown:
            raise ValueError('an answer is "not shown" or "I can\'t tell", not both')

    @property
    def abstains(self) -> bool:
        """True for an answer that names none: "not shown" or "I can't tell"."""
        return self.not_shown or self.cannot_tell


def collect_evidence(answer: Answer) -> tuple[Evidence, ...]:
    """The evidence of the answer and of its claims, steps or predictions, each piece once."""
    parts: tuple[Statement | Link | Prediction, ...] = (*answer.claims, *answer.chain, *answer.predictions)
    return tuple(dict.fromkeys((*answer.evidence, *(item for part in parts for item in part.evidence))))


def is_same_answer(first: Answer, second: Answer) -> bool:
    """True for two answers that choose the same option, say the same words, or both abstain in the same way."""
    if first.abstains or second.abstains:
        return (first.not_shown, first.cannot_tell) == (second.not_shown, second.cannot_tell)
    if first.option is not None or second.option is not None:
        return first.option == second.option
    return _normalize(first.text) == _normalize(second.text)


def _normalize(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def number_evidence(evidence: Evidence, video: int | None) -> Evidence:
    """Evidence under another number of its video, with its frames; None is that of an only one."""
    return replace(evidence, video=video, frames=tuple(replace(frame, video=video) for frame in evidence.frames))
