"""A public format of predictions: what a run answered and what it cost, and nothing else of its trajectories.

    python -m evals.predictions write RUN --out FOLDER
    python -m evals.predictions score FOLDER --data OFFICIAL_FILES

FOLDER/predictions.jsonl has a line for each answer: `question` (id in the set), `sample`, `text` (null for no answer),
`option` (index in the set's own order, from 0, or null), `not_shown`, `cannot_tell`, `confidence`, `evidence` (spans
of seconds), and its cost as `turns`, `frames`, `tokens`, `seconds` and `usd`, where null was not measured.
FOLDER/about.json names benchmark, control, prompt, policy and limits, with SHA-256 of annotation files, weights and
predictions. `score` refuses predictions that were changed, or are of other questions, and scores the rest by the set's
own rules.
"""

import hashlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from agent.ending import Parser
from agent.trajectory import Answer, Evidence, Trajectory
from evals.command_line import end_with_page
from evals.controls.control import ControlledQuestion
from evals.datasets.dataset import QuestionSet
from evals.datasets.registry import Wording, open_set
from evals.runner.manifest import RunManifest, hash_questions
from evals.runner.run_file import read_stored
from evals.runner.run_folder import open_run_set, plan_control, read_run_manifest
from evals.scoring.scoring import BROKEN_OFF
from evals.statistics.bootstrap import estimate_mean
from evals.statistics.tables import format_interval, format_percent, render_table
from tools.cache import write_atomically
from tools.plain_data import loads_json

PREDICTIONS, ABOUT = "predictions.jsonl", "about.json"
_OTHER_ANSWERS = ("unanswerable",)
"""Controls under which another answer is right than the set's."""


@dataclass(frozen=True)
class PredictedAnswer:
    """One answer to one question of a set."""

    question: str
    sample: int
    text: str | None
    """The answer in words; None for no answer."""
    option: int | None = None
    not_shown: bool = False
    cannot_tell: bool = False
    confidence: float | None = None
    evidence: tuple[tuple[float, float], ...] = ()
    turns: int | None = None
    frames: int | None = None
    tokens: int | None = None
    seconds: float | None = None
    usd: float | None = None

    @property
    def answer(self) -> Answer | None:
        """The answer as scorers read it."""
        if self.text is None:
            return None
        spans = tuple(Evidence(*span) for span in self.evidence)
        return Answer(self.text, self.option, self.confidence, spans, self.not_shown, self.cannot_tell)


@dataclass(frozen=True)
class PredictionsAbout:
    """Benchmark, policy, options and hashes of the predictions in a file."""

    benchmark: str
    questions: str
    """Hash of the set's questions, options and their order."""
    policy: str
    control: str | None
    wording: Wording
    prompt: str
    """Hash of the prompt files."""
    limits: dict[str, Any]
    options: dict[str, Any]
    """Sampling options of a model."""
    files: dict[str, str]
    """SHA-256 of the annotation files by name."""
    predictions: str
    """SHA-256 of the predictions' file."""
    weights: dict[str, str] = field(default_factory=dict)
    """SHA-256 of a local model's files of weights by name."""
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    format: Literal[1] = 1


_LINE: TypeAdapter[PredictedAnswer] = TypeAdapter(PredictedAnswer)
_ABOUT: TypeAdapter[PredictionsAbout] = TypeAdapter(PredictionsAbout)


def write_predictions(run: Path, out: Path) -> PredictionsAbout:
    """Writes the predictions of a stored run; rows that broke off are left out.

    Args:
        run: folder of the run.
        out: folder of the predictions.

    Raises:
        ValueError: there is no run, its set has changed, or its control has other right answers than the set.
    """
    manifest = read_run_manifest(run)
    if manifest.terms.control in _OTHER_ANSWERS:
        raise ValueError(f"under {manifest.terms.control} other answers are right than the set's: nothing to hand on")
    asked = {one.question.id: one for one in plan_control(open_run_set(run, manifest), manifest.terms.control).asked}
    found = (make_prediction(asked[t.question.id], t) for t in read_stored(run) if not _is_broken_off(t))
    text = b"".join(_LINE.dump_json(one) + b"\n" for one in found)
    about = _describe(manifest, hashlib.sha256(text).hexdigest())
    write_atomically(out / PREDICTIONS, text)
    write_atomically(out / ABOUT, _ABOUT.dump_json(about, indent=1) + b"\n")
    return about


def make_prediction(asked: ControlledQuestion, trajectory: Trajectory) -> PredictedAnswer:
    """The prediction of a trajectory, with its option counted as in the set."""
    answer = None if trajectory.answer is None else asked.restore_option(trajectory.answer)
    spent = trajectory.spent
    tokens = [count for count in (spent.prompt_tokens, spent.completion_tokens) if count is not None]
    cost: dict[str, Any] = {
        "turns": trajectory.turns,
        "frames": len(trajectory.frames_seen),
        "tokens": sum(tokens) if tokens else None,
        "seconds": round(spent.seconds, 3),
        "usd": spent.cost_usd,
    }
    if answer is None:
        return PredictedAnswer(asked.of, trajectory.sample, None, **cost)
    spans = tuple((item.start_seconds, item.stop_seconds) for item in answer.evidence)
    said = (answer.text, answer.option, answer.not_shown, answer.cannot_tell, trajectory.confidence, spans)
    return PredictedAnswer(asked.of, trajectory.sample, *said, **cost)


