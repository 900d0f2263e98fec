"""Runs a policy on the questions of a benchmark and keeps every trajectory.

    python -m evals.run clips --data FOLDER --policy lite --out runs/lite
    python -m evals.run clips --data FOLDER --policy lite --out runs/blind --control blind
    python -m evals.run video-mme --data FOLDER --policy http:MODEL@URL --out runs/mme --concurrency 8 --limit 300

Prints Markdown on stdout and progress on stderr. A run that was stopped, or killed, resumes when the command is given
again. A question that crashes, or whose policy fails, has a row that says so and is not scored; `--retry-failed` runs
those again and nothing else is lost. `python -m evals.score RUN ...` prints the tables again without running anything.
"""

import argparse
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

from agent.cost.estimate import check_cost_limit
from agent.ending import Parser
from agent.limits import QuestionBudget
from agent.loop.ask import choose_mode
from agent.loop.examples import MOST_ROUNDS, read_examples
from agent.loop.modes import Mode
from agent.loop.self_consistency import count_most_runs
from agent.options import add_limit_options, add_model_options, read_budget, read_policy_options
from agent.policies.captioner import check_captioner
from agent.policies.registry import open_policy
from agent.policy import Policy, PolicyError, PolicyOptions
from agent.trajectory import STRATEGIES, VOTES, Limits, Stop, Strategy, Trajectory, Vote
from evals.benchmarks.catalogue import BENCHMARKS
from evals.command_line import end, quote_command, say
from evals.controls.baselines import TopFrame
from evals.controls.catalogue import CONTROLS, ONE_TURN, control_named
from evals.controls.frames import uniform_frames
from evals.datasets.dataset import QuestionSet, sample_entries
from evals.datasets.registry import NAMES, Wording, open_set
from evals.runner.manifest import (
    RunManifest,
    Terms,
    begin_session,
    check_same,
    end_session,
    hash_examples,
    hash_files,
    make_terms,
    read_manifest,
    write_manifest,
)
from evals.runner.patience import PolicyPatience
from evals.runner.preflight import Say, check_files, select_playable
from evals.runner.progress import RowProgress, forecast_cost
from evals.runner.run_file import TRAJECTORIES, RunFile, lock_folder
from evals.runner.run_folder import plan_control
from evals.runner.runner import RunSettings, Task, make_tasks, run_tasks
from evals.runner.weights import hash_weights
from evals.score import read_run, render_page
from tools.encoders.registry import open_encoder

FAILED = (Stop.CRASHED, Stop.POLICY_FAILED)


@dataclass(frozen=True)
class RunConfig:
    """Options of a run: benchmark, policy, control, limits and folder."""

    benchmark: str
    data: str
    """Folder with the official files; for `clips` also a JSONL file, for `composed` also a recipe."""
    out: Path
    """Folder of the run."""
    policy: str = "lite"
    videos: Path | None = None
    """Folder of the videos of `clips`; beside the questions if None."""
    control: str | None = None
    prompt: Wording = "agent"
    """Whose prompt asks the questions: ours with tools, or the benchmark's own with its frames, in one turn."""
    mode: Mode | None = None
    strategy: Strategy = "direct"
    samples: int = 1
    """Samples that vote on each answer."""
    vote: Vote = "majority"
    examples: Path | None = None
    """Folder of saved runs that were right, of which a model is shown the most similar."""
    runs: int = 1
    """Runs of each question, each with seeds of its own."""
    limit: int | None = None
    """Number of questions, drawn by the seed; None asks all."""
    verify: bool = True
    """Whether the policy answers a second time from the evidence alone; never under a control."""
    encoder: str | None = None
    """Encoder of the frame index; None takes the default one."""
    limits: Limits = field(default_factory=Limits)
    budget: QuestionBudget | None = None
    """What the limits of a video longer than a clip come from; None has `limits` for all."""
    options: PolicyOptions = field(default_factory=lambda: PolicyOptions(concurrency=1))
    """Sampling options of a model; `concurrency` questions are run at the same time."""
    retry_failed: bool = False
    force: bool = False
    """Whether to ask what can be asked in spite of what is wrong with the rest."""

    def __post_init__(self) -> None:
        for name in ("samples", "runs", "limit"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"need --{name} >= 1, got {value}")
        way = f"--mode {self.mode}" if self.mode else "" if self.strategy == "direct" else f"--strategy {self.strategy}"
        if self.prompt == "published" and (way or self.control not in (None, *ONE_TURN)):
            refused = way or f"--control {self.control}"
            raise ValueError(f"the published prompt is sent in one turn with frames and no tools: leave {refused} out")

    def run_settings(self, policy: Policy) -> RunSettings:
        """The settings by which every question is run with a policy.

        Raises:
            ValueError: the policy can't be run so, or would give the same answer in all samples or runs.
        """
        choose_mode(policy, self.mode)
        check_captioner(None, self.mode, self.limits)
        if self.strategy != "direct" and policy.setup is None:
            raise ValueError(f"{policy.spec} is no language model: --strategy is for models")
        check_cost_limit(policy, self.limits)
        if max(self.samples, self.runs) > 1 or self.strategy == "uncertain":
            if policy.setup is None:
                raise ValueError(f"{policy.spec} answers the same each time: --samples and --runs are for models")
            if self.options.temperature == 0:
                raise ValueError("with --temperature 0 all runs are the same: give one above it, e.g. 0.7")
        control, verify = control_named(self.control), self.verify and self.control is None
        if self.prompt == "published":
            if policy.setup is None:
                raise ValueError(f"{policy.spec} reads no prompt: --prompt published is for models")
            if self.control is None:
                control = replace(control, give=uniform_frames(BENCHMARKS[self.benchmark].frames))
        return RunSettings(
            policy,
            self.limits,
            control,
            self.mode,
            self.samples,
            verify,
            self.encoder,
            strategy=self.strategy,
            vote=self.vote,
            budget=self.budget,
            examples=() if self.examples is None else read_examples(self.examples),
        )


