"""Reads what is known of a composed set's questions from the `known.jsonl` beside its questions file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evals.controls.subject import ControlSubject, EvidenceSpan
from evals.example import Example
from tools.observation import Box
from tools.plain_data import loads_json, read_plain_lines

_Fraction = Annotated[float, Field(ge=0, le=1)]
_Sides = tuple[_Fraction, _Fraction, _Fraction, _Fraction]

_PLACE = "where"
"""Family of questions whose answer is a place in the picture."""


class _Placed(BaseModel):
    """A needle on screen with its tag."""

    model_config = ConfigDict(extra="ignore")

    needle: str
    start_seconds: float
    stop_seconds: float
    box: _Sides
    tag_box: _Sides


class _KnownRow(BaseModel):
    """Evidence and needles on screen of one question."""

    model_config = ConfigDict(extra="ignore")

    video: str
    family: str
    evidence: list[_Placed]
    on_screen: list[_Placed]


def load_known(path: str | Path, examples: Sequence[Example]) -> tuple[ControlSubject, ...]:
    """The examples of a composed set as control subjects; line n of the file is about example n.

    Raises:
        ValueError: a line that can't be read, or not a line for each example, of the same video.
    """
    lines = [line for _, line in read_plain_lines(Path(path))]
    if len(lines) != len(examples):
        raise ValueError(f"{path} has {len(lines)} lines for {len(examples)} questions: they belong to different sets")
    return tuple(_subject(path, n, *pair) for n, pair in enumerate(zip(lines, examples, strict=True), start=1))


def _subject(path: str | Path, number: int, line: str, example: Example) -> ControlSubject:
    try:
        known = _KnownRow.model_validate(loads_json(line))
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path}, line {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except ValueError as error:
        raise ValueError(f"{path}, line {number}: {error}") from error
    if Path(known.video).name != Path(example.question.video).name:
        raise ValueError(f"{path}, line {number} is about {known.video}, question {example.question.id} is not")
    shown = tuple(EvidenceSpan(p.start_seconds, p.stop_seconds, _enclose(p.box, p.tag_box)) for p in known.evidence)
    things = frozenset(p.needle for p in known.on_screen)
    return ControlSubject(example.question, example.answer, shown, known.family == _PLACE, things)


def _enclose(first: Box, second: Box) -> Box:
    """The smallest box around two."""
    return min(first[0], second[0]), min(first[1], second[1]), max(first[2], second[2]), max(first[3], second[3])
