"""Published benchmarks as sets of questions, scored by their own rules."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from agent.trajectory import Answer, Question
from evals.benchmarks.benchmark import Benchmark, Profile
from evals.benchmarks.item import Item, reply_of
from evals.controls.subject import ControlSubject, EvidenceSpan
from evals.datasets.dataset import Answers, Asking, DatasetEntry
from evals.datasets.lint import LintFinding, lint, read_promised_seconds
from evals.datasets.sources import FileSource
from evals.example import Example
from evals.scoring.scoring import Score

_DEPTHS = ("{}", "*/{}", "*/*/{}")
"""Patterns of the depth below the folder at which annotation files may lie."""


class PublishedSet:
    """A benchmark as a `QuestionSet`, read from its official files."""

    def __init__(self, name: str, benchmark: Benchmark, folder: Path, *, as_published: bool = False) -> None:
        """Reads the questions.

        Args:
            name: name of the benchmark.
            benchmark: the functions of the benchmark.
            folder: folder with the official files.
            as_published: whether the questions are asked with the benchmark's own prompt, word for word.

        Raises:
            ValueError: a file is missing or damaged, which names file, row and key; or there is no such prompt.
        """
        if as_published and not benchmark.has_published_prompt:
            raise ValueError(f"{name} has no published prompt of one turn and no tools: leave --prompt published out")
        self.name = name
        self._as_published = as_published
        self.profiles: tuple[Profile, ...] = benchmark.profiles
        self._benchmark = benchmark
        self._folder = folder
        self._items = benchmark.load(folder)
        self._by_id: dict[str, Item] = {}
        for item in self._items:
            self._by_id.setdefault(item.id, item)

    @cached_property
    def asking(self) -> Asking:
        """Questions of the set; one that is no valid question, as with a single option, can't be asked."""
        entries, unaskable = [], {}
        for item in self._by_id.values():
            try:
                subject = _subject(item)
                if self._as_published:
                    subject = replace(subject, question=self._write_question(item))
                entries.append(DatasetEntry(subject, _source(item), item.cluster, item.groups))
            except ValueError as error:
                unaskable[item.id] = f"{item.place}: {error}"
        return Asking(tuple(entries), unaskable)

    @property
    def files(self) -> tuple[Path, ...]:
        """Annotation files that have the questions."""
        names = dict.fromkeys(item.place.file.partition(",")[0] for item in self._items)
        found = (next((f for depth in _DEPTHS for f in self._folder.glob(depth.format(n))), None) for n in names)
        return tuple(file for file in found if file is not None)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Sentences on subtitles, pictures of questions, and spans, where there are any."""
        said = []
        if self._as_published:
            said.append(
                f"Asked with the prompt of the profile {self._benchmark.prompt_profile}, in one message behind the "
                "frames, without subtitles and without tools; what comes back is scored as it is."
            )
        elif any(item.subtitles for item in self._items):
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
        """Findings of the lint, with the length of each video from its header."""
        return lint(self._items, read_promised_seconds)

    def score(self, question_id: str, answer: Answer | None, profile: Profile) -> Score:
        """Scores an answer by the benchmark's rule of that profile."""
        item = self._by_id[question_id]
        said = None if answer is None else self._spell(item, answer, profile)
        return self._benchmark.score(item, said, profile)

    def metrics(self, answers: Answers, profile: Profile) -> dict[str, float]:
        """The benchmark's own metrics, in percent, over the questions in `answers`."""
        asked = [self._by_id[question_id] for question_id in answers]
        return self._benchmark.metrics(asked, self._said(answers, profile), profile)

    def examples(self) -> Mapping[str, Example]:
        """Examples by id: the questions with a published answer that is no span."""
        known = {entry.id: self._by_id[entry.id].example for entry in self.asking.entries}
        return {
            # evidence times count from the start of the file, a policy's from the start of the shown part
            key: replace(example, evidence_seconds=None) if self._by_id[key].segment_seconds else example
            for key, example in known.items()
            if example is not None
        }

    def submission(self, answers: Answers) -> str | None:
        """Text of the official file for all questions of the set, unanswered ones included as its rules have it."""
        if self._benchmark.submission is None:
            return None
        return self._benchmark.submission.write(list(self._items), self._said(answers, "strict"))

    def _said(self, answers: Answers, profile: Profile) -> dict[str, str]:
        return {k: self._spell(self._by_id[k], a, profile) for k, a in answers.items() if a is not None}

    def _spell(self, item: Item, answer: Answer, profile: Profile) -> str:
        """The text of an answer that a profile scores; of one to the published prompt all that was said.

        lmms-eval takes thoughts out before it scores, and so do we; official scripts don't.
        """
        if not self._as_published:
            return self._benchmark.spell(item, reply_of(answer), profile)
        return _strip_thoughts(answer.text) if profile in ("strict", "lmms") else answer.text

    def _write_question(self, item: Item) -> Question:
        text = self._benchmark.prompt(item, self._benchmark.prompt_profile, "")
        return Question(str(item.video), text, id=item.id, is_verbatim=True)


def _strip_thoughts(text: str) -> str:
    for name in ("think", "analysis"):
        begin, end, kept, done = f"<{name}>", f"</{name}>", [], 0
        while (start := text.find(begin, done)) >= 0 and (stop := text.find(end, start)) >= 0:
            kept.append(text[done:start])
            done = stop + len(end)
        text = "".join(kept) + text[done:]
    return text.strip()


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
