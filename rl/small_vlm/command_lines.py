"""Argument parsers of the small vision-language model's commands, apart from modules that import torch."""

from pathlib import Path
from typing import get_args

from agent.ending import Parser
from evals.composed.recipe import Split
from rl.small_vlm.pretrain_config import PretrainSettings


def make_build_parser(about: str | None) -> Parser:
    """The argument parser of `rl.small_vlm.build`, with the module's docstring as description."""
    made = Parser("python -m rl.small_vlm.build", description=(about or "").partition("\n")[0])
    made.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the model is written")
    made.add_argument("--text-layers", type=int, metavar="N", help="keep only so many: to try things out")
    return made


def make_naming_parser(about: str | None) -> Parser:
    """The argument parser of `rl.small_vlm.naming`, with the module's docstring as description."""
    made = Parser("python -m rl.small_vlm.naming", description=(about or "").partition("\n")[0])
    settings = PretrainSettings()
    made.add_argument("model", metavar="MODEL", help="a folder")
    made.add_argument("--adapter", default="", metavar="FOLDER", help="a LoRA adapter of it")
    made.add_argument("--split", choices=get_args(Split), default="train", help="names that were trained or held out")
    made.add_argument("--scenes", type=int, default=200, metavar="N", help="how many")
    made.add_argument("--max-frame-pixels", type=int, default=settings.max_frame_pixels, metavar="N", help="of a scene")
    made.add_argument("--crop-pixels", type=int, default=settings.crop_pixels, metavar="N", help="of a part of one")
    return made
