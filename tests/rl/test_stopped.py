"""A training that an alarm really stops, and that goes on when it is turned off."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from rl.grpo.config import Training
from rl.monitor.alarms import AlarmError, Alarms, find_alarm, read_alarms
from rl.monitor.log import LOG, read_log
from rl.monitor.step_log import StepClock, StepLog
from rl.rewards.preset import load_preset
from rl.train import main, run_command_line
from tests.rl.dictated import DictatedSampler, Script
from tests.rl.marks import trl_warns
from tests.rl.small_training import DATA, LOOK, SCRIPTS, TWO_TOOLS, built, rollouts_of, say, training

pytest.importorskip("trl", reason="needs the rl extra")
pytestmark = trl_warns
STEPS = 5
OFF: dict[str, Any] = dict.fromkeys(("tool_collapse", "answer_collapse", "unreadable", "same_rewards"), 0)
OFF["not_finite"] = False


class Forgetting(DictatedSampler):
    """Looks in its first two steps, and from then on answers blind."""

    def __init__(self, folder: Path, wanted: Training) -> None:
        looks: tuple[Script, ...] = ((LOOK, say("A")), (LOOK, say("B")))
        blind: tuple[Script, ...] = ((say("A"),), (say("B"),))
        # a run's number counts on from step to step, two a step
        super().__init__(folder, wanted.play.options(wanted.seed), looks * 2 + blind * (STEPS - 2))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("stopped")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


def wanted(model: Path, out: Path, **alarms: Any) -> Training:
    settings = {"steps": STEPS, "generations": 2, "rows_at_once": 2, "play": TWO_TOOLS}
    return training(model, out, alarms=OFF | {"steps": 2} | alarms, **settings)


def test_it_stops_saves_says_why_and_goes_on_with_the_alarm_off(model: Path, tmp_path: Path) -> None:
    """Tool rates are 1, 1, 0, 0: averages of two are 1, 0.5, 0, and the bound is 0.4."""
    out = tmp_path / "run"
    on = wanted(model, out, tool_collapse=0.4)
    with pytest.raises(AlarmError) as stopped:
        main(on, sampler=Forgetting(model, on))
    assert [row["runs/with_calls"] for row in read_log(out / LOG)] == [1.0, 1.0, 0.0, 0.0]
    assert "over steps 3 to 4, against 100.00% over steps 1 to 2" in str(stopped.value)
    assert f"{out}/checkpoint-4; the same command goes on from there" in str(stopped.value)
    assert (out / "checkpoint-4" / "model.safetensors").is_file()
    assert "An alarm stopped it after step 4" in (out / "dashboard.html").read_text()

    with pytest.raises(AlarmError, match="ALARM after step 5"):  # it still knows how it began
        main(on, sampler=Forgetting(model, on))
    off = wanted(model, out).model_copy(update={"steps": STEPS + 1})
    assert main(off, sampler=Forgetting(model, off)) == out / "checkpoint-6"
    assert [row["step"] for row in read_log(out / LOG)] == [1, 2, 3, 4, 5, 6]
    assert [alarm.step for alarm in read_alarms(out)] == [4, 5]
    assert "Stopped after step 5; it went on later" in (out / "dashboard.html").read_text()


class State:
    """What TRL tells of a training."""

    global_step, max_steps, is_world_process_zero = 7, 9, True


class Control:
    """What TRL is told."""

    should_training_stop = False
    should_save = True


def test_weights_that_are_no_numbers_are_not_saved(tmp_path: Path) -> None:
    log = StepLog(tmp_path, StepClock(), lambda name, value: None, lambda line: None)
    control = Control()
    log.on_train_begin(None, State(), control)
    log.on_log(None, State(), control, logs={"loss": float("nan"), "grad_norm": 1.0})
    assert (control.should_training_stop, control.should_save) == (True, False)
    assert log.alarm is not None
    assert "the loss of step 7 is not a finite number" in log.alarm.seen
    assert json.loads((tmp_path / LOG).read_text())["loss"] is None


def test_all_processes_are_told_what_the_first_one_found(tmp_path: Path) -> None:
    """One that is not the first writes nothing, and stops with the others."""
    found = find_alarm([{"step": 7, "loss": None}], Alarms())
    log = StepLog(tmp_path, StepClock(), lambda name, value: None, lambda line: None, share=lambda mine: found)
    other, control = State(), Control()
    other.is_world_process_zero = False
    log.on_train_begin(None, other, control)
    log.on_log(None, other, control, logs={"loss": 1.0})
    assert control.should_training_stop
    assert list(tmp_path.iterdir()) == []


def test_steps_after_the_checkpoint_are_not_what_alarms_look_back_at(tmp_path: Path) -> None:
    """Stopped at step 9 with a checkpoint of step 7: steps 8 and 9 are played again."""
    rows = [{"step": step, "loss": 0.0, "groups/teaching": 0.0} for step in range(1, 10)]
    (tmp_path / LOG).write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 10, "lo')
    log = StepLog(tmp_path, StepClock(), lambda n, v: None, lambda line: None, Alarms(same_rewards=9))
    log.on_train_begin(None, State(), Control())
    state, control = State(), Control()
    state.global_step = 8
    log.on_log(None, state, control, logs={"loss": 0.0, "groups/teaching": 0.0})
    assert log.alarm is None  # eight in a row
    assert len(read_log(tmp_path / LOG)) == 8
    state.global_step = 9
    log.on_log(None, state, control, logs={"loss": 0.0, "groups/teaching": 0.0})
    assert log.alarm is not None


def test_the_command_ends_with_a_status_of_its_own_and_says_why(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A random model writes nothing that can be read."""
    (tmp_path / "t.toml").write_text(
        f'model = "{model}"\nout = "{tmp_path / "run"}"\npreset = "videokr"\ndata = "{DATA}"\nsteps = 2\n'
        "generations = 2\nrows_at_once = 2\n[play]\nencoder = 'hashing'\nmax_reply_tokens = 16\nmax_turns = 2\n"
        "max_frame_pixels = 5184\n[update]\nmask_cut = false\n[alarms]\nunreadable = 1\nsteps = 1\n"
    )
    assert run_command_line([str(tmp_path / "t.toml")]) == 3
    said = capsys.readouterr().err
    assert "ALARM after step 1: turns can't be read" in said
    assert "write `unreadable = 0` under [alarms]" in said


def test_a_loss_that_is_no_number_stops_a_training_and_no_checkpoint_has_its_weights(
    model: Path, tmp_path: Path
) -> None:
    from rl.grpo.trainer import GraphTrainer

    class Broken(GraphTrainer):
        """Its second step divides by nothing."""

        def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
            loss: torch.Tensor = super()._compute_loss(model, inputs)
            return loss * (float("nan") if self.state.global_step == 1 else 1.0)

    told = training(model, tmp_path / "run", steps=3, generations=2, rows_at_once=2, save_every=1, play=TWO_TOOLS)
    told.out.mkdir()
    trainer = Broken(told, rollouts_of(told, SCRIPTS[1:3]), load_preset(told.preset), lambda _: None)
    trainer.train()
    assert trainer.steps.alarm is not None
    assert (trainer.steps.alarm.name, trainer.steps.alarm.step) == ("not_finite", 2)
    assert [path.name for path in told.out.glob("checkpoint-*")] == ["checkpoint-1"]
    assert [row["loss"] is None for row in read_log(told.out / LOG)] == [False, True]
