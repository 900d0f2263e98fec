"""What commands whose modules import torch check before: arguments and files, so that no error has to wait for it."""

from pathlib import Path

from agent.ending import Parser
from rl.options import toml_command


def make_cost_parser(about: str | None) -> Parser:
    """The argument parser of `rl.cost`, with the module's docstring as description."""
    made = toml_command.make_parser("rl.cost", about)
    made.add_argument("--again", action="store_true", help="the tower encodes a picture each time it is shown")
    return made


def make_openmp_parser(about: str | None) -> Parser:
    """The argument parser of `rl.openmp_benchmark`, with the module's docstring as description."""
    made = Parser("python -m rl.openmp_benchmark", description=(about or "").partition(":")[0])
    made.add_argument("--rows", type=int, default=6, metavar="N", help="prompts of a batch")
    made.add_argument("--repeats", type=int, default=3, metavar="N", help="batches of each kind")
    made.add_argument("--model", default="smollm2", help="a folder or a hub id")
    return made


def check_training(path: Path) -> None:
    """Refuses a training file of `rl.train` that can't be used.

    Raises:
        ValueError: the file, or the preset that it names, can't be used; says where.
        FileNotFoundError: there is no such file.
    """
    from rl.grpo.config import read_training
    from rl.rewards.preset import load_preset

    training = read_training(path)
    training.check(load_preset(training.preset))


def check_sft(path: Path) -> None:
    """Refuses a training file of `rl.sft` that can't be used; errors as of `rl.options.toml_config.read_toml`."""
    from rl.finetune.sft_config import SftConfig
    from rl.options.toml_config import read_toml

    read_toml(path, SftConfig)


def check_dpo(path: Path) -> None:
    """Refuses a training file of `rl.dpo` that can't be used; errors as of `rl.options.toml_config.read_toml`."""
    from rl.finetune.dpo_config import DpoConfig
    from rl.options.toml_config import read_toml

    read_toml(path, DpoConfig)