def main(config: RunConfig, command: str = "", say: Say = lambda _: None, policy: Policy | None = None) -> str:
    """Runs what the folder lacks; gives the results as Markdown.

    Args:
        config: options of the run.
        command: command line, for the record.
        say: prints a line of progress.
        policy: the policy; opened by `config.policy` if None.

    Raises:
        ValueError: the files, the policy or the folder can't be used.
        MissingPartError: the policy or the encoder needs a package that is not installed.
        PolicyError: the policy can't be had, or fails again and again.
        KeyboardInterrupt: stopped by the user; what was run is kept.
    """
    asked_of = open_set(config.benchmark, config.data, config.videos, config.prompt)
    check_files(asked_of, say, force=config.force)
    with lock_folder(config.out):
        wanted, kept = _terms(asked_of, config), read_manifest(config.out)
        if kept is not None:
            check_same(config.out, kept.terms, wanted)
        rows = RunFile(config.out / TRAJECTORIES)
        tasks, left_out = _plan_tasks(asked_of, config)
        missing = select_playable([t for t in tasks if _is_missing(t, rows, config)], say, force=config.force)
        manifest = RunManifest(
            wanted,
            data=str(Path(config.data).resolve()) if Path(config.data).exists() else config.data,
            videos=None if config.videos is None else str(config.videos.resolve()),
            files=hash_files(asked_of.files),
            asked=len({task.entry.id for task in tasks} - set(missing.left_out)),
            runs=config.runs,
            limit=config.limit,
            left_out={**left_out, **missing.left_out},
            remarks=asked_of.remarks,
            setup=None if kept is None else kept.setup,
            sessions=() if kept is None else kept.sessions,
            judges=() if kept is None else kept.judges,
            weights={} if kept is None else kept.weights,
        )
        if missing.tasks:
            progress = RowProgress(len(tasks) - len(missing.tasks), len(tasks))
            _run_tasks(missing.tasks, rows, _RunningSession(asked_of, config, manifest, progress, say, command), policy)
        else:
            write_manifest(config.out, manifest)
    return render_page([read_run(config.out, asked_of)])


def _terms(asked_of: QuestionSet, config: RunConfig) -> Terms:
    return make_terms(
        asked_of.name,
        asked_of.asking.entries,
        config.policy,
        config.options,
        config.limits,
        control=config.control,
        mode=config.mode,
        strategy=config.strategy,
        samples=config.samples,
        vote=config.vote,
        examples=None if config.examples is None else hash_examples(read_examples(config.examples)),
        effort="medium" if config.budget is None else config.budget.effort,
        verify=config.verify and config.control is None,
        encoder=config.encoder,
        wording=config.prompt,
    )


def _plan_tasks(asked_of: QuestionSet, config: RunConfig) -> tuple[tuple[Task, ...], dict[str, str]]:
    """All tasks of the run, and by question id why others are not asked."""
    entries = asked_of.asking.entries
    plan = plan_control(asked_of, config.control)
    chosen = {entry.id for entry in sample_entries(entries, config.limit, config.options.seed)}
    asked = [one for one in plan.asked if one.of in chosen]
    left_out = {key: why for key, why in plan.left_out.items() if key in chosen}
    if not asked:
        why = next(iter(left_out.values()), "it has none")
        raise ValueError(f"under {config.control or 'no control'} no question of {asked_of.name} can be asked: {why}")
    seeds = MOST_ROUNDS if config.examples else count_most_runs(config.strategy, config.samples)
    return make_tasks(asked, entries, config.runs, seeds), {**asked_of.asking.unaskable, **left_out}


def _is_missing(task: Task, rows: RunFile, config: RunConfig) -> bool:
    return task.key not in rows.ends or (config.retry_failed and rows.ends[task.key] in FAILED)


@dataclass(frozen=True)
class _RunningSession:
    """Set, options, manifest and progress of one start of the runner."""

    asked_of: QuestionSet
    config: RunConfig
    manifest: RunManifest
    progress: RowProgress
    say: Say
    command: str