def _is_broken_off(trajectory: Trajectory) -> bool:
    return trajectory.answer is None and trajectory.stop in BROKEN_OFF


def _describe(manifest: RunManifest, digest: str) -> PredictionsAbout:
    terms, last = manifest.terms, manifest.sessions[-1] if manifest.sessions else None
    return PredictionsAbout(
        benchmark=terms.benchmark,
        questions=terms.questions,
        policy=terms.policy,
        control=terms.control,
        wording=terms.wording,
        prompt=terms.prompt,
        limits=asdict(terms.limits),
        options=terms.options,
        files=manifest.files,
        predictions=digest,
        weights=manifest.weights,
        command="" if last is None else last.command,
        versions={} if last is None else last.versions,
    )


def read_predictions(folder: Path) -> tuple[PredictionsAbout, tuple[PredictedAnswer, ...]]:
    """Reads predictions, and checks that they are those which their description names.

    Raises:
        ValueError: a file is missing, can't be read, or was changed.
    """
    try:
        about = _ABOUT.validate_json((folder / ABOUT).read_bytes())
        text = (folder / PREDICTIONS).read_bytes()
    except FileNotFoundError as error:
        raise ValueError(f"{folder} holds no predictions: {error.filename} is missing") from error
    except ValidationError as error:
        raise ValueError(f"{folder / ABOUT} can't be read: {_explain(error)}") from error
    if hashlib.sha256(text).hexdigest() != about.predictions:
        raise ValueError(f"{folder / PREDICTIONS} is not the file that {ABOUT} describes: fetch both again")
    return about, tuple(_read_lines(folder / PREDICTIONS, text))


def _read_lines(path: Path, text: bytes) -> Iterator[PredictedAnswer]:
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            yield _LINE.validate_python(loads_json(line))
        except ValidationError as error:
            raise ValueError(f"{path}, line {number}: {_explain(error)}") from error
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def score_predictions(folder: Path, data: str, videos: Path | None = None) -> str:
    """The accuracy of predictions by each profile of their set, as Markdown.

    Args:
        folder: folder of the predictions.
        data: the set's official files, as `evals.run --data` takes them.
        videos: folder of the videos of `clips`.

    Raises:
        ValueError: the predictions can't be read, or are of other questions than those of the data.
    """
    about, found = read_predictions(folder)
    questions = open_set(about.benchmark, data, videos, about.wording)
    if hash_questions(questions.asking.entries) != about.questions:
        raise ValueError(f"the questions at {data} are not those that {folder} answers: fetch the same release")
    clusters = {entry.id: entry.cluster for entry in questions.asking.entries}
    rows = []
    for profile in questions.profiles:
        values = _score_all(questions, found, clusters, profile)
        estimate = estimate_mean(*zip(*values, strict=True)) if values else None
        cells = ["not scored", ""] if estimate is None else [format_percent(estimate.mean), format_interval(estimate)]
        rows.append([profile, str(len(values)), *cells])
    head = f"`{about.benchmark}`, policy `{about.policy}`, control {about.control or 'none'}: {len(found)} answers."
    return f"{head}\n\n{render_table(['profile', 'scored', 'right', '95 %'], rows)}\n"


def _score_all(
    questions: QuestionSet, found: Sequence[PredictedAnswer], clusters: Mapping[str, str], profile: Any
) -> list[tuple[float, str]]:
    """The mean score of each question over its samples, with its video."""
    values: dict[str, list[float]] = {}
    for one in found:
        if one.question not in clusters:
            raise ValueError(f"{one.question!r} is no question of {questions.name}")
        value = questions.score(one.question, one.answer, profile).value
        if value is not None:
            values.setdefault(one.question, []).append(value)
    return [(statistics.fmean(scores), clusters[name]) for name, scores in values.items()]


def main(arguments: Sequence[str] | None = None) -> str:
    """Writes or scores predictions; gives what came of it as Markdown."""
    parser = Parser("python -m evals.predictions", description="Predictions of a run, for others to check.")
    names = parser.add_subparsers(dest="name", required=True, metavar="write|score")
    writing = names.add_parser("write", help="the predictions of a stored run")
    writing.add_argument("run", type=Path, metavar="RUN", help="a folder that evals.run --out wrote")
    writing.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    scoring = names.add_parser("score", help="predictions of whomever")
    scoring.add_argument("folder", type=Path, metavar="FOLDER")
    scoring.add_argument("--data", required=True, metavar="FOLDER", help="the official files, as evals.run takes them")
    scoring.add_argument("--videos", type=Path, metavar="FOLDER", help="of clips")
    got = parser.parse_args(arguments)
    if got.name == "score":
        return score_predictions(got.folder, got.data, got.videos)
    about = write_predictions(got.run, got.out)
    return f"Predictions of `{about.policy}` on `{about.benchmark}` in {got.out}, SHA-256 {about.predictions}\n"


if __name__ == "__main__":
    end_with_page("evals.predictions", main)
