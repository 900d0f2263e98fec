"""Examples: questions with their reference answers, which are together nowhere else.

A policy is given `example.question`, which has no answer in it; scores and rewards are given the example.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.trajectory import Question
from evals.inside import resolve_inside
from tools.plain_data import loads_json, read_plain_lines


@dataclass(frozen=True)
class Example:
    """One question with its reference answer, so that it can be scored."""

    question: Question
    answer: str | None
    """Reference answer; for multiple choice one of the options. None: the correct answer is "not shown"."""
    aliases: tuple[str, ...] = ()
    """Other answers that are as correct."""
    evidence_seconds: tuple[float, float] | None = None
    """Span in which the answer is to be seen or heard, [start, stop); None if unknown."""
    needs: tuple[str, ...] = ()
    """Abilities that the question needs, as `read_text`; tables are broken down by them."""
    cluster: str = ""
    """Name of the video, by which confidence intervals are clustered: its questions are not independent."""
    evidence_video: int | None = None
    """Number of the video that `evidence_seconds` is of, where the question is about several."""

    def __post_init__(self) -> None:
        if self.question.options and self.answer is not None and self.answer not in self.question.options:
            raise ValueError(f"the answer {self.answer!r} is none of the options {list(self.question.options)}")
        if self.evidence_seconds is not None and not 0 <= self.evidence_seconds[0] <= self.evidence_seconds[1]:
            raise ValueError(f"need 0 <= start <= stop in evidence_seconds, got {list(self.evidence_seconds)}")
        count = len(self.question.videos)
        numbers = range(1, count + 1) if self.evidence_seconds is not None and count > 1 else (None,)
        if self.evidence_video not in numbers:
            raise ValueError(
                f"evidence_video is no number of the {count} videos of evidence_seconds: {self.evidence_video}"
            )

    @property
    def option(self) -> int | None:
        """Index of the correct option; None for an open question or where the answer is "not shown"."""
        if not self.question.options or self.answer is None:
            return None
        return self.question.options.index(self.answer)


class _ExampleRow(BaseModel):
    """One line of a questions file."""

    model_config = ConfigDict(extra="forbid")

    video: Annotated[str, Field(min_length=1)]
    question: str
    options: list[str] | None = None
    answer: str | None
    aliases: list[str] = []
    evidence_seconds: tuple[float, float] | None = None
    needs: list[str] = []


def load_examples(path: str | Path, videos: str | Path) -> tuple[Example, ...]:
    """Reads examples from a JSONL file of `video, question, options, answer, aliases?, evidence_seconds?, needs?`.

    Args:
        path: the file, one object a line.
        videos: folder of the videos that the file names.

    Raises:
        ValueError: a line is not such an object; says which and why.
    """
    examples: list[Example] = []
    seen: dict[str, int] = {}
    for number, line in read_plain_lines(Path(path)):
        try:
            row = _ExampleRow.model_validate(loads_json(line))
            seen[row.video] = seen.get(row.video, 0) + 1
            examples.append(_example(row, Path(videos), f"{row.video}#{seen[row.video]}"))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{path}, line {number}: {where}: {first['msg']}") from error
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    if not examples:
        raise ValueError(f"{path} has no questions in it")
    return tuple(examples)


def _example(row: _ExampleRow, videos: Path, question_id: str) -> Example:
    question = Question(str(resolve_inside(videos, row.video)), row.question, tuple(row.options or ()), question_id)
    return Example(question, row.answer, tuple(row.aliases), row.evidence_seconds, tuple(row.needs), row.video)
