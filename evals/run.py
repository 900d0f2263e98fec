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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from agent.ending import Parser
from agent.loop.examples import MOST_ROUNDS, read_examples
from agent.loop.modes import Mode
from agent.loop.self_consistency import count_most_runs
from agent.options import add_limit_options, add_model_options, read_budget, read_policy_options
from agent.policy import Policy, PolicyError
from agent.trajectory import STRATEGIES, VOTES, Stop, Trajectory
from evals.command_line import end, quote_command, say
from evals.controls.catalogue import CONTROLS
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
from evals.runner.ray_run import run_on_ray
from evals.runner.run_config import RunConfig as RunConfig  # callers of `main` need it too
from evals.runner.run_file import TRAJECTORIES, RunFile, lock_folder
from evals.runner.run_folder import plan_control
from evals.runner.runner import Task, make_tasks, run_tasks
from evals.runner.weights import hash_weights
from evals.score import read_run, render_page
from tools.encoders.registry import open_encoder

FAILED = (Stop.CRASHED, Stop.POLICY_FAILED)


def main(config: RunConfig, command: str = "", say: Say = lambda _: None, policy: Policy | None = None) -> str:
    """Runs what the folder lacks; gives the results as Markdown.

    Args:
        config: options of the run.
        command: command line, for the record.
        say: prints a line of progress.
        policy: the policy; opened by `config.policy` if None.

    Raises:
        ValueError: the files, the policy or the folder can't be used.
        MissingPartError: the policy, the encoder or Ray needs a package that is not installed.
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
        captioner=config.captioner,
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
    policy = policy or config.open_policy()
    settings = config.run_settings(policy)
    encoder = open_encoder(config.encoder or "auto").name  # here, since without one every question would crash
    now = begin_session(session.command, config.options.concurrency, encoder)
    manifest = replace(session.manifest, weights=hash_weights(policy.spec, config.options.adapter))
    write_manifest(config.out, replace(manifest, setup=policy.setup, sessions=(*before, now)))
    try:
        keep = _Keeper(rows, session, len(tasks))
        if config.ray is None:
            run_tasks(tasks, settings, keep, concurrency=config.options.concurrency, say=session.say)
        else:
            run_on_ray(tasks, config, keep, config.ray)
    finally:
        setup = policy.setup  # some backends find out only from a server what it takes
        write_manifest(config.out, replace(manifest, setup=setup, sessions=(*before, end_session(now))))


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
    parser.add_argument("--captioner", metavar="SPEC", help="a model that describes windows to the one that is asked")
    parser.add_argument("--runs", type=int, default=1, metavar="K", help="of each question, with seeds of their own")
    parser.add_argument("--limit", type=int, metavar="N", help="questions, drawn by --seed")
    parser.add_argument("--encoder", metavar="SPEC", help="of the frame index")
    parser.add_argument("--no-verify", action="store_true", help="no second answer from the evidence alone")
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="let a Ray cluster run it, one task a video; local starts one here"
    )
    parser.add_argument("--retry-failed", action="store_true", help="play what crashed or whose policy failed again")
    parser.add_argument("--force", action="store_true", help="ask what can be asked in spite of what is wrong")
    add_limit_options(parser)
    add_model_options(parser)
    parser.set_defaults(concurrency=1)
    return _config(parser.parse_args(arguments))


def _config(got: argparse.Namespace) -> RunConfig:
    options = read_policy_options(got).for_samples(2 if got.strategy == "uncertain" else got.samples)
    names = "benchmark data out policy videos control prompt mode strategy samples vote examples captioner".split()
    names += "runs limit encoder ray retry_failed force".split()
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
