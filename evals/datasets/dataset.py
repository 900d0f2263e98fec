"""The contract of question sets, whatever their format: questions, their footage, and the scoring of answers.

`PublishedSet` is for published benchmarks, `ExampleSet` for our own format, whose footage is files or composed on
demand.
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
"""Answers by the id of the question in the set; None is no answer, and questions not asked are missing."""


@dataclass(frozen=True)
class DatasetEntry:
    """One question with all that is needed to ask it, and nothing that scores it."""

    subject: ControlSubject
    """Question, with what a control may know of it."""
    source: Source
    cluster: str
    """Name of the video, by which confidence intervals are clustered."""
    groups: tuple[tuple[str, str], ...] = ()
    """Groups by which the set sorts its questions, as (key, label); needs are in the example."""

    @property
    def question(self) -> Question:
        """The question as it is asked without a control."""
        return self.subject.question

    @property
    def id(self) -> str:
        """Id of the question in the set."""
        return self.subject.question.id


@dataclass(frozen=True)
class Asking:
    """The questions of a set, and those that can't be asked at all."""

    entries: tuple[DatasetEntry, ...]
    unaskable: dict[str, str] = field(default_factory=dict)
    """Reason why a question can't be asked, by its id."""


class QuestionSet(Protocol):
    """A set of questions whose answers can be scored."""

    @property
    def name(self) -> str:
        """Name of the set, as `evals.run` takes it."""
        ...

    @property
    def asking(self) -> Asking:
        """Questions of the set, in the order of the files."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """Files from which the set was read."""
        ...

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """Profiles of scoring; `strict` is the first."""
        ...

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences for the reader of a result on what is asked differently from the authors' intention."""
        ...

    def findings(self) -> tuple[LintFinding, ...]:
        """Findings about what is wrong with the files."""
        ...

    def score(self, question_id: str, answer: Answer | None, profile: Profile) -> Score:
        """Scores the answer to one question.

        Args:
            question_id: id of the question in the set.
            answer: the answer; None for none.
            profile: rule of scoring.
        """
        ...

    def metrics(self, answers: Answers, profile: Profile) -> dict[str, float]:
        """The reported metrics, in percent, over the questions in `answers`."""
        ...

    def examples(self) -> Mapping[str, Example]:
        """Examples by id, for our own tables: the questions with one published correct answer."""
        ...

    def submission(self, answers: Answers) -> str | None:
        """Text of the file for the server that holds the answers; None where there is no such server."""
        ...


def sample_entries(entries: Sequence[DatasetEntry], limit: int | None, seed: int) -> tuple[DatasetEntry, ...]:
    """A sample of at most `limit` questions, in the order of the set; a larger limit includes those of a smaller one.

    Args:
        entries: all questions.
        limit: number of questions; None takes all.
        seed: seed of the sample.

    Raises:
        ValueError: the limit is below 1.
    """
    if limit is None:
        return tuple(entries)
    if limit < 1:
        raise ValueError(f"need --limit >= 1, got {limit}")
    drawn = sorted(entries, key=lambda e: hashlib.blake2b(f"{seed} {e.id}".encode(), digest_size=8).digest())
    chosen = {entry.id for entry in drawn[:limit]}
    return tuple(entry for entry in entries if entry.id in chosen)
