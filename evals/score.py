"""Scores stored runs again, by every profile and by the metrics that a benchmark's authors report; nothing is run.

    python -m evals.score RUN ...

Where a server holds the answers, the file that it takes is written into the folder of the run. Intervals, controls and
costs are in `python -m evals.report`.
"""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.ending import Parser
from agent.trajectory import Answer, Stop
from evals.benchmarks.benchmark import Profile
from evals.command_line import end_with_page
from evals.controls.control import ControlledQuestion, number_variants
from evals.controls.shuffled_options import count_flips
from evals.datasets.dataset import QuestionSet
from evals.runner.manifest import RunManifest
from evals.runner.run_file import TRAJECTORIES, Key, key_of, read_rows
from evals.runner.run_folder import open_run_set, plan_control, read_run_manifest
from evals.scoring.scoring import BROKEN_OFF, reduce_answer, score_answer
from evals.statistics.tables import render_table
from tools.cache import write_atomically

SUBMISSION = "submission.json"

Pass = tuple[int, int]
"""Number of the run of a question, and of the variant in which a control asks it."""


@dataclass(frozen=True)
class Scored:
    """A stored run with its set and answers, read once."""

    folder: Path
    manifest: RunManifest
    questions: QuestionSet
    ends: dict[str, int]
    """Number of rows by the way in which they ended."""
    passes: dict[Pass, dict[str, Answer | None]]
    """Answers of each pass by the question's id in the set, with options counted as in the set; without rows that
    broke off."""
    asked: tuple[ControlledQuestion, ...]
    said: dict[str, Answer | None]
    """Answers of the first run as they were given, by the id under which the control asked."""

    def metrics(self, profile: Profile) -> dict[str, float]:
        """Metrics of a profile, in percent: the mean over the passes."""
        found = [self._metrics(answers, profile) for answers in self.passes.values() if answers]
        names = dict.fromkeys(name for numbers in found for name in numbers)
        return {name: statistics.fmean(n[name] for n in found if name in n) for name in names}

    def _metrics(self, answers: dict[str, Answer | None], profile: Profile) -> dict[str, float]:
        by_id = {one.of: one for one in self.asked}
        if all(by_id[key].is_answerable for key in answers):
            return self.questions.metrics(answers, profile)
        # the correct answer has become "not shown", for which published sets have no rule
        examples = self.questions.examples()
        values = [score_answer(by_id[k].example(examples[k]), a).value for k, a in answers.items() if k in examples]
        scored = [value for value in values if value is not None]
        return {"accuracy": 100 * statistics.fmean(scored)} if scored and profile == "strict" else {}


def read_run(folder: Path, questions: QuestionSet | None = None) -> Scored:
    """Reads and scores the folder of a run.

    Args:
        folder: folder of the run.
        questions: the set of the run where it is open and checked already; None opens it again.

    Raises:
        ValueError: no run, a line that can't be read, or a set that has changed since.
    """
    manifest = read_run_manifest(folder)
    questions = questions or open_run_set(folder, manifest)
    asked = plan_control(questions, manifest.terms.control).asked
    # the later of two rows of the same run of a question counts
    rows = {key_of(t): (reduce_answer(t.answer), t.stop) for t in read_rows(folder / TRAJECTORIES)}
    passes, said = _gather_passes(rows, asked, folder)
    ends = Counter(_end(answer, stop) for answer, stop in rows.values())
    return Scored(folder, manifest, questions, dict(ends), passes, asked, said)


def _gather_passes(
    rows: Mapping[Key, tuple[Answer | None, Stop | None]], asked: Sequence[ControlledQuestion], folder: Path
) -> tuple[dict[Pass, dict[str, Answer | None]], dict[str, Answer | None]]:
    by_id = {one.question.id: one for one in asked}
    way_of = number_variants(asked)
    passes: dict[Pass, dict[str, Answer | None]] = {}
    said: dict[str, Answer | None] = {}
    for (question_id, sample), (answer, stop) in rows.items():
        if question_id not in by_id:
            raise ValueError(f"{folder}: {question_id!r} is no question of its set: the file holds another run")
        if answer is None and stop in BROKEN_OFF:
            continue
        one = by_id[question_id]
        answers = passes.setdefault((sample, way_of[question_id]), {})
        answers[one.of] = None if answer is None else one.restore_option(answer)
        if sample == 0:
            said[question_id] = answer
    return passes, said


def _end(answer: Answer | None, stop: Stop | None) -> str:
    if answer is None:
        return "not ended" if stop is None else str(stop) if stop in BROKEN_OFF else "no answer"
    if answer.cannot_tell:
        return "can't tell"
    return 'abstained ("not shown")' if answer.not_shown else "answered"


def render_page(runs: Sequence[Scored]) -> str:
    """Markdown report of the runs: questions asked, how they ended, and metrics by profile side by side."""
    return "\n\n".join(part for run in runs for part in _render_section(run)) + "\n"


def _render_section(run: Scored) -> list[str]:
    terms = run.manifest.terms
    asked = ", asked with the published prompt" if terms.wording == "published" else ""
    under = f" under the control `{terms.control}`" if terms.control else ""
    times = f", {run.manifest.runs} runs of each" if run.manifest.runs > 1 else ""
    parts = [
        f"    {run.manifest.sessions[-1].command}" if run.manifest.sessions else "",
        f"`{terms.benchmark}`, policy `{terms.policy}`{under}{asked}: {run.manifest.asked} questions{times}. "
        f"{', '.join(f'{count} {end}' for end, count in sorted(run.ends.items()))}.",
        _render_profiles(run),
    ]
    if terms.control == "shuffled-options" and (found := count_flips(run.asked, run.said)).share is not None:
        parts.append(f"{found.flipped} of {found.questions} questions are answered otherwise in another order.")
    if run.manifest.left_out:
        parts.append(f"{len(run.manifest.left_out)} questions were not asked: the manifest says why.")
    return [part for part in (*parts, *run.manifest.remarks) if part]


def _render_profiles(run: Scored) -> str:
    columns = {profile: run.metrics(profile) for profile in run.questions.profiles}
    names = dict.fromkeys(name for numbers in columns.values() for name in numbers)
    shown = sorted(names, key=lambda name: name.count("="))  # the total first, then groups, then groups within groups
    rows = [[name, *(_format_number(numbers.get(name)) for numbers in columns.values())] for name in shown]
    return render_table(["percent", *columns], rows) if rows else ""


def _format_number(value: float | None) -> str:
    return "not scored" if value is None else f"{value:.1f}"


def write_submission(run: Scored) -> Path | None:
    """Writes the file that the benchmark's server takes, from the first run; None without a server or under a
    control."""
    if run.manifest.terms.control is not None:
        return None
    text = run.questions.submission(run.passes.get((0, 0), {}))
    if text is None:
        return None
    write_atomically(run.folder / SUBMISSION, text)
    return run.folder / SUBMISSION


def main(arguments: Sequence[str] | None = None) -> str:
    """The reports of runs as Markdown; writes their submissions.

    Raises:
        ValueError: there is no such run, or it can't be read.
    """
    parser = Parser("python -m evals.score", description="Scores stored runs again.")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="what evals.run --out wrote")
    runs = [read_run(folder) for folder in parser.parse_args(arguments).runs]
    written = [path for run in runs if (path := write_submission(run)) is not None]
    return render_page(runs) + "".join(f"\nWritten for the server: {path}\n" for path in written)


if __name__ == "__main__":
    end_with_page("evals.score", main)
