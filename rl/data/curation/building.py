"""One building from its options to its folder: candidates, steps, and what is written of those that are left."""

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path

from pydantic import TypeAdapter

from agent.policies.registry import open_policy
from agent.policy import Policy, PolicyOptions
from agent.trajectory import Limits, to_json
from evals.datasets.clips import QUESTIONS, ExampleSet
from evals.datasets.composed import open_composed
from evals.datasets.registry import open_set
from evals.example import Example
from evals.runner.run_file import TRAJECTORIES, lock_folder
from evals.scoring.judge.judge import AnswerJudge, check_is_another_model, open_judge
from evals.statistics.tables import render_table
from rl.checkpoints import check_same
from rl.data.as_reply import write_replies
from rl.data.built import BUILT, BuiltSource, read_record
from rl.data.curation.conditions import BLIND, FOUR_FRAMES, ONE_FRAME, OpenPolicy, Player, Say
from rl.data.curation.expert import EXPERT, SetExpert
from rl.data.curation.overlap import HashesOf, read_benchmarks
from rl.data.curation.steps import Probes, Solver, Step, Student, drop_overlap, drop_unfit
from rl.data.curation.writing import plan_writing, read_bank, write_candidates
from tools.cache import write_atomically, write_json

CANDIDATES = "candidates.jsonl"
"""Name of the file that says of every candidate whether it was kept, and if not why."""
_TERMS = "building.json"
FREE = ("out", "concurrency", "against", "judge", "pass_rate")
"""Options that change no run: a folder is gone on with under other ones, and what is kept is computed anew."""
_MODEL = PolicyOptions(concurrency=1)


@dataclass(frozen=True)
class BuildConfig:
    """Options of a building: where candidates come from, who tries them, and what is kept."""

    out: Path
    data: str = ""
    """Set of candidates whose answers are known, as `drawn,level=1,count=75` or a folder of questions."""
    videos: Path | None = None
    """Folder of videos about which candidates are written, in place of a set."""
    writer: str = ""
    """Spec of the model that writes."""
    bank: Path | None = None
    rounds: int = 2
    """Questions written for each video and skill; two in VideoKR."""
    against: tuple[str, ...] = ()
    """Benchmarks that candidates are held against, as NAME=FOLDER."""
    probes: tuple[str, ...] = ("lite",)
    """Specs of the policies that must not all find the answer without the video, or in a few frames."""
    solver: str = EXPERT
    solver_samples: int = 1
    judge: str = ""
    """Spec of the model that judges reasoning; without one only its evidence and its times are checked."""
    student: str = ""
    student_samples: int = 1
    pass_rate: tuple[float, float] = (0.0, 1.0)
    """Least and greatest pass rate of the student on what is kept."""
    encoder: str | None = None
    concurrency: int = 1

    def __post_init__(self) -> None:
        if bool(self.data) == (self.videos is not None):
            raise ValueError("give either --data, candidates whose answers are known, or --videos to write some about")
        if self.videos is not None and not self.writer:
            raise ValueError("--videos needs a --writer: a model that sees, as in --writer http:MODEL@URL")
        if not self.probes:
            raise ValueError("need at least one --probe, which tries to answer without the video")
        if not 0 <= self.pass_rate[0] <= self.pass_rate[1] <= 1:
            raise ValueError(f"need 0 <= least <= greatest pass rate <= 1, got {self.pass_rate}")
        if EXPERT in self.probes:
            raise ValueError("the expert knows what is shown at every time: it can't try a question without its video")


_CONFIG: TypeAdapter[BuildConfig] = TypeAdapter(BuildConfig)


@dataclass(frozen=True)
class Building:
    """What came of a building."""

    made: int
    """Number of candidates, with replies that were none."""
    dropped: dict[str, dict[str, str]]
    """Why candidates were dropped, by the step and their id."""
    kept: tuple[str, ...]
    rates: dict[str, float] = field(default_factory=dict)
    """Pass rate of the student on what was kept, by id."""


def build(config: BuildConfig, say: Say = lambda _: None) -> Building:
    """Builds what the folder lacks, and writes what is kept; the same command goes on where it stopped.

    Raises:
        ValueError: the options, the set or the videos can't be used, or the folder holds another building.
        PolicyError: a policy can't be had, or fails again and again.
    """
    with lock_folder(config.out), tempfile.TemporaryDirectory() as scratch:
        check_same(config.out / _TERMS, _CONFIG.dump_json(config, indent=1).decode(), FREE, "building")
        candidates, dropped = _open_candidates(config, say)
        examples = candidates.examples()
        left = list(examples)
        steps = _Steps(config, candidates, examples, Path(scratch), say)
        for name, step in steps.plan():
            dropped[name] = step(left)
            left = [one for one in left if one not in dropped[name]]
            say(f"{name}: {len(dropped[name])} dropped, {len(left)} left")
        rates = steps.student.measure(left) if config.student else {}
        made = len(examples) + len(dropped.get("writing", {}))
        building = Building(made, dropped, tuple(left), rates)
        _write(config, candidates, building, steps.solver)
    return building


def read_terms(folder: Path) -> BuildConfig:
    """Reads the options of a building over a set.

    Raises:
        ValueError: the folder holds no building, or one of written questions.
    """
    config = read_record(folder / _TERMS, _CONFIG)
    if not config.data:
        raise ValueError(f"{folder} holds written questions: this needs a set, as --data names it")
    return config


def _open_candidates(config: BuildConfig, say: Say) -> tuple[ExampleSet, dict[str, dict[str, str]]]:
    if config.videos is None:
        return open_composed(config.data), {}
    entries = plan_writing(config.videos, read_bank(config.bank), config.rounds)
    player = Player(config.out, entries, config.encoder, config.concurrency, say=say)
    written = write_candidates(entries, partial(open_policy, config.writer, _MODEL), player)
    return written.candidates, {"writing": written.left_out}