def _run_tasks(tasks: Sequence[Task], rows: RunFile, session: _RunningSession, policy: Policy | None) -> None:
    """Runs the tasks and keeps their rows, with a manifest written before the first and after the last."""
    config, before = session.config, session.manifest.sessions
    policy = policy or _open_policy(config)
    settings = config.run_settings(policy)
    encoder = open_encoder(config.encoder or "auto").name  # here, since without one every question would crash
    now = begin_session(session.command, config.options.concurrency, encoder)
    manifest = replace(session.manifest, weights=hash_weights(policy.spec, config.options.adapter))
    write_manifest(config.out, replace(manifest, setup=policy.setup, sessions=(*before, now)))
    try:
        keep = _Keeper(rows, session, len(tasks))
        run_tasks(tasks, settings, keep, concurrency=config.options.concurrency, say=session.say)
    finally:
        setup = policy.setup  # some backends find out only from a server what it takes
        write_manifest(config.out, replace(manifest, setup=setup, sessions=(*before, end_session(now))))


def _open_policy(config: RunConfig) -> Policy:
    return TopFrame() if config.policy == TopFrame.spec else open_policy(config.policy, config.options)


class _Keeper:
    """Writes each row and reports progress; ends the run where the policy fails again and again."""

    def __init__(self, rows: RunFile, session: _RunningSession, count: int) -> None:
        self._rows = rows
        self._session = session
        self._count = count
        self._lock = threading.Lock()
        self._patience = PolicyPatience(count)
        self._is_first = True

    def __call__(self, task: Task, trajectory: Trajectory) -> None:
        """Writes the row of a task. Thread safe.

        Raises:
            PolicyError: the policy has failed too often in a row.
        """
        self._rows.add(trajectory)
        answer = None if trajectory.answer is None else task.asked.restore_option(trajectory.answer)
        score = self._session.asked_of.score(task.entry.id, answer, "strict")
        with self._lock:
            self._session.say(self._session.progress.row(trajectory, score))
            if self._is_first and (
                told := forecast_cost(trajectory.estimate, self._count, self._session.config.samples)
            ):
                self._session.say(told)
            self._is_first = False
            self._patience.check(trajectory)


def _parse_arguments(arguments: Sequence[str] | None) -> RunConfig:
    parser = Parser("python -m evals.run", description="Asks a policy the questions of a benchmark.")
    parser.add_argument("benchmark", choices=NAMES, metavar="BENCHMARK", help=", ".join(NAMES))
    parser.add_argument(
        "--data", required=True, metavar="FOLDER", help="its official files; composed: also drawn,level=1"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="of the run; goes on with what is there"
    )
    parser.add_argument("--policy", default=RunConfig.policy, metavar="SPEC")
    parser.add_argument(
        "--videos", type=Path, metavar="FOLDER", help="of clips, if they don't lie beside the questions"
    )
    parser.add_argument("--control", choices=tuple(CONTROLS), metavar="NAME", help=", ".join(CONTROLS))
    parser.add_argument(
        "--prompt", choices=get_args(Wording), default="agent", help="published: its own words and frames, no tools"
    )
    parser.add_argument("--mode", choices=get_args(Mode), help="what a model is given of the video")
    parser.add_argument("--strategy", choices=STRATEGIES, default="direct", help="how a model goes about it")
    parser.add_argument("--samples", type=int, default=1, metavar="N", help="the majority of N answers")
    parser.add_argument("--vote", choices=VOTES, default="majority", help="one for each sample, or its confidence")
    parser.add_argument("--examples", type=Path, metavar="FOLDER", help="saved runs that were right, shown to a model")
    parser.add_argument("--runs", type=int, default=1, metavar="K", help="of each question, with seeds of their own")
    parser.add_argument("--limit", type=int, metavar="N", help="questions, drawn by --seed")
    parser.add_argument("--encoder", metavar="SPEC", help="of the frame index")
    parser.add_argument("--no-verify", action="store_true", help="no second answer from the evidence alone")
    parser.add_argument("--retry-failed", action="store_true", help="play what crashed or whose policy failed again")
    parser.add_argument("--force", action="store_true", help="ask what can be asked in spite of what is wrong")
    add_limit_options(parser)
    add_model_options(parser)
    parser.set_defaults(concurrency=1)
    return _config(parser.parse_args(arguments))


def _config(got: argparse.Namespace) -> RunConfig:
    options = read_policy_options(got).for_samples(2 if got.strategy == "uncertain" else got.samples)
    names = "benchmark data out policy videos control prompt mode strategy samples vote examples".split()
    names += "runs limit encoder retry_failed force".split()
    rest = {name: getattr(got, name) for name in names}
    budget = read_budget(got)
    return RunConfig(**rest, verify=not got.no_verify, limits=budget.for_length(), budget=budget, options=options)


def _command_line() -> str:
    try:
        return main(_parse_arguments(None), quote_command("evals.run"), say)
    except PolicyError as error:
        raise PolicyError(f"{error}; --retry-failed plays what failed again") from error


if __name__ == "__main__":
    end("evals.run", _command_line, "interrupted; give the command again to go on")
