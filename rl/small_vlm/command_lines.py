"""Argument parsers of the small vision-language model's commands, apart from modules that import torch."""

from pathlib import Path
from typing import Literal, get_args

from pydantic import ConfigDict

from agent.ending import Parser
from evals.composed.recipe import Split
from rl.options.toml_config import TomlConfig, read_toml
from rl.small_vlm.pretrain_config import PretrainConfig, PretrainSettings


class _AnyToml(TomlConfig):
    model_config = ConfigDict(extra="allow")


def check_plan(path: Path) -> None:
    """Refuses a plan that is no TOML; its schema, which needs the model's classes, is checked once torch is there."""
    read_toml(path, _AnyToml)


def check_pretraining(path: Path) -> None:
    """Refuses a file that can't be used; errors as of `rl.options.toml_config.read_toml`."""
    read_toml(path, PretrainConfig)


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


Stage = Literal["videos", "built", "aligned", "lessons", "instructed", "expert", "sft", "rewarded", "grpo"]
"""Stages of run 3, in the order in which they are done."""


def make_look_parser(about: str | None) -> Parser:
    """The argument parser of `rl.small_vlm.look_run`, with the module's docstring as description."""
    made = Parser("python -m rl.small_vlm.look_run", description=(about or "").partition("\n")[0])
    made.add_argument("config", type=Path, metavar="CONFIG.toml", help="as one in rl/configs/run3")
    made.add_argument("--until", choices=get_args(Stage), default="grpo", help="the last stage that is done")
    made.add_argument("--report", action="store_true", help="evaluate what has been trained so far")
    made.add_argument("--pack", type=Path, metavar="FOLDER", help="write what has been trained so far as one model")
    made.add_argument("--limit", type=int, metavar="N", help="questions of each evaluation; all if left out")
    return made


def make_words_parser(about: str | None) -> Parser:
    """The argument parser of `rl.small_vlm.look_words`, with the module's docstring as description."""
    made = Parser("python -m rl.small_vlm.look_words", description=(about or "").partition("\n")[0])
    made.add_argument("model", metavar="MODEL", help="folder of a model with a connector")
    made.add_argument("--split", choices=get_args(Split), default="train", help="shapes that were trained or held out")
    made.add_argument("--scenes", type=int, default=200, metavar="N", help="how many")
    return made


def make_curves_parser(about: str | None) -> Parser:
    """The argument parser of `rl.small_vlm.look_curves`, with the module's docstring as description."""
    made = Parser("python -m rl.small_vlm.look_curves", description=(about or "").partition("\n")[0])
    made.add_argument("videos", type=Path, metavar="VIDEOS", help="folder of the videos that were trained on")
    made.add_argument("picture", type=Path, metavar="FILE.svg", help="what is written")
    made.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="`grpo` folder of each seed")
    return made


def make_demo_parser(about: str | None) -> Parser:
    """The argument parser of `rl.small_vlm.look_demo`, with the module's docstring as description."""
    made = Parser("python -m rl.small_vlm.look_demo", description=(about or "").partition("\n")[0])
    made.add_argument("--videos", type=int, default=10, metavar="N", help="how many are drawn")
    made.add_argument(
        "--out", type=Path, default=Path("build/look"), metavar="FOLDER", help="for videos, runs and page"
    )
    made.add_argument("--model", type=Path, metavar="FOLDER", help="what look_run --pack wrote")
    return made
