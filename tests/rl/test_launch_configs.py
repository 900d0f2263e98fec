"""The files for several GPUs are read by accelerate itself, and say what is meant. No GPU is asked."""

from pathlib import Path
from typing import Any

import pytest

from rl.grpo.config import read_training

launch = pytest.importorskip("accelerate.commands.launch")

FOLDER = Path(__file__).parents[2] / "rl" / "configs" / "accelerate"
NAMES = ("ddp", "fsdp2", "zero3")


def told(name: str) -> Any:
    from accelerate.commands.config.config_args import load_config_from_file

    return load_config_from_file(str(FOLDER / f"{name}.yaml"))


def test_there_are_no_others() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_opens_with_its_command_and_has_only_what_accelerate_knows(name: str) -> None:
    path = FOLDER / f"{name}.yaml"
    command = f"# accelerate launch --config_file rl/configs/accelerate/{name}.yaml -m rl.train CONFIG.toml\n"
    assert command in path.read_text(encoding="utf-8")[:250]
    config = told(name)
    known = {action.dest for action in launch.launch_command_parser()._actions}
    for section in (config.fsdp_config, config.deepspeed_config):
        assert set(section) <= known
    assert config.mixed_precision == "bf16"
    assert config.num_processes == 8


def test_the_split_of_weights_is_the_one_that_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    from accelerate.utils import FullyShardedDataParallelPlugin

    assert told("ddp").distributed_type == "MULTI_GPU"
    assert told("zero3").deepspeed_config["zero_stage"] == 3
    for name, value in told("fsdp2").fsdp_config.items():
        monkeypatch.setenv(name.upper(), str(value).lower() if isinstance(value, bool) else str(value))
    plugin = FullyShardedDataParallelPlugin()  # as a process reads what the launch has told it
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert str(plugin.state_dict_type).endswith("FULL_STATE_DICT")


@pytest.mark.parametrize(("name", "engine"), [("vllm-colocated", "vllm"), ("vllm-server", "vllm-server")])
def test_a_training_with_vllm_can_be_read(name: str, engine: str) -> None:
    training = read_training(FOLDER.parent / f"{name}.toml")
    assert training.engine.name == engine
    assert training.lora is not None
    assert training.questions * training.generations % (8 * training.rows_at_once) == 0  # ddp.yaml has 8 processes


def test_a_half_copy_does_not_play_beside_vllm(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('model = "m"\nout = "o"\n[play]\nis_half = true\n[engine]\nname = "vllm"\n')
    with pytest.raises(ValueError, match="is_half is of the model in training, and vllm plays"):
        read_training(file)


@pytest.mark.parametrize("engine", ['name = "vllm-server"', 'url = "http://127.0.0.1:8000"'])
def test_a_server_has_an_address_and_nothing_else_has(engine: str, tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text(f'model = "m"\nout = "o"\n[engine]\n{engine}\n')
    with pytest.raises(ValueError, match="a vllm-server has a url, and no other engine has one"):
        read_training(file)
