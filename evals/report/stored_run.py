"""A stored run for the report: each line is read and scored again, and only what tables need is kept.

A hundred thousand trajectories are about a gigabyte, so they are never in memory together: a row remembers where its
line begins, and the gallery reads those few again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from agent.coverage import compute_coverage
from agent.trajectory import Answer, Trajectory, from_json
from evals.benchmarks.benchmark import Profile
from evals.controls.control import ControlledQuestion, number_variants
from evals.datasets.dataset import QuestionSet
from evals.example import Example
from evals.runner.manifest import RunManifest
from evals.runner.run_file import Key, key_of, read_placed_rows
from evals.runner.run_folder import plan_control
from evals.scoring.claims import check_answer
from evals.scoring.scoring import Score, evidence_hit, evidence_iou, reduce_answer, score_answer, score_broken_off
from evals.statistics.breakdown import BreakdownLine, summarise_rows
from evals.statistics.row import ResultRow, row_of

OTHER_CLOCK = frozenset({"blind", "shuffled-frames", "wrong-video", "unanswerable"})
"""Controls under which the reference's evidence times do not hold for what was shown."""


@dataclass(frozen=True, slots=True)
class StoredResult:
    """The parts of one stored line that the report needs."""

    row: ResultRow
    """Row of the strict profile."""
    values: tuple[float | None, ...]
    """Scores by profile, in the order of the set's profiles."""
    confidence: float | None
    """Confidence as reported to the user."""
    hit: bool | None
    """Whether the evidence overlaps the reference; None without a reference."""
    iou: float | None
    looked_at: tuple[float, float, float, float]
    """Shares of the video, 0..1: seen in frames, searched by picture, read for text, heard."""
    claims: tuple[int, int, int]
    """Number of the answer's claims by their evidence: on record, not on record, without any."""
    times: tuple[int, int]
    """Number of times that the answer names, and of those at which nothing was looked at."""
    offset: int
    """Offset of the line in the file, in bytes."""


@dataclass(frozen=True)
class StoredRun:
    """All results of a run, with its manifest and set."""

    number: int
    """Number of the run in the report, from 1, by which charts mark it."""
    name: str
    """Short name, unique in the report."""
    path: Path
    """File of the run's trajectories."""
    manifest: RunManifest
    questions: QuestionSet
    asked: Mapping[str, ControlledQuestion]
    """Questions by the id under which they were asked."""
    played: tuple[StoredResult, ...]
    said: Mapping[str, Answer | None] = field(default_factory=dict)
    """Answers of the first run by question, for the metrics of a published set; empty for our own sets."""
    lengths: Mapping[str, float] = field(default_factory=dict)
    """Length of each question's video in seconds; empty under a control, which may have shown another one."""

    @cached_property
    def rows(self) -> tuple[ResultRow, ...]:
        """Rows scored by the strict profile."""
        return tuple(one.row for one in self.played)

    @cached_property
    def line(self) -> BreakdownLine:
        """Statistics of all rows together."""
        return summarise_rows(self.label, self.rows)

    @property
    def label(self) -> str:
        """Number and name of the run, for tables."""
        return f"{self.number} {self.name}"

    @property
    def set_name(self) -> str:
        """Name of the question set."""
        return self.questions.name

    @property
    def set_key(self) -> str:
        """Key that is equal for runs on the same set of questions, whatever prompt they are asked with."""
        return f"{self.questions.name} {sorted(self.manifest.files.items()) or self.manifest.terms.questions}"

    @property
    def control(self) -> str:
        """Name of the control; empty for none."""
        return self.manifest.terms.control or ""

    @property
    def profiles(self) -> tuple[Profile, ...]:
        """Profiles of scoring, the strict one first."""
        return self.questions.profiles

    def rows_by(self, profile: Profile) -> tuple[ResultRow, ...]:
        """Rows scored by a profile of the set."""
        place = self.profiles.index(profile)
        if place == 0:
            return self.rows
        return tuple(replace(one.row, value=one.values[place]) for one in self.played)

    def trajectory(self, played: StoredResult) -> Trajectory:
        """Reads the whole trajectory of a result again."""
        with self.path.open("rb") as file:
            file.seek(played.offset)
            return from_json(file.readline())


