"""The input of every rule of `lite`: the parsed question, the trajectory so far, and a similarity of texts."""

from dataclasses import dataclass

from agent.policies.lite_rules import notes
from agent.policies.lite_rules.lines import FoundLine, Similarity, select_meant
from agent.policies.lite_rules.reading import AskedSpan, ParsedQuestion
from agent.trajectory import Trajectory


@dataclass(frozen=True)
class QuestionContext:
    """A question at one point of its run."""

    reading: ParsedQuestion
    trajectory: Trajectory
    similarity: Similarity | None
    """Similarity of meaning; None where no text encoder is installed: then only words count."""

    @property
    def duration_seconds(self) -> float:
        """Second at which the video ends."""
        return self.trajectory.facts.duration_seconds

    @property
    def start_seconds(self) -> float:
        """Second at which the video begins: 0, unless what comes before was cut off."""
        return self.trajectory.facts.start_seconds

    @property
    def options(self) -> tuple[str, ...]:
        """Options of the question; empty for an open one."""
        return self.reading.question.options

    @property
    def query(self) -> str:
        """Search query: the subject of the question, or its whole text without one."""
        return self.reading.subject or self.reading.question.text

    @property
    def span(self) -> AskedSpan | None:
        """Seconds that the question points at, those of a named shot once shots are listed; None for anywhere."""
        shots = [note.finding for note in notes.iterate_findings(self.trajectory, "shot")]
        number = self.reading.shot
        if self.reading.span is not None or number is None or len(shots) < max(2, number):
            return self.reading.span
        shot = shots[number - 1 if number > 0 else -1]
        return AskedSpan(shot.start_seconds, shot.stop_seconds)

    @property
    def must_list_shots(self) -> bool:
        """True if the question names a shot by its number and shots are not listed yet."""
        return self.reading.shot is not None and not notes.is_called(self.trajectory, "list_shots")

    @property
    def text_lines(self) -> list[FoundLine]:
        """Screen text that the question can mean, in time order."""
        return select_meant(notes.collect_text_lines(self.trajectory), self.reading.instant, self.span)

    @property
    def all_text_lines(self) -> list[FoundLine]:
        """Screen text with what may be misread, of the seconds that the question can mean, in time order."""
        found = notes.collect_text_lines(self.trajectory, doubtful=True)
        return select_meant(found, self.reading.instant, self.span)

    @property
    def speech_lines(self) -> list[FoundLine]:
        """Speech that the question can mean, in time order."""
        return select_meant(notes.collect_speech_lines(self.trajectory), self.reading.instant, self.span)

    @property
    def meant_lines(self) -> list[FoundLine]:
        """Screen text and speech, of the senses that can answer."""
        return [line for line in (*self.text_lines, *self.speech_lines) if line.sense in self.reading.senses]
