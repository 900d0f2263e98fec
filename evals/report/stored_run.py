"""A run as the report sees it: each stored line is read and scored again, and only what tables need of it is kept.

A hundred thousand trajectories are about a gigabyte, so they are never in memory together: a row remembers where its
line begins, and the gallery reads those few again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from agent.coverage import coverage_of
from agent.trajectory import Answer, Trajectory, from_json
from evals.benchmarks.benchmark import Profile
from evals.controls.control import ControlledQuestion, ways
from evals.datasets.dataset import QuestionSet
from evals.example import Example
from evals.runner.manifest import RunManifest
from evals.runner.run_file import Key, key_of, placed_rows
from evals.runner.run_folder import plan_of
from evals.scoring.scoring import Score, as_scored, broken_off, evidence_hit, evidence_iou, score_answer
from evals.statistics.breakdown import BreakdownLine, line
from evals.statistics.row import ResultRow, row_of

OTHER_CLOCK = frozenset({"blind", "shuffled-frames", "wrong-video", "unanswerable"})
"""Controls under which the times of the evidence are not those of what was shown."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What is kept of one stored line."""

    row: ResultRow
    """Scored by the strict profile."""
    values: tuple[float | None, ...]
    """Scores by profile, in the set's order."""
    confidence: float | None
    """As the user is told it."""
    hit: bool | None
    """Whether the evidence meets the reference; None without one."""
    iou: float | None
    looked_at: tuple[float, float, float, float]
    """Shares of the video that was shown: seen in frames, searched by picture, read for text, heard."""
    offset: int
    """Where its line begins, in bytes."""


@dataclass(frozen=True)
class StoredRun:
    """All rows of a run, with what they are rows of."""

    number: int
    """Its place in the report, from 1; charts mark it by this."""
    name: str
    """Short, and different from that of every other run of the report."""
    path: Path
    """The file of its trajectories."""
    manifest: RunManifest
    questions: QuestionSet
    asked: Mapping[str, ControlledQuestion]
    """By the id under which it was asked."""
    played: tuple[StoredResult, ...]
    said: Mapping[str, Answer | None] = field(default_factory=dict)
    """Answers of the first run by question, for the metrics of a published set; empty for our own sets."""
    lengths: Mapping[str, float] = field(default_factory=dict)
    """Seconds of each question's video; empty under a control, which may have shown another one."""

    @cached_property
    def rows(self) -> tuple[ResultRow, ...]:
        """By the strict profile."""
        return tuple(one.row for one in self.played)

    @cached_property
    def line(self) -> BreakdownLine:
        """All rows as one line."""
        return line(self.label, self.rows)

    @property
    def label(self) -> str:
        """Its number and its name."""
        return f"{self.number} {self.name}"

    @property
    def set_name(self) -> str:
        """The set of questions that it asks."""
        return self.questions.name

    @property
    def set_key(self) -> str:
        """The same for two runs that ask the same set of questions."""
        return f"{self.questions.name} {self.manifest.terms.questions}"

    @property
    def control(self) -> str:
        """Its control; empty for none."""
        return self.manifest.terms.control or ""

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """The rules of scoring, the strict one first."""
        return self.questions.profiles

    def rows_by(self, profile: Profile) -> tuple[ResultRow, ...]:
        """The rows, scored by another profile."""
        place = self.profiles.index(profile)
        if place == 0:
            return self.rows
        return tuple(replace(one.row, value=one.values[place]) for one in self.played)

    def trajectory(self, played: StoredResult) -> Trajectory:
        """The whole trajectory of a row, read again."""
        with self.path.open("rb") as file:
            file.seek(played.offset)
            return from_json(file.readline())


