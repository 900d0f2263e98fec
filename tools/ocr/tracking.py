"""Follows lines of screen text from frame to frame: which readings are one line, and when it comes and goes."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tools.observation import UNREADABLE, Box
from tools.ocr.reader import TextLine
from tools.sampling import compute_area, compute_overlap, unite

_FADE_SECONDS = 1.0
"""Longest time for which a text that is coming or going is seen."""


@dataclass(frozen=True)
class TextSpan:
    """A line of text that stayed on screen: seen at `start_seconds` first, and no longer at `stop_seconds`."""

    text: str
    start_seconds: float
    stop_seconds: float
    box: Box
    """Box of the best reading, in fractions of the picture."""
    score: float
    """Mean probability of the letters in the best reading, 0..1."""
    readings: int
    """Number of frames in which the line was read."""
    doubt: str = ""
    """Doubt of the best reading; empty if the line was read without doubt in any frame."""


def track_text(
    readings: Iterable[tuple[float, Sequence[TextLine]]],
    end_seconds: float,
    stands_until: Callable[[Box, float, float], float] = lambda _, __, until: until,
) -> tuple[TextSpan, ...]:
    """Joins readings of a line in neighbouring frames to one span; spans in the order of appearance.

    A line may be missed in one frame without its span ending.

    Args:
        readings: (seconds, lines) in time order, frames without text included: they end spans.
        end_seconds: where the last spans stop.
        stands_until: from a box, the time at which it was read and a later time, gives the time until which the text is
            seen to stay. Where it does not stay, its span stops, and the words read later begin another span.

    Raises:
        ValueError: the readings are not in time order.
    """
    open_tracks: list[_LineTrack] = []
    done: list[_LineTrack] = []
    last_seconds = None
    for seconds, lines in readings:
        if last_seconds is not None and seconds <= last_seconds:
            raise ValueError(f"readings must be in time order, got {seconds} after {last_seconds}")
        last_seconds = seconds
        free = list(open_tracks)
        for line in lines:
            track = max((t for t in free if t.goes_on_with(line)), key=lambda t: t.likeness(line), default=None)
            if track is None:
                open_tracks.append(_LineTrack(line, seconds, stands_until))
                continue
            free.remove(track)
            if track.find_end(seconds) < seconds:
                track.miss(seconds)
                open_tracks.remove(track)
                done.append(track)
                open_tracks.append(_LineTrack(line, seconds, stands_until))
            else:
                track.add(line, seconds)
        for track in free:
            track.miss(seconds)
        done += [track for track in open_tracks if track.missed >= 2]
        open_tracks = [track for track in open_tracks if track.missed < 2]
    spans = [track.span(end_seconds) for track in done + open_tracks]
    return tuple(sorted(drop_fades(spans), key=lambda span: (span.start_seconds, span.box[1], span.box[0])))


def drop_fades(spans: Sequence[TextSpan]) -> list[TextSpan]:
    """Drops doubtful spans that are the coming or going of a text that is read in the same place."""
    read = [span for span in spans if not span.doubt]
    return [span for span in spans if not span.doubt or not any(_fades_into(span, other) for other in read)]


def _fades_into(span: TextSpan, other: TextSpan) -> bool:
    is_short = span.stop_seconds - span.start_seconds <= _FADE_SECONDS
    is_next = span.start_seconds <= other.stop_seconds and other.start_seconds <= span.stop_seconds
    return is_short and is_next and compute_overlap(span.box, other.box) > 0.5 * compute_area(span.box)


class _LineTrack:
    """A line followed over frames: its readings so far, and since when it has not been seen."""

    def __init__(self, line: TextLine, seconds: float, stands_until: Callable[[Box, float, float], float]) -> None:
        self.lines = [line]
        self.start_seconds = self._last_seconds = seconds
        self._stands_until = stands_until
        self.missing_since: float | None = None
        self.missed = 0

    def goes_on_with(self, line: TextLine) -> bool:
        last = self.lines[-1]
        if last.doubt == line.doubt == UNREADABLE:
            return compute_area(unite(last.box, line.box)) < 2 * compute_overlap(last.box, line.box)
        # Digits are told apart exactly: 06:39 and 06:38 are alike to any measure of likeness but are two facts.
        if _extract_digits(last.text) != _extract_digits(line.text):
            return False
        return _is_near(last.box, line.box) and self.likeness(line) >= 0.8

    def likeness(self, line: TextLine) -> float:
        return SequenceMatcher(None, self.lines[-1].text.lower(), line.text.lower(), autojunk=False).ratio()

    def find_end(self, seconds: float) -> float:
        """Time until which, up to `seconds`, the line is seen to stay where it was read last."""
        return self._stands_until(self.lines[-1].box, self._last_seconds, seconds)

    def add(self, line: TextLine, seconds: float) -> None:
        self.lines.append(line)
        self._last_seconds = seconds
        self.missing_since, self.missed = None, 0

    def miss(self, seconds: float) -> None:
        self.missing_since = seconds if self.missing_since is None else self.missing_since
        self.missed += 1

    def span(self, end_seconds: float) -> TextSpan:
        lines = [line for line in self.lines if not line.doubt] or self.lines
        votes = Counter(line.text for line in lines)
        best = max(lines, key=lambda line: (votes[line.text], line.score))
        stop_seconds = self.find_end(end_seconds if self.missing_since is None else self.missing_since)
        return TextSpan(best.text, self.start_seconds, stop_seconds, best.box, best.score, len(self.lines), best.doubt)


def _is_near(a: Box, b: Box) -> bool:
    """Whether the centres of two boxes are within two line heights, or a tenth of the picture: captions slide."""
    across = abs(a[0] + a[2] - b[0] - b[2]) / 2
    down = abs(a[1] + a[3] - b[1] - b[3]) / 2
    return across < max(0.1, a[3] - a[1]) and down < max(0.1, 2 * (a[3] - a[1]))


def _extract_digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())
