"""Run 3, a small model that learns where to look, from packaged weights to its report, on a CPU.

    python -m rl.small_vlm.look_run rl/configs/run3/fusion.toml
With `--until sft` the training by reward is left out, `--report` evaluates what has been trained so far, and `--pack
FOLDER` writes it as one folder for `agent ask --policy transformers:FOLDER`.
Stages that are done are not done again, and one that was stopped goes on, when the command is given again.
"""

from agent.ending import check_arguments_first, end_process
from rl.small_vlm import command_lines

if __name__ == "__main__":  # before torch is imported
    check_arguments_first("rl.small_vlm.look_run", command_lines.make_look_parser(__doc__))

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import get_args

from agent.policies.local.picture_words import ADAPTER
from agent.policies.registry import open_policy
from agent.policy import PolicyOptions
from agent.terminal import escape_controls, tell
from agent.trajectory import Limits, Trajectory
from evals import run as evaluation
from evals.controls.control import AS_IT_IS, Control
from evals.datasets.clips import open_clips
from evals.runner.run_file import TRAJECTORIES, RunFile, read_stored
from evals.runner.runner import RunSettings
from rl import sft, train
from rl.checkpoints import last_checkpoint
from rl.data.questions import SetQuestions
from rl.options.toml_config import read_toml
from rl.small_vlm.look_align import align, instruct
from rl.small_vlm.look_build import build_look
from rl.small_vlm.look_expert import RandomZoomExpert, show_small_closer
from rl.small_vlm.look_plan import LookPlan
from rl.small_vlm.look_rewarded import choose_rewarded, sample_runs, write_runs
from rl.small_vlm.look_set import LookSet, write_look_set
from rl.small_vlm.zooms import ZoomCounts, count_zooms, list_known, render_zooms
from tools.cache import write_atomically

Say = Callable[[str], None]
REPORT = "report.md"
BEFORE = "before"
"""Folder in a packed model with the adapter from before the training by reward."""
LESSON = Control("The first look, and a zoom on a needle that is too small for it.", give=show_small_closer)


def main(plan: LookPlan, until: command_lines.Stage = "grpo", say: Say = lambda _: None) -> None:
    """Does the stages up to one that are not done yet.

    Args:
        plan: options of the run.
        until: the last stage.
        say: prints a line of progress.

    Raises:
        ValueError: the folder holds another training.
        MissingPartError: a package is not installed.
        AlarmError: an alarm stopped the training by reward.
    """
    before = plan.before
    stages: dict[command_lines.Stage, Callable[[], object]] = {
        "videos": lambda: [write_look_set(plan.videos_of(name), options, say) for name, options in _sets(plan)],
        "built": lambda: build_look(
            before / "built", plan.connector.shape(), plan.language_model, plan.text_layers, plan.seed
        ),
        "aligned": lambda: align(before / "built", before / "aligned", plan.align, say),
        "lessons": lambda: play_expert(plan.videos_of("lessons"), before / "lessons", 0.0, LESSON, say),
        "instructed": lambda: instruct(
            before / "aligned", before / "lessons", plan.instructed, plan.instructed_adapter, plan.align, say
        ),
        "expert": lambda: play_expert(plan.videos_of("expert"), before / "expert", plan.zoom_share, say=say),
        "sft": lambda: sft.main(plan.imitation(), say),
        "rewarded": lambda: imitate_rewarded(plan, say),
        "grpo": lambda: train.main(plan.training(), say),
    }
    names: Sequence[command_lines.Stage] = get_args(command_lines.Stage)
    if plan.stages is not None and not (plan.cold_start.is_dir() and plan.start.is_dir()):
        raise ValueError(f"{plan.stages} holds no cold start: need the folders instructed, sft and {plan.start.name}")
    for name in names[: names.index(until) + 1]:
        done = plan.out / f"{name}.done"
        is_taken = plan.stages is not None and name not in ("videos", "grpo")
        if not is_taken and not done.exists():
            began = time.perf_counter()
            say(f"== {name}")
            stages[name]()
            write_atomically(done, f"{time.perf_counter() - began:.0f} s\n")
            say(f"== {name}: done in {time.perf_counter() - began:.0f} s")


def _sets(plan: LookPlan) -> list[tuple[str, LookSet]]:
    count = plan.videos
    by_reward = [
        ("train", LookSet(count.train, seed=3)),
        ("evaluate", LookSet(count.evaluate, seed=4, split="heldout")),
    ]
    if plan.stages is not None:
        return by_reward
    return [
        ("lessons", LookSet(count.lessons, seed=1, is_lesson=True)),
        ("expert", LookSet(count.expert, seed=2, is_lesson=True)),  # or it would unlearn to say where a needle is
        *by_reward,
    ]


def play_expert(
    videos: Path, out: Path, zoom_share: float, control: Control = AS_IT_IS, say: Say = lambda _: None
) -> Path:
    """Keeps a run of the expert on each question of a set; gives the folder.

    Args:
        videos: folder of the set.
        out: folder for the runs.
        zoom_share: share of the runs that zoom.
        control: what the expert is given of the video.
        say: prints a line of progress.
    """
    asked_of = open_clips(videos)
    expert = RandomZoomExpert(*list_known(asked_of), zoom_share)
    out.mkdir(parents=True, exist_ok=True)
    (out / TRAJECTORIES).unlink(missing_ok=True)
    kept = RunFile(out / TRAJECTORIES)
    settings = RunSettings(expert, Limits(), control, verify=False, encoder="hashing")
    wanted = [(key, 0) for key in asked_of.examples()]
    SetQuestions(asked_of).play(wanted, settings, lambda _, run: kept.add(run), 1)
    say(f"{len(wanted)} runs in {out}")
    return out


