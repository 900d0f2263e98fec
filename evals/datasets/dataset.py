"""What a run asks, whichever format it comes from: questions, where their footage is, and how answers are scored.

`PublishedSet` are the published benchmarks, `ExampleSet` our own format, whose footage is files or composed on demand.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.trajectory import Answer, Question
from evals.benchmarks.benchmark import Profile
from evals.controls.subject import ControlSubject
from evals.datasets.lint import LintFinding
from evals.datasets.sources import Source
from evals.example import Example
from evals.scoring.scoring import Score

Answers = Mapping[str, Answer | None]
"""By the id of the question in the set; None is no answer, what was not asked is not there."""


@dataclass(frozen=True)
class DatasetEntry:
    """One question, with all that is needed to ask it and nothing that scores it."""

    subject: ControlSubject
    """The question, and what a control may know of it."""
    source: Source
    cluster: str
    """Questions of one video stand or fall together."""
    groups: tuple[tuple[str, str], ...] = ()
    """What the set itself sorts its questions by, as (key, label); needs are with the example."""

    @property
    def question(self) -> Question:
        """What is asked where there is no control."""
        return self.subject.question

    @property
    def id(self) -> str:
        """The id of the question."""
        return self.subject.question.id


@dataclass(frozen=True)
class Asking:
    """What a set has to ask, and what of it can't be asked whatever is done about it."""

    entries: tuple[DatasetEntry, ...]
    unaskable: dict[str, str] = field(default_factory=dict)
    """Why, by id."""


class QuestionSet(Protocol):
    """Questions that can be scored."""

    @property
    def name(self) -> str:
        """What `evals.run` takes."""
        ...

    @property
    def asking(self) -> Asking:
        """The questions, in the order of the files."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """The files that it was read from."""
        ...

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The rules of scoring; `strict` is the first."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """What of the set is asked otherwise than its authors mean it, as sentences for the reader of a result."""
        ...

    def findings(self) -> tuple[LintFinding, ...]:
        """What is wrong with the files."""
        ...

    def score(self, question_id: str, answer: Answer | None, profile: Profile) -> Score:
        """What an answer is worth."""
        ...

    def metrics(self, answers: Answers, profile: Profile) -> dict[str, float]:
        """The numbers that are reported, over the questions that were asked."""
        ...

    def examples(self) -> Mapping[str, Example]:
        """By id, the questions that our own tables can be made of: those with one right answer that is published."""
        ...

    def submission(self, answers: Answers) -> str | None:
        """The file for the server that holds the answers; None where there is no such server."""
        ...


def limited(entries: Sequence[DatasetEntry], limit: int | None, seed: int) -> tuple[DatasetEntry, ...]:
    """So many questions, drawn by the seed, in the order of the set; a larger limit has those of a smaller one too.

    Raises:
        ValueError: a limit below 1.
    """
    if limit is None:
        return tuple(entries)
    if limit < 1:
        raise ValueError(f"need --limit >= 1, got {limit}")
    drawn = sorted(entries, key=lambda e: hashlib.blake2b(f"{seed} {e.id}".encode(), digest_size=8).digest())
    chosen = {entry.id for entry in drawn[:limit]}
    return tuple(entry for entry in entries if entry.id in chosen)
