"""Sets of questions in our own format: `clips` from any folder, `composed` from a written one or made on demand.

The rules of scoring are those of `evals.scoring.scoring`, so there is one profile, the strict one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.trajectory import Answer
from evals.benchmarks.benchmark import Profile
from evals.benchmarks.item import Item
from evals.benchmarks.metrics import percent
from evals.benchmarks.records import RecordPlace
from evals.controls.known import load_known
from evals.controls.subject import ControlSubject, subject_of
from evals.datasets.dataset import Answers, Asking, DatasetEntry
from evals.datasets.lint import LintFinding, lint, read_promised_seconds
from evals.datasets.sources import FileSource, Source
from evals.example import Example, load_examples
from evals.scoring.scoring import Score, score_answer

QUESTIONS, KNOWN = "questions.jsonl", "known.jsonl"


@dataclass(frozen=True)
class ClipExample:
    """An example with its video's source and what controls may know of it."""

    example: Example
    subject: ControlSubject
    source: Source


class ExampleSet:
    """Examples as a `QuestionSet`, scored by our own rule."""

    profiles: tuple[Profile, ...] = ("strict",)
    remarks: tuple[str, ...] = ()

    def __init__(self, name: str, told: Sequence[ClipExample], files: tuple[Path, ...]) -> None:
        self.name = name
        self.files = files
        self._told = {one.example.question.id: one for one in told}
        self.asking = Asking(tuple(DatasetEntry(one.subject, one.source, one.example.cluster) for one in told))

    def select(self, wanted: Sequence[str]) -> "ExampleSet":
        """The set of some of the questions, in the order of this one.

        Raises:
            ValueError: a question is not there.
        """
        chosen = set(wanted)
        if missing := chosen - self._told.keys():
            raise ValueError(f"{self.name} has no question {min(missing)!r}: it is another set than the ids are of")
        return ExampleSet(self.name, [one for name, one in self._told.items() if name in chosen], self.files)

    def findings(self) -> tuple[LintFinding, ...]:
        """Findings of the lint; for footage without a file only those about the questions."""
        name = self.files[0].name if self.files else self.name
        items = [_item(one.example, RecordPlace(name, row)) for row, one in enumerate(self._told.values(), start=1)]
        return lint(items, read_promised_seconds)

    def score(self, question_id: str, answer: Answer | None, profile: Profile) -> Score:
        """Scores an answer by our own rule, whatever the profile."""
        return score_answer(self._told[question_id].example, answer)

    def metrics(self, answers: Answers, profile: Profile) -> dict[str, float]:
        """Metrics in percent: `accuracy`, and `accuracy need=LABEL` for each need."""
        values = {key: self.score(key, answer, profile).value for key, answer in answers.items()}
        needs = dict.fromkeys(need for key in answers for need in self._told[key].example.needs)
        found = {"accuracy": percent(list(values.values()))}
        for need in needs:
            theirs = [value for key, value in values.items() if need in self._told[key].example.needs]
            found[f"accuracy need={need}"] = percent(theirs)
        return {name: value for name, value in found.items() if value is not None}

    def examples(self) -> Mapping[str, Example]:
        """All examples by the id of the question."""
        return {key: one.example for key, one in self._told.items()}

    def submission(self, answers: Answers) -> str | None:
        """None: no server scores these sets."""
        return None


def open_clips(data: Path, videos: Path | None = None, name: str = "clips") -> ExampleSet:
    """Reads the questions of a JSONL file, or of `questions.jsonl` in a folder.

    A `known.jsonl` in the folder says where in the picture the answers are.

    Args:
        data: the file or the folder.
        videos: folder of the videos; that of the questions if None.
        name: name of the set.

    Raises:
        ValueError: there is no such file, or a line can't be read.
    """
    questions = data / QUESTIONS if data.is_dir() else data
    if not questions.is_file():
        raise ValueError(
            f"no questions at {questions}: the data must be a JSONL file of questions or a folder with {QUESTIONS}"
        )
    examples = load_examples(questions, videos or questions.parent)
    known = questions.with_name(KNOWN)
    has_known = data.is_dir() and known.is_file()
    subjects = load_known(known, examples) if has_known else tuple(map(subject_of, examples))
    told = [
        ClipExample(example, subject, FileSource(Path(example.question.video)))
        for example, subject in zip(examples, subjects, strict=True)
    ]
    return ExampleSet(name, told, (questions, known) if has_known else (questions,))


def _item(example: Example, place: RecordPlace) -> Item:
    """The example as the item that the lint checks."""
    question = example.question
    return Item(
        id=question.id,
        kind="choice" if question.options else "open",
        video=Path(question.video),
        cluster=example.cluster,
        text=question.text,
        place=place,
        options=question.options,
        right=example.option,
        gold=example.answer,
        evidence_seconds=() if example.evidence_seconds is None else (example.evidence_seconds,),
    )
