"""The steps that drop candidates, each a function from the ids that are left to the reasons why some of them go."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.trajectory import Question, Trajectory
from evals.datasets.clips import ExampleSet
from evals.example import Example
from evals.runner.run_file import Key, key_of, read_rows
from evals.scoring.claims import check_answer
from evals.scoring.judge.judge import AnswerJudge
from evals.scoring.judge.rubrics import CITING, CONSISTENCY
from evals.scoring.judge.wording import write_answer, write_reasoning, write_reference
from evals.scoring.normalize import split_words
from evals.scoring.scoring import evidence_hit, score
from rl.data.curation.conditions import WHOLE, CandidateOutcome, Condition, OpenPolicy, Player, read_outcomes
from rl.data.curation.overlap import Benchmarks, Hashes, HashesOf, is_youtube_id

Reasons = dict[str, str]
"""Why candidates are dropped, by their id."""
Step = Callable[[Sequence[str]], Reasons]
_FAULTS = {
    CONSISTENCY: "the reasoning does not lead to the answer",
    CITING: "the reasoning does not name what the answer rests on",
}
"""What is wrong where a judge says no."""


def drop_unfit(examples: Mapping[str, Example], left: Sequence[str]) -> Reasons:
    """Drops questions that were asked before of their video, and open ones whose words hold their answer.

    Args:
        examples: the candidates.
        left: ids of those that are left.
    """
    found: Reasons = {}
    first: dict[tuple[object, ...], str] = {}
    for name in left:
        question = examples[name].question
        key = (question.video, _split(question.text), frozenset(question.options))
        if key in first:
            found[name] = f"the same question as {first[key]}"
        elif _tells_answer(examples[name]):
            found[name] = f"its words say the answer, {examples[name].answer!r}"
        first.setdefault(key, name)
    return found


def _tells_answer(example: Example) -> bool:
    if example.answer is None or example.question.options:
        return False
    words, wanted = _split(example.question.text), _split(example.answer)
    return any(words[i : i + len(wanted)] == wanted for i in range(len(words) - len(wanted) + 1))


def _split(text: str) -> tuple[str, ...]:
    return tuple(word.text for word in split_words(text))


def drop_overlap(candidates: ExampleSet, benchmarks: Benchmarks, hashes_of: HashesOf, left: Sequence[str]) -> Reasons:
    """Drops questions that are a benchmark's, by their words or by their video.

    Args:
        candidates: the candidates.
        benchmarks: what they are held against.
        hashes_of: hashes of videos.
        left: ids of those that are left.
    """
    found: Reasons = {}
    by_video: dict[object, str | None] = {}
    wanted = set(left)
    for entry in candidates.asking.entries:
        if entry.id not in wanted:
            continue
        if (of := benchmarks.questions.find(entry.question)) is not None:
            found[entry.id] = f"its words are those of {of}"
            continue
        if entry.source not in by_video:
            by_video[entry.source] = _find_video(entry.question, benchmarks, hashes_of(entry))
        if (same := by_video[entry.source]) is not None:
            found[entry.id] = f"its video is that of {same}"
    return found


def _find_video(question: Question, benchmarks: Benchmarks, hashes: Hashes | None) -> str | None:
    stem = Path(question.video).stem
    if is_youtube_id(stem) and stem in benchmarks.names:
        return f"{benchmarks.names[stem]}, by its id"
    return None if hashes is None else benchmarks.videos.find(hashes)


@dataclass(frozen=True)
class Probes:
    """The policies that must not find the answer without the video."""

    opened: Mapping[str, OpenPolicy]
    """Openers by the spec of the policy."""
    player: Player
    examples: Mapping[str, Example]

    def drop(self, shown: str, conditions: Sequence[Condition], left: Sequence[str]) -> Reasons:
        """Drops what every policy answers rightly under every one of the conditions.

        Args:
            shown: what is shown, in words.
            conditions: the conditions.
            left: ids of the candidates that are left.
        """
        found: Reasons = {}
        wanted = list(left)
        for number, opened in enumerate(self.opened.values(), start=1):
            for condition in conditions:
                path = self.player.play(wanted, f"probe{number}", opened, condition)
                outcomes = read_outcomes(path, self.examples, wanted)
                found |= explain_broken_off(outcomes)
                wanted = [key for key in wanted if outcomes[key][0].is_right]
        return found | {key: f"{' and '.join(self.opened)} right {shown}" for key in wanted}


@dataclass(frozen=True)
class Solver:
    """The policy that answers again with the whole video; its runs are what is imitated."""

    opened: OpenPolicy
    player: Player
    examples: Mapping[str, Example]
    samples: int = 1
    judge: AnswerJudge | None = None

    def drop_inconsistent(self, left: Sequence[str]) -> Reasons:
        """Drops what is not answered as the candidate says in more than half of the runs."""
        path = self.player.play(left, "solver", self.opened, WHOLE, self.samples)
        outcomes = read_outcomes(path, self.examples, left)
        found = explain_broken_off(outcomes)
        for name in left:
            runs = outcomes[name]
            if name not in found and 2 * sum(bool(one.is_right) for one in runs) <= len(runs):
                wrong = next(one.said for one in runs if not one.is_right)
                found[name] = f"answered again: {wrong!r}, written: {self.examples[name].answer or 'not shown'!r}"
        return found

    def drop_unfounded(self, left: Sequence[str]) -> Reasons:
        """Drops what no right run bears out by its evidence, its times and, where there is a judge, its reasoning."""
        runs = self.read_right(left)
        faults = {name: [self.explain_run(name, run) for run in runs[name]] for name in left}
        return {name: found[-1] for name, found in faults.items() if all(found)}

    def read_right(self, left: Sequence[str]) -> dict[str, list[Trajectory]]:
        """The right runs of candidates, in the order of their samples."""
        path = self.player.play(left, "solver", self.opened, WHOLE, self.samples)
        found: dict[Key, Trajectory] = {}
        for run in read_rows(path):
            name = run.question.id
            if name in self.examples and score(self.examples[name], run).value == 1.0:
                found[key_of(run)] = run
        by_id: dict[str, list[Trajectory]] = {name: [] for name in left}
        for (name, _), run in sorted(found.items(), key=lambda item: item[0]):
            by_id.setdefault(name, []).append(run)
        return by_id

    def explain_run(self, name: str, run: Trajectory) -> str:
        """What is wrong with the way in which a right run bears out its answer; empty where nothing is."""
        return find_fault(self.examples[name], run) or self._ask_judge(name, run)

    def _ask_judge(self, name: str, run: Trajectory) -> str:
        if self.judge is None or run.answer is None:
            return ""
        example, answer, reasoning = self.examples[name], write_answer(run.answer), write_reasoning(run)
        for rubric, fault in _FAULTS.items():
            verdict = self.judge.judge(
                rubric,
                question=example.question.text,
                reference=write_reference(example),
                answer=answer,
                reasoning=reasoning,
            )
            if verdict.value is None:
                return f"not measured: the judge gave no verdict: {verdict.why[:200]}"
            if verdict.value < 1.0:
                return f"{fault}: {verdict.why[:200]}"
        return ""


def find_fault(example: Example, run: Trajectory) -> str:
    """What is wrong with the way in which a run bears out its answer; empty where nothing is.

    Args:
        example: the question with its reference.
        run: a run that answers it rightly.
    """
    checked = check_answer(run)
    for claim in checked.claims:
        if claim.verdict != "on record":
            return f"{claim.why}: {claim.text[:80]!r}"
    if checked.invented_seconds:
        return f"names {checked.invented_seconds[0]:g} s, where nothing was looked at"
    if evidence_hit(example, run.answer) is False:
        return "its evidence is elsewhere than what the question is about"
    return ""


@dataclass(frozen=True)
class Student:
    """The policy that is to be trained, by whose pass rate candidates are easy or hard."""

    opened: OpenPolicy
    player: Player
    examples: Mapping[str, Example]
    samples: int = 1
    bounds: tuple[float, float] = (0.0, 1.0)
    """Least and greatest pass rate of what is kept."""

    def measure(self, left: Sequence[str]) -> dict[str, float]:
        """The pass rates of candidates, 0..1, without those of which a run broke off."""
        path = self.player.play(left, "student", self.opened, WHOLE, self.samples)
        outcomes = read_outcomes(path, self.examples, left)
        bad = explain_broken_off(outcomes)
        return {
            name: sum(bool(one.is_right) for one in runs) / len(runs)
            for name, runs in outcomes.items()
            if name not in bad
        }

    def drop(self, left: Sequence[str]) -> Reasons:
        """Drops what passes too seldom or too often."""
        rates = self.measure(left)
        low, high = self.bounds
        found = {name: "not measured: a run of the student broke off" for name in left if name not in rates}
        return found | {
            name: f"pass rate {rate:.2f}, wanted {low:g} to {high:g}"
            for name, rate in rates.items()
            if not low <= rate <= high
        }


def explain_broken_off(outcomes: Mapping[str, Sequence[CandidateOutcome]]) -> Reasons:
    """Why candidates were not measured: a run that broke off says nothing of them, and is played again next time."""
    return {
        name: f"not measured: {broken[0].said}"
        for name, runs in outcomes.items()
        if (broken := [one for one in runs if one.is_right is None])
    }
