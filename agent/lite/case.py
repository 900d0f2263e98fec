"""What every rule of `lite` is given: the question as read, the record so far, and a sense for the meaning of words."""

from dataclasses import dataclass

from agent.lite import notes
from agent.lite.extracting import Line, Similarity
from agent.lite.reading import Reading, Span
from agent.trajectory import Trajectory


@dataclass(frozen=True)
class Case:
    """One question at one moment of the game."""

    reading: Reading
    trajectory: Trajectory
    similarity: Similarity | None
    """None where no text encoder is installed: then only words count."""

    @property
    def duration_seconds(self) -> float:
        """Length of the video."""
        return self.trajectory.facts.duration_seconds

    @property
    def options(self) -> tuple[str, ...]:
        """The choices; empty for an open question."""
        return self.reading.question.options

    @property
    def query(self) -> str:
        """What to search for."""
        return self.reading.subject or self.reading.question.text

    @property
    def span(self) -> Span | None:
        """The seconds that the question points at: named, or those of the shot that it names once shots are listed."""
        shots = [note.finding for note in notes.notes(self.trajectory, "shot")]
        number = self.reading.shot
        if self.reading.span is not None or number is None or len(shots) < max(2, number):
            return self.reading.span
        shot = shots[number - 1 if number > 0 else -1]
        return Span(shot.start_seconds, shot.stop_seconds)

    @property
    def must_list_shots(self) -> bool:
        """True if the question names a shot by its number and nobody has looked yet which seconds those are."""
        return self.reading.shot is not None and not notes.called(self.trajectory, "list_shots")

    @property
    def text_lines(self) -> list[Line]:
        """Screen text that the question can mean, in time order."""
        return self._meant(notes.text_lines(self.trajectory))

    @property
    def speech_lines(self) -> list[Line]:
        """Speech that the question can mean, in time order."""
        return self._meant(notes.speech_lines(self.trajectory))

    def _meant(self, lines: list[Line]) -> list[Line]:
        """The lines at the second or in the seconds that the question names; all of them if there are none there."""
        at, span = self.reading.instant, self.span
        if at is not None and (exact := [x for x in lines if x.start_seconds <= at + 1e-3 < x.stop_seconds]):
            return exact
        if span is None:
            return lines
        return [x for x in lines if _is_mostly_inside(x, span)] or lines


def _is_mostly_inside(line: Line, span: Span) -> bool:
    """True if half of the line, or of the span, is shared: a line that just leaves as the span begins is not meant."""
    shared = min(line.stop_seconds, span.stop_seconds) - max(line.start_seconds, span.start_seconds)
    shorter = min(line.stop_seconds - line.start_seconds, span.stop_seconds - span.start_seconds)
    return shared > 0 and shared >= shorter / 2
