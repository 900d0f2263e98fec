"""The observation that a tool gives back: text for the policy, frames by reference, and the facts as data.

Times are seconds from the first frame shown, ranges are half-open [start, stop), boxes are fractions 0..1 of the
picture as displayed (rotation applied). Pixels never travel in an observation: a FrameRef names them, and the
toolbox gives them.

The ranges that stand with the fields are checked where a saved run is read, not where a tool makes one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tools.limits import MAX_SECONDS

Box = tuple[float, float, float, float]
"""Box (left, top, right, bottom) in fractions 0..1 of the displayed picture, left < right and top < bottom."""

FULL_FRAME: Box = (0.0, 0.0, 1.0, 1.0)

UNREADABLE = "there is text here that can't be read"
"""The doubt of a text that is surely there and whose letters are not known, or not legible."""

UNREADABLE_LETTERS = "letters that can't be read: "
"""Prefix of the fact that names letters of a query which the reader of screen text does not know."""

MOST_VIDEOS = 8
"""Videos of one question at most: all are open, and indexed, at the same time."""

MOST_AMOUNT = 10**12
"""Seconds, tokens or dollars at most: more is no measurement."""

MAX_SHOWN_SIDE = 4096
"""Longest side in pixels of a picture that a tool shows; the largest size that tools have is 1280."""


def _check_area(box: Box) -> Box:
    left, top, right, bottom = box
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):  # nor "not a number"
        raise ValueError("need left < right and top < bottom, fractions 0..1")
    return box


KnownBox = Annotated[Box, AfterValidator(_check_area)]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
Side = Annotated[int, Field(ge=1, le=MAX_SHOWN_SIDE)]
VideoNumber = Annotated[int, Field(ge=1, le=MOST_VIDEOS)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Amount = Annotated[float, Field(ge=0, le=MOST_AMOUNT, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=MOST_AMOUNT)]

Sense = Literal["pictures", "speech", "screen text", "captions"]
"""What a search can go through."""

FindingKind = Literal[
    "moment", "text", "speech", "shot", "change", "label", "colour", "caption", "sound", "thing", "fact"
]


@dataclass(frozen=True)
class FrameRef:
    """A picture of the video, named and not carried: the frame on screen at `seconds`, maybe cropped to `box`."""

    seconds: Seconds
    """The frame's own presentation time in seconds, not the time that was asked for."""
    height: Side
    """Height in pixels at which it is shown to the model."""
    width: Side
    """Width in pixels at which it is shown to the model."""
    box: KnownBox = FULL_FRAME
    """The part of the frame that is shown."""
    video: VideoNumber | None = None
    """Number of its video among those of the question, from 1; None where there is one only."""


@dataclass(frozen=True)
class Finding:
    """One fact that a tool found, with its time and place in the video; evidence is made of findings."""

    kind: FindingKind
    start_seconds: Seconds
    stop_seconds: Seconds
    text: str = ""
    """Words that were read, said, or recognised; for a moment, the query that it matches; for a sound, its kind; for a
    thing, its class; for a fact, `name: value`."""
    score: Annotated[float, Field(allow_inf_nan=False)] | None = None
    """Confidence or similarity, in the tool's own scale; None where the tool has none."""
    box: KnownBox | None = None
    """Box of the fact in the picture; None means the whole picture, or no picture (speech)."""
    no_speech: Probability | None = None
    """Speech only: the recogniser's probability, 0..1, that nobody spoke. None for subtitles and everything else."""
    doubt: str = ""
    """Reason why the fact may be wrong, in words, as for speech that may be invented: not to be quoted then."""


@dataclass(frozen=True)
class Usage:
    """Seconds, tokens and dollars that a turn or a run cost. None means not measured, which is not 0."""

    seconds: Amount = 0.0
    prompt_tokens: Count | None = None
    """Tokens of the request, those served from a cache included."""
    completion_tokens: Count | None = None
    cost_usd: Amount | None = None
    cached_tokens: Count | None = None
    """Prompt tokens that the engine had in its prefix cache."""

    @property
    def tokens(self) -> int | None:
        """Prompt and completion tokens, as far as they were counted; None if neither was."""
        return _sum_known([self.prompt_tokens, self.completion_tokens])


@dataclass(frozen=True)
class SearchedSense:
    """What of a video a search of several senses went through by one of them."""

    sense: Sense
    spans: tuple[tuple[Seconds, Seconds], ...]
    """(start, stop) of each part in seconds, ascending."""


@dataclass(frozen=True)
class InnerCall:
    """A tool call that was made within another, by a program: what coverage has to know of it."""

    name: str
    arguments: dict[str, Any]
    frames: tuple[FrameRef, ...] = ()
    covered: tuple[tuple[Seconds, Seconds], ...] | None = None
    gaps: tuple[str, ...] = ()
    searched: tuple[SearchedSense, ...] = ()


@dataclass(frozen=True)
class Observation:
    """Result of one tool call."""

    text: str
    """Text of the result, which the policy reads."""
    frames: tuple[FrameRef, ...] = ()
    findings: tuple[Finding, ...] = ()
    is_error: bool = False
    """True when the call was the model's mistake; the text says what to do instead."""
    gaps: tuple[str, ...] = ()
    """Sentences that say what the call could not look at, read or hear; `text` has them too. What lies in a gap is not
    known to be absent."""
    covered: tuple[tuple[Seconds, Seconds], ...] | None = None
    """Parts of the window asked for that were really searched, read or heard, ascending; None where it was all."""
    video: VideoNumber | None = None
    """Number of the video that it is of among those of the question, from 1; None where there is one only, or where the
    call failed."""
    searched: tuple[SearchedSense, ...] = ()
    """What a search of several senses went through, by sense; `covered` says nothing of it then."""
    captioner: str = ""
    """Spec of the model whose words are in it, which a replay does not ask again; empty where none are."""
    usage: Usage | None = None
    """Cost of the model's requests, but their seconds, which are the call's; None where none was made."""
    inner_calls: tuple[InnerCall, ...] = ()
    """Calls that a program made; empty for all other tools."""


def sum_usages(usages: Sequence[Usage]) -> Usage:
    """The sum of several costs; its dollars are None as soon as one is not known."""
    costs = [usage.cost_usd for usage in usages]
    known = [cost for cost in costs if cost is not None]
    return Usage(
        sum(usage.seconds for usage in usages),
        _sum_known([usage.prompt_tokens for usage in usages]),
        _sum_known([usage.completion_tokens for usage in usages]),
        sum(known) if known and len(known) == len(costs) else None,
        _sum_known([usage.cached_tokens for usage in usages]),
    )


def _sum_known(counts: list[int | None]) -> int | None:
    """The sum of the counts that were measured; None where none was."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


class ToolError(Exception):
    """A mistake of the policy, in words that it can act on; anything else that a tool raises is a bug of the tool."""


class MissingPartError(ToolError):
    """An optional part is not installed; the text says what to install."""


def to_outer_box(inner: Box, outer: Box) -> Box:
    """Converts a box from fractions of the crop `outer` to fractions of the whole picture."""
    left, top, right, bottom = outer
    width, height = right - left, bottom - top
    return left + inner[0] * width, top + inner[1] * height, left + inner[2] * width, top + inner[3] * height