class Scorer:
    """Scores the stored trajectories of one run."""

    def __init__(self, questions: QuestionSet, control: str | None, lengths: Mapping[str, float]) -> None:
        """Plans the questions as the run asked them.

        Args:
            questions: the set of the run.
            control: name of the run's control; None for none.
            lengths: length of each question's video in seconds, where a control has shown another one.
        """
        asked = plan_control(questions, control).asked
        self.questions = questions
        self.asked = {one.question.id: one for one in asked}
        self._control = control
        self._lengths = lengths
        self._entries = {entry.id: entry for entry in questions.asking.entries}
        self._examples = questions.examples()
        self._made: dict[str, Example] = {}
        self._runs: dict[tuple[int, int], int] = {}
        self._ways = number_variants(asked)

    def played(self, trajectory: Trajectory, offset: int) -> StoredResult:
        """Scores a trajectory whose line begins at `offset`.

        Raises:
            ValueError: the set does not ask the trajectory's question.
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
        seen, checked = compute_coverage(trajectory), check_answer(trajectory)
        verdicts = [claim.verdict for claim in checked.claims]
        return StoredResult(
            row if row.question == asked.of else replace(row, question=asked.of),
            tuple(score.value for score in scores),
            trajectory.confidence,
            evidence_hit(example, trajectory.answer) if times_hold else None,
            evidence_iou(example, trajectory.answer) if times_hold else None,
            (seen.looked_share, seen.indexed_share, seen.read_share, seen.heard_share),
            (verdicts.count("on record"), verdicts.count("not on record"), verdicts.count("no evidence")),
            (len(checked.named_seconds), len(checked.invented_seconds)),
            offset,
        )

    def score(self, asked: ControlledQuestion, example: Example, trajectory: Trajectory, profile: Profile) -> Score:
        """Scores a trajectory by a profile; one that was broken off has no score in any.

        Args:
            asked: the question as it was asked.
            example: the example against which our own rule scores.
            trajectory: the run of the question.
            profile: rule of scoring.
        """
        if (unscored := score_broken_off(trajectory)) is not None:
            return unscored
        answer = trajectory.answer
        if not asked.is_answerable:
            return score_answer(example, answer)
        return self.questions.score(asked.of, None if answer is None else asked.restore_option(answer), profile)

    def example_of(self, asked: ControlledQuestion) -> Example:
        """The example against which an answer is scored, as far as our own format can express it.

        An unpublished answer and a span have empty text: the set's own rules score those.
        """
        if (made := self._made.get(asked.question.id)) is None:
            entry = self._entries[asked.of]
            known = self._examples.get(entry.id)
            made = asked.example(known or Example(entry.question, entry.subject.answer or "", cluster=entry.cluster))
            self._made[asked.question.id] = made
        return made


def read_run(
    path: Path, number: int, name: str, manifest: RunManifest, questions: QuestionSet, lengths: Mapping[str, float]
) -> StoredRun:
    """Scores the lines of a run's file; of two with the same key the later counts.

    Args:
        path: file of the trajectories.
        number: number of the run in the report, from 1.
        name: name of the run in the report.
        manifest: the run's manifest.
        questions: the set of the run.
        lengths: length of each question's video in seconds, as far as other runs of the set have it.

    Raises:
        ValueError: a line is no trajectory, or its question is not in the set, or there is no line.
    """
    scorer = Scorer(questions, manifest.terms.control, lengths)
    keeps_answers = len(questions.profiles) > 1 and not manifest.terms.control
    played: dict[Key, StoredResult] = {}
    said: dict[str, Answer | None] = {}
    seconds: dict[str, float] = {}
    for offset, trajectory in read_placed_rows(path):
        try:
            one = scorer.played(trajectory, offset)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        played[key_of(trajectory)] = one
        if not manifest.terms.control and trajectory.facts.content_hash:
            seconds[one.row.question] = trajectory.facts.duration_seconds
        if keeps_answers and trajectory.sample == 0:
            said[one.row.question] = reduce_answer(trajectory.answer)
    if not played:
        raise ValueError(f"{path} has no whole line in it yet")
    return StoredRun(number, name, path, manifest, questions, scorer.asked, tuple(played.values()), said, seconds)
