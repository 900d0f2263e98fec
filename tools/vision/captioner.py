"""Captions of a window, as findings and one sentence; what a vision-language model in its place has to be able to do.

The packaged captioner is put together from small parts, each left out where it is not installed: named colours, screen
text, and ImageNet labels of frames and tiles. The labels are data with a doubt and no words of the description: of 21
with a probability of 0.5 or more on 44 frames of eleven real clips at most five name something that is there, of the
seven from 0.7 on at most two (a cartoon is "polar bear" 0.67, a thrown ball "racket" 0.93, a bookcase "bookcase"
0.84), so that no threshold keeps the right ones. It sees no people, actions or counts, and says nothing of them.
Tried and left out: MediaPipe's wheels no longer hold their networks, and the face cascade in scikit-image's wheel finds
two to four faces where two are, and one in every tenth picture without any.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tools.observation import FULL_FRAME, Box, Finding, FrameRef, MissingPartError, Usage
from tools.sampling import crop, grid
from tools.vision.colour_focus import find_asked_colours, fit_asked_colours
from tools.vision.colours import measure_colour_shares

if TYPE_CHECKING:
    from tools.ocr.reader import TextReader
    from tools.video.video import Frame

GUESS = "a guess of a small classifier"
"""The doubt of every label of the packaged captioner."""
_LABEL_FRAMES = 2
"""Frames that are labelled, at 0.4 CPU seconds each with its tiles; neighbouring frames mostly show the same."""
_PARTS = (FULL_FRAME, *grid(2), *grid(3))
"""Parts of a frame that are labelled."""
_LEAST_PROBABILITY = 0.2
"""Probability from which a label of a whole frame is a finding."""
_TILE_PROBABILITY = 0.45
"""Probability from which a label of a tile is a finding: of thirteen tiles one is always sure of nonsense."""
# Findings of one kind in one caption at most.
_MOST_LABELS = 6
_MOST_COLOURS = 4
_MOST_LINES_QUOTED = 4


@runtime_checkable
class Captioner(Protocol):
    """A captioner: describes the frames of one window."""

    def describe(self, frames: "Sequence[Frame]", focus: str = "") -> tuple[Finding, ...]:
        """Findings (caption, label, colour, text) of frames in time order; `focus` is what is asked, in words."""


@dataclass(frozen=True)
class WindowWords:
    """A model's words about a window, and what they cost."""

    text: str
    usage: Usage
    frames: int
    """Number of frames that the model was shown."""


@runtime_checkable
class CaptionModel(Protocol):
    """A vision-language model that describes windows, and answers questions about them."""

    @property
    def spec(self) -> str:
        """Spec of the model, which every observation with its words names."""

    @property
    def identity(self) -> str:
        """Hash of the model, its settings and its prompts: captions of one identity are never taken for another's."""

    def look_at(
        self,
        window: tuple[float, float],
        frames: Sequence[FrameRef],
        picture: Callable[[FrameRef], bytes | None],
        *,
        question: str = "",
        focus: str = "",
    ) -> WindowWords:
        """The model's description of a window, or its answer to a question about it.

        Args:
            window: (start, stop) in seconds.
            frames: frames of it, in order of time.
            picture: gives the JPEG of a frame.
            question: what to answer; a description is asked for where it is empty.
            focus: what a description pays attention to.

        Raises:
            ToolError: the model can't be asked, refuses, or says nothing.
        """


class Labeller(Protocol):
    """A classifier that names what pictures show."""

    def label_scores(
        self, pixels: Sequence[NDArray[np.uint8]], count: int = 5
    ) -> Sequence[Sequence[tuple[str, float]]]:
        """The `count` most probable names of each picture, most probable first, and their probabilities 0..1."""


