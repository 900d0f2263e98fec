"""Asks a language model for verdicts on the open answers of a stored run; the run itself is not played again.

    python -m evals.judge RUN --judge http:MODEL@URL --labels labels.jsonl

Answers are judged right or wrong against the reference; explanations and predictions on the three axes of grounding,
coherence and insight. The judge can't be the model under test. Every verdict is in RUN/judge.json with the reply it was
read from, and the manifest has the judge and the version of its prompts. LABELS has a line `{"id": ..., "score": ...}`
for each answer that people have judged: the agreement with them (Cohen's kappa) says what the judge is worth.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from agent.ending import Parser
from agent.trajectory import Trajectory
from evals.benchmarks.records import read_jsonl_rows
from evals.command_line import end_with_page
from evals.example import Example
from evals.runner.manifest import JudgeRecord, RunManifest, write_manifest
from evals.runner.run_file import Key, key_of, lock_folder, read_stored
from evals.runner.run_folder import open_run_set, plan_control, read_run_manifest
from evals.scoring.judge.judge import AnswerJudge, Verdict, check_is_another_model, open_judge
from evals.scoring.judge.rubrics import AXES, CORRECTNESS, RUBRICS, Rubric, compute_rubrics_version
from evals.scoring.judge.wording import write_answer, write_reference
from evals.statistics.agreement import compute_kappa
from evals.statistics.tables import render_table
from tools.cache import write_json

VERDICTS = "judge.json"
"""Name of the file of verdicts in the folder of a run."""


@dataclass(frozen=True)
class JudgedAnswer:
    """The verdict on one stored answer."""

    key: Key
    verdict: Verdict


def judge_run(folder: Path, judge: AnswerJudge) -> tuple[JudgedAnswer, ...]:
    """Judges the open answers of a run, and writes verdicts and judge beside them.

    Args:
        folder: folder of the run.
        judge: the judge.

    Raises:
        ValueError: the folder holds no run, the judge is the model under test, or nothing can be judged.
        PolicyError: the judge can't be reached.
    """
    manifest = read_run_manifest(folder)
    check_is_another_model(judge.spec, manifest.terms.policy)
    with lock_folder(folder):
        found = tuple(_judge_rows(folder, manifest, judge))
        if not found:
            raise ValueError(f"{folder} has no open answer with a published reference: there is nothing to judge")
        record = JudgeRecord(judge.spec, compute_rubrics_version())
        rows = [{"id": one.key[0], "sample": one.key[1], **asdict(one.verdict)} for one in found]
        write_json(folder / VERDICTS, {**asdict(record), "temperature": 0, "verdicts": rows})
        write_manifest(folder, replace(manifest, judges=tuple(dict.fromkeys((*manifest.judges, record)))))
    return found


def _judge_rows(folder: Path, manifest: RunManifest, judge: AnswerJudge) -> Iterator[JudgedAnswer]:
    questions = open_run_set(folder, manifest)
    asked = {one.question.id: one for one in plan_control(questions, manifest.terms.control).asked}
    examples = questions.examples()
    for trajectory in read_stored(folder):
        one = asked[trajectory.question.id]
        if one.of not in examples or not one.is_answerable or examples[one.of].question.options:
            continue
        for rubric in _choose_rubrics(trajectory):
            yield JudgedAnswer(key_of(trajectory), _judge_one(judge, rubric, examples[one.of], trajectory))


def _choose_rubrics(trajectory: Trajectory) -> tuple[Rubric, ...]:
    return (CORRECTNESS,) if trajectory.question.task == "answer" else AXES


def _judge_one(judge: AnswerJudge, rubric: Rubric, example: Example, trajectory: Trajectory) -> Verdict:
    answer = "" if trajectory.answer is None else write_answer(trajectory.answer)
    return judge.judge(rubric, question=example.question.text, reference=write_reference(example), answer=answer)


def render_verdicts(judge: AnswerJudge, found: Sequence[JudgedAnswer], labels: Mapping[str, int]) -> str:
    """A table of the verdicts by rubric: the mean counts an answer without a verdict as 0.

    Args:
        judge: the judge.
        found: the verdicts.
        labels: scores by people, by the id of the question.
    """
    rows = []
    for name in RUBRICS:
        ours = [one for one in found if one.verdict.rubric == name]
        if not ours:
            continue
        values = [one.verdict.value or 0.0 for one in ours]
        outcomes = [one.verdict.outcome for one in ours]
        pairs = [
            (one.verdict.score, labels[one.key[0]])
            for one in ours
            if one.verdict.score is not None and one.key[0] in labels
        ]
        kappa = compute_kappa([a for a, _ in pairs], [b for _, b in pairs])
        agreement = "not measured" if kappa is None else f"{kappa:.2f} over {len(pairs)}"
        counts = [str(outcomes.count(outcome)) for outcome in ("malformed", "refused")]
        rows.append([name, str(len(ours)), f"{100 * sum(values) / len(values):.1f}", *counts, agreement])
    header = ["rubric", "answers", "mean, percent", "malformed", "refused", "agreement with people (kappa)"]
    return f"Judge `{judge.spec}`, prompts {compute_rubrics_version()}.\n\n{render_table(header, rows)}\n"


def read_labels(path: Path | None) -> dict[str, int]:
    """Reads the scores by people, by the id of the question; none without a file.

    Raises:
        ValueError: a line is no label; says which.
    """
    return {} if path is None else {row.name("id"): row.whole("score") for row in read_jsonl_rows(path)}


def main(arguments: Sequence[str] | None = None) -> str:
    """The verdicts on a run as Markdown.

    Raises:
        ValueError: there is no such run, or the judge is the model under test.
        PolicyError: the judge can't be had.
    """
    parser = Parser("python -m evals.judge", description="Asks a model for verdicts on a run's open answers.")
    parser.add_argument("run", type=Path, metavar="RUN", help="what evals.run --out wrote")
    parser.add_argument("--judge", required=True, metavar="SPEC", help="another model than the one under test")
    parser.add_argument("--labels", type=Path, metavar="FILE", help="JSONL of scores by people")
    got = parser.parse_args(arguments)
    labels = read_labels(got.labels)
    judge = open_judge(got.judge, read_run_manifest(got.run).terms.policy)
    return render_verdicts(judge, judge_run(got.run, judge), labels)


if __name__ == "__main__":
    end_with_page("evals.judge", main)
