"""A published benchmark as a set of questions: its items are asked, its own rules score the answers."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from agent.trajectory import Answer
from evals.benchmarks.benchmark import Benchmark, Profile
from evals.benchmarks.item import Item, reply_of
from evals.controls.subject import ControlSubject, EvidenceSpan
from evals.datasets.dataset import Answers, Asking, DatasetEntry
from evals.datasets.lint import LintFinding, lint, promised_seconds
from evals.datasets.sources import FileSource
from evals.example import Example
from evals.scoring.scoring import Score

_DEPTHS = ("{}", "*/{}", "*/*/{}")
"""Where under the folder the files may lie."""


class PublishedSet:
    """The questions of a benchmark, read from its official files."""

    def __init__(self, name: str, benchmark: Benchmark, folder: Path) -> None:
        """Reads them.

        Raises:
            ValueError: a file is missing or damaged; names file, row and key.
        """
        self.name = name
        self.profiles: tuple[Profile, ...] = benchmark.profiles
        self._benchmark = benchmark
        self._folder = folder
        self._items = benchmark.load(folder)
        self._by_id: dict[str, Item] = {}
        for item in self._items:
            self._by_id.setdefault(item.id, item)

    @cached_property
    def asking(self) -> Asking:
        """The questions; one that is no question, as with a single option, can't be asked."""
        entries, unaskable = [], {}
        for item in self._by_id.values():
            try:
                entries.append(DatasetEntry(_subject(item), _source(item), item.cluster, item.groups))
            except ValueError as error:
                unaskable[item.id] = f"{item.place}: {error}"
        return Asking(tuple(entries), unaskable)

    @property
    def files(self) -> tuple[Path, ...]:
        """The annotation files that the questions stand in."""
        names = dict.fromkeys(item.place.file.partition(",")[0] for item in self._items)
        found = (next((f for depth in _DEPTHS for f in self._folder.glob(depth.format(n))), None) for n in names)
        return tuple(file for file in found if file is not None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Subtitles, pictures that belong to a question, and spans, where there are any."""
        said = []
        if any(item.subtitles for item in self._items):
            said.append(
                "Subtitles are read by tools: all lines can be had, which is another setting than the published one of "
                "the lines at the times of the frames that were sampled."
            )
        if pictures := sum(item.picture is not None for item in self._items):
            said.append(
                f"{pictures} questions have a picture of their own, which is not given apart: it is the last frame of "
                "their video."
            )
        if any(item.kind == "span" for item in self._items):
            said.append("A span is read from the words of the answer, else it is its first evidence.")
        return tuple(said)

    def findings(self) -> tuple[LintFinding, ...]:
        """What the lint finds, each video's length as its header promises it."""
        return lint(self._items, promised_seconds)

    def score(self, question_id: str, answer: Answer | None, profile: Profile) -> Score:
        """By the benchmark's rule of that name."""
        item = self._by_id[question_id]
        said = None if answer is None else self._benchmark.spell(item, reply_of(answer), profile)
        return self._benchmark.score(item, said, profile)

    def metrics(self, answers: Answers, profile: Profile) -> dict[str, float]:
        """The benchmark's own, over the questions that were asked."""
        asked = [self._by_id[question_id] for question_id in answers]
        return self._benchmark.metrics(asked, self._said(answers, profile), profile)

    def examples(self) -> Mapping[str, Example]:
        """The questions with a published answer that is no span."""
        known = {entry.id: self._by_id[entry.id].example for entry in self.asking.entries}
        return {
            # times are those of the whole file, and a policy speaks of the part that it is shown
            key: replace(example, evidence_seconds=None) if self._by_id[key].segment_seconds else example
            for key, example in known.items()
            if example is not None
        }

    def submission(self, answers: Answers) -> str | None:
        """The official file, for all questions of the set: what was not answered is in it as its rules have it."""
        if self._benchmark.submission is None:
            return None
        return self._benchmark.submission.write(list(self._items), self._said(answers, "strict"))

    def _said(self, answers: Answers, profile: Profile) -> dict[str, str]:
        spell = self._benchmark.spell
        return {k: spell(self._by_id[k], reply_of(a), profile) for k, a in answers.items() if a is not None}


def _subject(item: Item) -> ControlSubject:
    question = item.question
    answer = item.gold if item.right is None else question.options[item.right]
    is_known = bool(item.evidence_seconds) and item.segment_seconds is None
    shown = tuple(EvidenceSpan(*span) for span in sorted(item.evidence_seconds)) if is_known else None
    return ControlSubject(question, answer, shown)


def _source(item: Item) -> FileSource:
    return FileSource(
        item.video, item.segment_seconds, item.frames_per_second, item.subtitles, item.subtitle_offset_seconds
    )
