"""A training from its file to its checkpoint, stopped and resumed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from agent.policies.transformers import TransformersPolicy
from agent.policy import PolicyOptions
from rl.grpo.config import Training, read_training
from rl.rewards.groups import check_needs, check_preset
from rl.rewards.preset import list_presets, load_preset
from rl.train import main, run_command_line
from tests.rl.cases import OPEN, run
from tests.rl.dictated import DictatedSampler
from tests.rl.marks import trl_warns
from tests.rl.small_training import SCRIPTS, TWO_TOOLS, built, rollouts_of, training
from tools.observation import MissingPartError

needs_trl = pytest.mark.usefixtures("trl")
pytestmark = trl_warns
SHORT = {"generations": 2, "rows_at_once": 2, "play": TWO_TOOLS}


@pytest.fixture(scope="session")
def trl() -> Any:
    return pytest.importorskip("trl", reason="needs the rl extra")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("train")
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield built("qwen3_vl", folder / "model", folder / "cache")


def trained(wanted: Training, said: list[str] | None = None) -> Path:
    sampler = DictatedSampler(Path(wanted.model), wanted.play.options(wanted.seed), SCRIPTS[1:3])
    return main(wanted, (said if said is not None else []).append, sampler)


@needs_trl
def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(model: Path, tmp_path: Path) -> None:
    straight = trained(training(model, tmp_path / "straight", steps=3, **SHORT))
    trained(training(model, tmp_path / "stopped", steps=2, **SHORT))
    said: list[str] = []
    resumed = trained(training(model, tmp_path / "stopped", steps=3, **SHORT), said)
    assert [line.partition("  ")[0] for line in said if "/" in line.partition("  ")[0]] == ["step 3/3"]
    assert told(tmp_path / "stopped") == told(tmp_path / "straight")
    first, second = (TransformersPolicy(str(folder)).loaded.model.state_dict() for folder in (straight, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)


@needs_trl
def test_a_line_a_step_says_where_the_time_went(model: Path, tmp_path: Path) -> None:
    said: list[str] = []
    trained(training(model, tmp_path / "run", steps=1, **SHORT), said)
    [line] = [line for line in said if line.startswith("step 1/1")]  # on a busy machine others come before
    assert line.startswith("step 1/1  score ")
    for part in ("generate", "tools", "log-probabilities", "update"):
        assert f"{part} " in line


@needs_trl
def test_an_adapter_is_trained_alone_and_can_be_asked(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="needs the rl extra")
    last = trained(training(model, tmp_path / "run", steps=1, lora={"rank": 4}, **SHORT))
    assert (last / "adapter_config.json").is_file()
    assert not (last / "model.safetensors").exists()
    plain = TransformersPolicy(str(model)).loaded.model.state_dict()
    adapted = TransformersPolicy(str(model), PolicyOptions(adapter=str(last))).loaded.model.state_dict()
    assert adapted.keys() == plain.keys()  # what was learned is summed into the weights
    changed = [name for name, value in plain.items() if not torch.equal(adapted[name], value)]
    assert changed
    assert not any("norm" in name or "embed" in name for name in changed)


@needs_trl
def test_a_divergence_from_the_first_model_is_held_down_and_told(model: Path, tmp_path: Path) -> None:
    update = {"learning_rate": 1e-3, "mask_cut": False, "kl": 0.04}
    trained(training(model, tmp_path / "run", steps=2, update=update, **SHORT))
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert log[0]["kl"] == pytest.approx(0.0, abs=1e-6)
    assert log[1]["kl"] > 0


@needs_trl
def test_a_folder_that_holds_another_training_is_left_alone(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    trained(training(model, out, steps=1, **SHORT))
    with pytest.raises(ValueError, match="holds another training"):
        trained(training(model, out, steps=1, seed=1, **SHORT))


def test_the_file_that_comes_with_it_can_be_read() -> None:
    path = Path(__file__).parents[2] / "rl" / "configs" / "smoke.toml"
    assert path.read_text().startswith("# python -m rl.train rl/configs/smoke.toml\n")
    wanted = read_training(path)
    assert wanted.model == "smollm2"
    reward = load_preset(path.parents[2] / wanted.preset)
    check_needs(reward, ())
    # three replies of 20 and of 8 tokens, of 128: whatever a model says that knows nothing, its runs differ
    long, short = (run(*["x" * 4 * tokens] * 3) for tokens in (20, 8))
    assert reward.group(OPEN, (long, short)).totals_G == pytest.approx((-60 / 128, -24 / 128))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('model = "m"\nout = "o"\nstep = 3', "step: no such key; did you mean steps"),
        ('model = "m"\nout = "o"\ngenerations = 1', "generations: Input should be greater than or equal to 2"),
        ('model = "m"\nout = "o"\nrows_at_once = 3', "rows_at_once must divide them"),
        ('model = "m"\nout = "o"\n[update]\nalgorithm = "ppo"', "update.algorithm"),
        ('model = "m"\nout = "o"\n[play]\ntemperature = 0', "play.temperature"),
        ('model = "m"\nout = "o"\nlearning_rate = 1e-5', "learning_rate: no such key here; it belongs under .update."),
        ('model = "m"\nout = "o"\n[update]\nlearnin_rate = 1e-5', "update.learnin_rate: .* mean learning_rate"),
        ('model = "m"\nout = "o"\n[lora]\nranks = 1', "lora.ranks: .* mean rank"),
        ("model = ", "not TOML"),
    ],
)
def test_a_file_that_can_not_be_used_says_why(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text(text)
    with pytest.raises(ValueError, match=why):
        read_training(tmp_path / "t.toml")


@pytest.mark.parametrize(
    ("preset", "update", "why"),
    [
        ("videokr", {"turns": "steps"}, "tells nothing turn by turn"),
        ("deepvideo-r1", {"algorithm": "dapo"}, "predicts advantages where dapo clips"),
        ("deepvideo-r1", {"turns": "taura"}, "one advantage for each run"),
    ],
)
def test_what_does_not_go_together_is_refused_and_not_bent(
    preset: str, update: dict[str, Any], why: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=why):
        Training(model="m", out=tmp_path, update=update).check(load_preset(preset))


@pytest.mark.parametrize("name", list_presets())
def test_every_preset_can_be_trained(name: str, tmp_path: Path) -> None:
    preset = load_preset(name)
    Training(model="m", out=tmp_path).check(preset)
    check_preset(preset)


def test_shuffled_frames_are_not_compared_by_who_sees_none() -> None:
    with pytest.raises(ValueError, match="this policy is shown no frames"):
        check_preset(load_preset("video-r1"), sees_pictures=False)


@needs_trl
def test_the_command_line_says_what_is_wrong_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line([str(tmp_path / "none.toml")]) == 2
    (tmp_path / "t.toml").write_text(f'model = "/no/such/model"\nout = "{tmp_path / "run"}"')
    assert run_command_line([str(tmp_path / "t.toml")]) == 69
    assert "no folder /no/such/model" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("preset", "why"),
    [
        ("ver", "'seen' is rated by a judge"),
        ("video-r2", "'agrees' is rated by a judge"),
        ("timesearch-r", "write verify = true under"),
    ],
)
@needs_trl
@pytest.mark.slow
def test_a_reward_that_can_not_be_measured_is_refused_before_the_model_is_loaded(
    preset: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=why):
        main(Training(model="/no/such/model", out=tmp_path / "run", preset=preset, data="drawn,level=1,count=1"))


@needs_trl
def test_videos_that_are_missing_are_told_before_the_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"video": "gone.mp4", "question": "What?", "answer": "it", "options": null}\n')
    with pytest.raises(ValueError, match=r"1 of 1 questions can't be asked, the first: .*gone\.mp4"):
        main(Training(model="/no/such/model", out=tmp_path / "run", data=str(tmp_path / "q.jsonl")))


def test_a_curriculum_is_spread_over_what_is_asked_and_not_over_passes(tmp_path: Path) -> None:
    wanted = Training.model_validate(
        {"model": "m", "out": tmp_path, "steps": 40, "questions": 2, "update": {"passes": 3}, "save_every": 3}
    )
    assert wanted.asked_questions == 28  # 14 times two


@needs_trl
@pytest.mark.slow
def test_all_weights_are_trained_in_float32_however_they_were_loaded(model: Path, tmp_path: Path) -> None:
    from rl.grpo.trainer import GraphTrainer

    for lora, expected in ((None, torch.float32), ({"rank": 2, "targets": ["q_proj"]}, torch.bfloat16)):
        wanted = training(model, tmp_path / "run", lora=lora, **SHORT)
        rollouts = rollouts_of(wanted)
        rollouts.sampler.loaded.model.bfloat16()
        trainer: Any = GraphTrainer(wanted, rollouts, load_preset(wanted.preset), lambda _: None)
        named = dict(trainer.model.named_parameters())
        assert {value.dtype for value in named.values() if value.requires_grad} == {torch.float32}
        assert {value.dtype for name, value in named.items() if "norm" in name} == {expected}


@needs_trl
@pytest.mark.slow
def test_modules_are_frozen_by_name_and_an_unknown_name_is_told(model: Path, tmp_path: Path) -> None:
    from rl.grpo.trainer import GraphTrainer

    def trained_weights(*frozen: str) -> dict[str, bool]:
        wanted = training(model, tmp_path / "run", update={"frozen": frozen}, **SHORT)
        trainer: Any = GraphTrainer(wanted, rollouts_of(wanted), load_preset(wanted.preset), lambda _: None)
        return {name: value.requires_grad for name, value in trainer.model.named_parameters()}

    found = trained_weights("visual")
    assert {is_trained for name, is_trained in found.items() if "visual" in name} == {False}
    assert {is_trained for name, is_trained in found.items() if "visual" not in name} == {True}
    with pytest.raises(ValueError, match=r"no module is named 'eyes'; there are .*visual"):
        trained_weights("eyes")
    with pytest.raises(ValueError, match="nothing is left to be trained"):
        trained_weights("model")


@needs_trl
@pytest.mark.slow
def test_runs_that_a_bfloat16_copy_plays_are_corrected_by_the_probabilities_it_drew_with(
    model: Path, tmp_path: Path
) -> None:
    wanted = training(model, tmp_path / "run", steps=1, **SHORT)
    sampler = DictatedSampler(model, wanted.play.options(0), SCRIPTS[1:3], is_half=True)
    main(wanted, lambda _: None, sampler)
    [row] = told(tmp_path / "run")
    # what is dictated is drawn with probability 1, and the model would have drawn it with less: its ratio is below 1
    assert row["sampling/sampling_logp_difference/mean"] > 1
    assert row["sampling/importance_sampling_ratio/mean"] < 0.5


@pytest.mark.slow
def test_a_file_is_checked_before_torch_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "t.toml").write_text('model = "m"\nout = "o"\nstepz = 3')
    told = "\n".join(
        (
            "import sys, pathlib",
            "from rl import command_lines as c",
            "for check in (c.check_training, c.check_sft, c.check_dpo):",
            "    try:",
            "        check(pathlib.Path(sys.argv[1]))",
            "    except ValueError as error:",
            "        print(error)",
            "print('torch' in sys.modules)",
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", told, str(tmp_path / "t.toml")], capture_output=True, text=True, check=True
    )
    first, *_, last = done.stdout.splitlines()
    assert first.endswith(
        "t.toml: stepz: no such key; did you mean steps?; known are " + ", ".join(Training.model_fields)
    )
    assert last == "False"


def test_without_its_packages_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)  # Python's own way to say that it is not there
    wanted = Training(model="smollm2", out=tmp_path / "run")
    with pytest.raises(MissingPartError, match="training needs trl: run `pip install"):
        main(wanted)
    assert not wanted.out.exists()


def told(out: Path) -> list[dict[str, Any]]:
    """The log but for times."""
    rows = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if "seconds" not in key and "time" not in key} for row in rows]
