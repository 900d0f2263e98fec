"""Argument parsers of commands whose modules import torch, kept apart so that --help need not wait for it."""

from agent.ending import Parser
from rl import toml_command


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