class Scorer:
    """Scores the lines of one run."""

    def __init__(self, questions: QuestionSet, control: str | None, lengths: Mapping[str, float]) -> None:
        """`lengths`: seconds of the video of a question, where a control has shown another one."""
        asked = plan_of(questions, control).asked
        self.questions = questions
        self.asked = {one.question.id: one for one in asked}
        self._control = control
        self._lengths = lengths
        self._entries = {entry.id: entry for entry in questions.asking.entries}
        self._examples = questions.examples()
        self._made: dict[str, Example] = {}
        self._runs: dict[tuple[int, int], int] = {}
        self._ways = ways(asked)

    def played(self, trajectory: Trajectory, offset: int) -> StoredResult:
        """The row of a trajectory.

        Raises:
            ValueError: it is of a question that the set does not ask.
        """
        name = trajectory.question.id
        if name not in self.asked:
            raise ValueError(f"{name!r} is no question of {self.questions.name}: this is a run of another set")
        asked = self.asked[name]
        example = self.example_of(asked)
        scores = [self.score(asked, example, trajectory, profile) for profile in self.questions.profiles]
        times_hold = self._control not in OTHER_CLOCK and scores[0].value is not None
        row = row_of(
            example,
            trajectory,
            scores[0],
            groups=self._entries[asked.of].groups,
            run=self._runs.setdefault((self._ways[name], trajectory.sample), len(self._runs)),
            duration_seconds=self._lengths.get(asked.of),
        )
        is_told = not self._control and trajectory.facts.content_hash != ""
        if not is_told and asked.of not in self._lengths:  # another video was shown, or none could be opened
            row = replace(row, groups=tuple(group for group in row.groups if group[0] != "duration"))
        seen = coverage_of(trajectory)
        return StoredResult(
            row if row.question == asked.of else replace(row, question=asked.of),
            tuple(score.value for score in scores),
            trajectory.confidence,
            evidence_hit(example, trajectory.answer) if times_hold else None,
            evidence_iou(example, trajectory.answer) if times_hold else None,
            (seen.looked_share, seen.indexed_share, seen.read_share, seen.heard_share),
            offset,
        )

    def score(self, asked: ControlledQuestion, example: Example, trajectory: Trajectory, profile: Profile) -> Score:
        """What a trajectory is worth by a profile; one that was broken off is not scored by any."""
        if (unscored := broken_off(trajectory)) is not None:
            return unscored
        answer = trajectory.answer
        if not asked.is_answerable:
            return score_answer(example, answer)
        return self.questions.score(asked.of, None if answer is None else asked.back(answer), profile)

    def example_of(self, asked: ControlledQuestion) -> Example:
        """What an answer was scored against, as far as our own format can say it.

        Of an unpublished answer, and of a span, the words are empty: the set's own rules score those.
        """
        if (made := self._made.get(asked.question.id)) is None:
            entry = self._entries[asked.of]
            known = self._examples.get(entry.id)
            made = asked.example(known or Example(entry.question, entry.subject.answer or "", cluster=entry.cluster))
            self._made[asked.question.id] = made
        return made


def scored(
    path: Path, number: int, name: str, manifest: RunManifest, questions: QuestionSet, lengths: Mapping[str, float]
) -> StoredRun:
    """The lines of a run's file, scored; of two of one question's run the later.

    Args:
        path: the file.
        number: its place in the report, from 1.
        name: what the report calls it.
        manifest: what the run was.
        questions: the set that it asked.
        lengths: seconds of the video of each question, as far as other runs of the set have told.

    Raises:
        ValueError: a line is no trajectory, or of no question of the set.
    """
    scorer = Scorer(questions, manifest.terms.control, lengths)
    keeps_answers = len(questions.profiles) > 1 and not manifest.terms.control
    played: dict[Key, StoredResult] = {}
    said: dict[str, Answer | None] = {}
    seconds: dict[str, float] = {}
    for offset, trajectory in placed_rows(path):
        try:
            one = scorer.played(trajectory, offset)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        played[key_of(trajectory)] = one
        if not manifest.terms.control and trajectory.facts.content_hash:
            seconds[one.row.question] = trajectory.facts.duration_seconds
        if keeps_answers and trajectory.sample == 0:
            said[one.row.question] = as_scored(trajectory.answer)
    if not played:
        raise ValueError(f"{path} has no whole line in it yet")
    return StoredRun(number, name, path, manifest, questions, scorer.asked, tuple(played.values()), said, seconds)
