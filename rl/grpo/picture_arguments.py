"""What can be said with `rl.grpo.picture_benchmark`, read before torch is imported."""

from argparse import RawDescriptionHelpFormatter
from pathlib import Path

from agent.ending import Parser


def make_picture_parser(about: str | None) -> Parser:
    """The argument parser of `rl.grpo.picture_benchmark`, with the module's docstring as description."""
    made = Parser("python -m rl.grpo.picture_benchmark", description=about, formatter_class=RawDescriptionHelpFormatter)
    made.add_argument("--model", required=True, help="folder or hub id of a model of the Qwen-VL shape")
    made.add_argument("--against", type=Path, help="another checkout, whose code is measured in turn with this one")
    made.add_argument("--at-once", default="16,128", help="rollouts at once, with commas between")
    made.add_argument("--sizes", default="640x360,720p", help="sizes of the videos, with commas between")
    made.add_argument("--folder", type=Path, help="keeps the videos for another time")
    made.add_argument("--quick", action="store_true", help="a small step: shows that it runs, measures nothing")
    return made