class PackagedCaptioner:
    """The captioner without a download. `reader` is called only when there are frames to read."""

    def __init__(self, reader: "Callable[[], TextReader] | None" = None, labeller: Labeller | None = None) -> None:
        self._reader = reader
        self.labeller = labeller if labeller is not None else _open_labeller()

    def describe(self, frames: "Sequence[Frame]", focus: str = "") -> tuple[Finding, ...]:
        """Findings: a caption, then labels, colours and text; () without frames. Colours in `focus` are compared."""
        if not frames:
            return ()
        start_seconds, stop_seconds = frames[0].seconds, max(frames[-1].seconds, frames[0].seconds + 0.001)
        labels = self._find_labels(frames, start_seconds, stop_seconds)
        text = self._read_text(frames, start_seconds, stop_seconds)
        colours = _find_colours(frames, start_seconds, stop_seconds)
        asked = _score_asked(frames, focus, start_seconds, stop_seconds)
        sentence = write_caption(colours, asked, text)
        return Finding("caption", start_seconds, stop_seconds, sentence), *labels, *(asked or colours), *text

    def _find_labels(self, frames: "Sequence[Frame]", start_seconds: float, stop_seconds: float) -> list[Finding]:
        if self.labeller is None:
            return []
        best: dict[str, tuple[float, Box]] = {}
        for frame in spread(frames, _LABEL_FRAMES):
            named = self.labeller.label_scores([crop(frame.pixels, tile) for tile in _PARTS], 2)
            for tile, names in zip(_PARTS, named, strict=True):
                least = _LEAST_PROBABILITY if tile == FULL_FRAME else _TILE_PROBABILITY
                for name, probability in names:
                    if probability >= max(least, best.get(name, (0.0, tile))[0]):
                        best[name] = (float(probability), tile)
        ranked = sorted(best.items(), key=lambda item: -item[1][0])[:_MOST_LABELS]
        return [
            Finding("label", start_seconds, stop_seconds, name, round(probability, 3), box, doubt=GUESS)
            for name, (probability, box) in ranked
        ]

    def _read_text(self, frames: "Sequence[Frame]", start_seconds: float, stop_seconds: float) -> list[Finding]:
        if self._reader is None:
            return []
        try:
            reader = self._reader()
        except MissingPartError:
            return []
        lines = reader.read(frames[len(frames) // 2].pixels)
        return [Finding("text", start_seconds, stop_seconds, x.text, round(x.score, 3), x.box) for x in lines]


def _open_labeller() -> Labeller | None:
    from tools.encoders import conse

    return conse.open_packaged_encoder() if conse.is_installed() else None


def spread(frames: "Sequence[Frame]", count: int) -> "list[Frame]":
    """Picks at most `count` of the frames, evenly by rank; one alone is the middle one."""
    if len(frames) <= count:
        return list(frames)
    return [frames[int((i + 0.5) * len(frames) / count)] for i in range(count)]


def _find_colours(frames: "Sequence[Frame]", start_seconds: float, stop_seconds: float) -> list[Finding]:
    total: defaultdict[str, float] = defaultdict(float)
    for frame in frames:
        for colour in measure_colour_shares(frame.pixels):
            total[colour.name] += colour.share / len(frames)
    ranked = sorted(total.items(), key=lambda item: -item[1])[:_MOST_COLOURS]
    return [
        Finding("colour", start_seconds, stop_seconds, name, round(share, 3), FULL_FRAME)
        for name, share in ranked
        if share >= 0.05
    ]


def _score_asked(frames: "Sequence[Frame]", focus: str, start_seconds: float, stop_seconds: float) -> list[Finding]:
    words = find_asked_colours(focus)
    if not words:
        return []
    fits = fit_asked_colours([frame.pixels for frame in frames], words, focus)
    return [Finding("colour", start_seconds, stop_seconds, fit.word, round(fit.score, 3), fit.box) for fit in fits]


def write_caption(colours: Sequence[Finding], asked: Sequence[Finding], text: Sequence[Finding]) -> str:
    """Caption in plain English of the colours and the text of a window.

    Args:
        colours: findings of the colours that cover most.
        asked: findings of the colours that were asked about, with how well each fits.
        text: findings of screen text.
    """
    parts = []
    if colours:
        parts.append("It is mostly " + _join_words([f"{x.text} ({x.score:.0%})" for x in colours]) + ".")
    likely = max(asked, key=lambda finding: finding.score or 0.0, default=None)
    if likely is not None and likely.score:
        parts.append(f"Of the colours asked about, {likely.text} fits best ({likely.score:.2f}).")
    if text:
        quoted = [f"“{re.sub(r'[“”]', '', x.text)}”" for x in text[:_MOST_LINES_QUOTED]]
        more = f" and {len(text) - len(quoted)} more lines" if len(text) > len(quoted) else ""
        parts.append("Text in it: " + ", ".join(quoted) + more + ".")
    return " ".join(parts) or "Nothing is recognised."


def _join_words(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