class _Steps:
    """The steps of a building with the policies that they ask."""

    def __init__(
        self, config: BuildConfig, candidates: ExampleSet, examples: Mapping[str, Example], scratch: Path, say: Say
    ) -> None:
        self._config, self._candidates, self._examples = config, candidates, examples
        self._scratch, self._say = scratch, say
        player = Player(config.out, candidates.asking.entries, config.encoder, config.concurrency, say=say)
        limits = Limits(max_frames=None) if config.solver == EXPERT else Limits()
        looking = Player(config.out, player.entries, config.encoder, config.concurrency, limits, say)
        self.probes = Probes({spec: self._opener(spec) for spec in config.probes}, player, examples)
        solver = self._opener(config.solver, config.solver_samples)
        self.solver = Solver(solver, looking, examples, config.solver_samples, _open_judge(config))
        student = self._opener(config.student, config.student_samples)
        self.student = Student(student, player, examples, config.student_samples, config.pass_rate)

    def plan(self) -> list[tuple[str, Step]]:
        """The steps in order: first what can be told without playing, last what takes the most looks."""
        config = self._config
        steps: list[tuple[str, Step]] = [("form", partial(drop_unfit, self._examples))]
        if config.against:
            steps.append(("overlap", self._drop_overlap))
        steps += [
            ("blind", partial(self.probes.drop, "without the video", (BLIND,))),
            ("one frame", partial(self.probes.drop, "from one frame, three times", ONE_FRAME)),
            ("four frames", partial(self.probes.drop, "from four frames", (FOUR_FRAMES,))),
            ("self-consistency", self.solver.drop_inconsistent),
            ("rationale", self.solver.drop_unfounded),
        ]
        if config.student:
            steps.append(("difficulty", self.student.drop))
        return steps

    def _drop_overlap(self, left: Sequence[str]) -> dict[str, str]:
        hashes_of = HashesOf(self._scratch)
        named = (one.partition("=")[::2] for one in self._config.against)
        benchmarks = read_benchmarks((open_set(name, folder) for name, folder in named), hashes_of)
        if benchmarks.unseen:
            self._say(f"{benchmarks.unseen} videos of benchmarks are not at hand: their pictures are not compared")
        return drop_overlap(self._candidates, benchmarks, hashes_of, left)

    def _opener(self, spec: str, samples: int = 1) -> OpenPolicy:
        @cache
        def opened() -> Policy:
            if spec == EXPERT:
                return SetExpert(self._candidates)
            return open_policy(spec, _MODEL.for_samples(samples))

        return opened


def _open_judge(config: BuildConfig) -> AnswerJudge | None:
    if not config.judge:
        return None
    if config.writer:
        check_is_another_model(config.judge, config.writer)
    return open_judge(config.judge, config.solver)


def _write(config: BuildConfig, candidates: ExampleSet, building: Building, solver: Solver) -> None:
    """Writes what is kept: its questions, a right run of each to imitate, and what became of every candidate."""
    examples = candidates.examples()
    videos = config.videos or Path()
    runs = solver.read_right(building.kept)
    chosen = [next(run for run in runs[name] if not solver.explain_run(name, run)) for name in building.kept]
    lines = [to_json(write_replies(run) if run.setup is None else run) for run in chosen]
    _write_lines(config.out / TRAJECTORIES, lines)
    if config.videos is not None:
        _write_lines(config.out / QUESTIONS, [_write_row(examples[name], videos) for name in building.kept])
    _write_lines(
        config.out / CANDIDATES, [json.dumps(one, ensure_ascii=False) for one in _list_fates(examples, building)]
    )
    data = str(Path(config.data).resolve()) if config.data and Path(config.data).exists() else config.data
    source = BuiltSource(data, "" if config.videos is None else str(videos.resolve()), building.kept)
    write_json(config.out / BUILT, asdict(source))


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    write_atomically(path, "".join(f"{line}\n" for line in lines))


def _write_row(example: Example, videos: Path) -> str:
    question = example.question
    row = {
        "video": Path(question.video).relative_to(videos).as_posix(),
        "question": question.text,
        "options": list(question.options) or None,
        "answer": example.answer,
        "evidence_seconds": example.evidence_seconds,
        "needs": list(example.needs),
    }
    return json.dumps(row, ensure_ascii=False)


def _list_fates(examples: Mapping[str, Example], building: Building) -> list[dict[str, object]]:
    gone = {name: (step, why) for step, reasons in building.dropped.items() for name, why in reasons.items()}
    found: list[dict[str, object]] = []
    for name in dict.fromkeys((*examples, *gone)):
        step, why = gone.get(name, ("", ""))
        needs = list(examples[name].needs) if name in examples else []
        found.append({"id": name, "kept": not step, "dropped_by": step, "why": why, "needs": needs})
        if name in building.rates:
            found[-1]["pass_rate"] = building.rates[name]
    return found


def render_building(building: Building) -> str:
    """The numbers of a building as a Markdown table, with the most frequent reasons of each step."""
    rows = [["candidates", str(building.made), ""]]
    for step, reasons in building.dropped.items():
        kinds = Counter(why.partition(":")[0][:80] for why in reasons.values())
        rows.append(
            [f"dropped: {step}", str(len(reasons)), "; ".join(f"{why} ({n})" for why, n in kinds.most_common(3))]
        )
    rows.append(["kept", str(len(building.kept)), ""])
    return render_table(["", "questions", "most often"], rows) + "\n"
