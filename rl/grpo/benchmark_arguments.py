"""What can be said with the benchmarks of this folder, read before torch is imported."""

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


def make_early_parser(about: str | None) -> Parser:
    """The argument parser of `rl.grpo.early_rollouts_benchmark`, with the first line of the module's docstring."""
    made = Parser("python -m rl.grpo.early_rollouts_benchmark", description=(about or "").partition("\n")[0])
    made.add_argument("--steps", type=int, default=20, help="steps of each way")
    made.add_argument("--second", type=float, default=0.1, help="seconds of one unit of the latencies")
    made.add_argument("--spread", type=float, default=0.0, help="deviation of the logarithm of the rollouts' time")
    made.add_argument("--train", type=float, default=1.0, help="units of an update")
    made.add_argument("--sample", default="0.25,0.5,0.9,1,1.1,2,4", help="units of a batch of rollouts, by commas")
    return made
