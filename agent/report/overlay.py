"""Boxes to draw on a picture: findings of its time, within the part of the frame that it shows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.report.images import StoredImage
from agent.trajectory import Evidence
from tools.observation import FULL_FRAME, Box, Finding, FrameRef

_MOST_BOXES = 24
"""Boxes drawn on one picture at most."""
_SAME_TIME_SECONDS = 0.02
"""Seconds between two times up to which they count as one."""
_STILL_SECONDS = 1.0
"""Length of a finding's span up to which its box holds for the whole span."""
_IN_WORD = r"[^\W\u0e00-\u0eff\u2e80-\uffff]"
"""A letter or digit of a script that sets its words apart: "1" is no part of "017"."""


@dataclass(frozen=True)
class BoxView:
    """A rectangle drawn on a picture, in pixels of the picture."""

    number: int
    x: float
    y: float
    width: float
    height: float
    kind: str
    label: str
    is_cited: bool


def place_boxes(
    picture: StoredImage, ref: FrameRef, findings: Sequence[Finding], cited: Sequence[Evidence]
) -> tuple[tuple[BoxView, ...], int]:
    """The boxes to draw on a picture, and the number of those left out.

    Args:
        picture: the stored picture.
        ref: reference of the picture, with the time and the part of the frame.
        findings: findings whose boxes may be drawn.
        cited: evidence; a finding that it quotes is drawn over its whole span, and its own boxes are drawn too.
    """
    same_time = [f for f in dict.fromkeys(findings) if f.box is not None and _is_at(f, ref.seconds, cited)]
    found = {finding.box for finding in same_time}
    # an exhibit may name a place itself, as a model does
    pointed = [
        item for item in dict.fromkeys(cited) if item.box not in (None, *found) and _is_shown_by(item, ref.seconds)
    ]
    drawn: list[tuple[Box | None, str, str, bool]] = [(item.box, "evidence", item.quote, True) for item in pointed]
    drawn += [(f.box, f.kind, f.text, any(quotes(item, f) for item in cited)) for f in same_time]
    placed = [(inside, one) for one in drawn if (inside := _clip_to_crop(one[0], ref.box)) is not None]
    boxes = tuple(
        BoxView(number, *_scale_to_pixels(inside, picture), *one[1:])
        for number, (inside, one) in enumerate(placed[:_MOST_BOXES], start=1)
    )
    return boxes, len(placed) - len(boxes)


def _is_shown_by(item: Evidence, seconds: float) -> bool:
    return any(abs(frame.seconds - seconds) <= _SAME_TIME_SECONDS for frame in item.frames)


def _is_at(finding: Finding, seconds: float, cited: Sequence[Evidence]) -> bool:
    """Whether the box of a finding belongs on the frame at some second.

    A box is where the thing was when its span began. Later in a long span it may have moved or gone, so there only
    what an exhibit quotes is drawn.
    """
    if abs(finding.start_seconds - seconds) <= _SAME_TIME_SECONDS:
        return True
    is_short = finding.stop_seconds - finding.start_seconds <= _STILL_SECONDS
    covers = finding.start_seconds <= seconds < finding.stop_seconds
    return covers and (is_short or any(quotes(item, finding) for item in cited))


def _clip_to_crop(box: Box | None, crop: Box) -> Box | None:
    """The part of a box that a crop shows, as fractions of the crop; None if it is all of it or nothing."""
    if box is None:
        return None
    width, height = crop[2] - crop[0], crop[3] - crop[1]
    left, right = (min(max((x - crop[0]) / width, 0.0), 1.0) for x in (box[0], box[2]))
    top, bottom = (min(max((y - crop[1]) / height, 0.0), 1.0) for y in (box[1], box[3]))
    if left >= right or top >= bottom or (left, top, right, bottom) == FULL_FRAME:
        return None
    return left, top, right, bottom


def _scale_to_pixels(box: Box, picture: StoredImage) -> tuple[float, float, float, float]:
    """The x, y, width and height in pixels of a box in fractions of the picture."""
    x, y = box[0] * picture.width, box[1] * picture.height
    return (
        round(x, 1),
        round(y, 1),
        round(box[2] * picture.width - x, 1),
        round(box[3] * picture.height - y, 1),
    )


def quotes(evidence: Evidence, finding: Finding) -> bool:
    """Whether the quote of a piece of evidence and a finding are the same words, or one is some words of the other."""
    quote, text = evidence.quote.casefold().strip(), finding.text.casefold().strip()
    return bool(quote and text) and (_has_words(quote, text) or _has_words(text, quote))


def _has_words(text: str, words: str) -> bool:
    return re.search(f"(?<!{_IN_WORD}){re.escape(words)}(?!{_IN_WORD})", text) is not None
