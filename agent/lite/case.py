"""What every rule of `lite` is given: the question as read, the record so far, and a sense for the meaning of words."""

from dataclasses import dataclass

from agent.lite.extracting import Similarity
from agent.lite.reading import Reading
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