def imitate_rewarded(plan: LookPlan, say: Say = lambda _: None) -> None:
    """The rounds between cold start and training by reward: samples runs, and imitates what `choose_rewarded` leaves.

    Args:
        plan: options of the run.
        say: prints a line of progress.
    """
    training, videos, by = plan.training(), plan.videos_of("train"), plan.rewarded
    asked_of, asked_of_expert = open_clips(videos), open_clips(plan.videos_of("expert"))
    for number in range(1, by.rounds + 1):
        options = replace(training.play.options(plan.seed + number), adapter=str(plan.round_adapter(number - 1)))
        settings = training.run_settings(open_policy(f"transformers:{plan.instructed}", options))
        sampled = sample_runs(asked_of, plan.before / f"sampled-{number}", settings, by.samples, plan.concurrency, say)
        is_free = number < by.rounds
        chosen = [*choose_rewarded(read_stored(sampled), asked_of, is_free=is_free)]
        beside = plan.before / "expert"
        if not is_free:
            beside = play_expert(plan.videos_of("expert"), plan.before / "direct", 0.0, say=say)
        chosen += islice(choose_rewarded(read_stored(beside), asked_of_expert, is_free=is_free), by.expert)
        imitation = plan.round_imitation(number)
        write_runs(imitation.data[0], chosen)
        say(f"round {number}: {len(chosen)} runs are imitated")
        sft.main(imitation, say)


def report(plan: LookPlan, limit: int | None = None, say: Say = lambda _: None) -> str:
    """Evaluates the cold start and what reward has made of it so far on held-out videos.

    Args:
        plan: options of the run.
        limit: number of questions; None asks all.
        say: prints a line of progress.

    Returns:
        A table in Markdown, which is also written to the folder.
    """
    found = [(adapter.name.replace("checkpoint-", "grpo "), adapter) for adapter in _list_adapters(plan)]
    rows = [
        (name, control or "none", evaluate(plan, adapter, control, limit, say))
        for name, adapter in found
        for control in (None, *plan.controls)
    ]
    table = render_zooms(rows)
    write_atomically(plan.out / REPORT, table + "\n")
    return table


def evaluate(
    plan: LookPlan, adapter: Path, control: str | None, limit: int | None = None, say: Say = lambda _: None
) -> list[ZoomCounts]:
    """Counts of a model under a control, on held-out videos; what was run before is not run again.

    Args:
        plan: options of the run.
        adapter: folder of the adapter.
        control: name of the control; None for the task as it is.
        limit: number of questions; None asks all.
        say: prints a line of progress.
    """
    videos = plan.videos_of("evaluate")
    folder = plan.out / "evaluated" / f"{adapter.name}-{control or 'none'}-{limit or 'all'}"
    options, limits = plan.options(adapter), plan.training().play.limits()
    runs = play_greedy(videos, folder, str(plan.instructed), options, limits, control, limit, say)
    subjects, examples = list_known(open_clips(videos))
    return count_zooms(runs, examples, subjects)


def play_greedy(
    videos: Path,
    folder: Path,
    model: str,
    options: PolicyOptions,
    limits: Limits,
    control: str | None = None,
    limit: int | None = None,
    say: Say = lambda _: None,
) -> list[Trajectory]:
    """A model's runs on the questions of a set; what was run before is not run again.

    Args:
        videos: folder of the set.
        folder: folder for the runs.
        model: folder of the model.
        options: sampling options, with the adapter.
        limits: limits of each run.
        control: name of a control; None for the task as it is.
        limit: number of questions; None asks all.
        say: prints a line of progress.
    """
    config = evaluation.RunConfig(
        benchmark="clips",
        data=str(videos),
        out=folder,
        policy=f"transformers:{model}",
        control=control,
        limit=limit,
        verify=False,
        encoder="hashing",
        limits=limits,
        options=options,
    )
    evaluation.main(config, say=say)
    return list(read_stored(folder))


def _list_adapters(plan: LookPlan) -> list[Path]:
    """The adapters of the cold start, of the last round and of the last checkpoint, as far as there are any."""
    checkpoint = last_checkpoint(plan.out / "grpo")
    later = [plan.start, *([checkpoint] if checkpoint is not None else [])]
    return [plan.cold_start, *(adapter for adapter in later if adapter.is_dir())]


def pack(plan: LookPlan, out: Path) -> Path:
    """Writes a folder for `agent ask --policy transformers:FOLDER`: tokenizer, connector and the last adapter, in one.

    The adapter of the cold start lies beside it, under `BEFORE`.

    Raises:
        FileExistsError: there is such a folder.
    """
    adapters = _list_adapters(plan)
    shutil.copytree(plan.instructed, out, ignore=shutil.ignore_patterns("*.jsonl"))
    for name, adapter in ((ADAPTER, adapters[-1]), (BEFORE, adapters[0])):
        shutil.copytree(adapter, out / name, ignore=lambda _, names: [n for n in names if not n.startswith("adapter_")])
    return out


def _command_line() -> None:
    given = command_lines.make_look_parser(__doc__).parse_args()
    plan = read_toml(given.config, LookPlan)
    if given.pack is not None:
        print(escape_controls(pack(plan, given.pack)))
    elif given.report:
        print(escape_controls(report(plan, given.limit, tell)))
    else:
        main(plan, given.until, tell)


if __name__ == "__main__":
    end_process("rl.small_vlm.look_run", _command_line)
