"""What commands take whose modules import torch: declared apart from them, so that help need not wait for it."""

from pathlib import Path
from typing import get_args

from agent.ending import Parser
from evals.composed.recipe import Split
from rl import sheet_command
from rl.small_vlm.pretrain_config import PretrainSettings


def cost(about: str | None) -> Parser:
    """Of `rl.cost`."""
    made = sheet_command.parser("rl.cost", about)
    made.add_argument("--again", action="store_true", help="the tower encodes a picture each time it is shown")
    return made


def speed_workers(about: str | None) -> Parser:
    """Of `rl.speed_workers`."""
    made = Parser("python -m rl.speed_workers", description=(about or "").partition(":")[0])
    made.add_argument("--rows", type=int, default=6, metavar="N", help="prompts of a batch")
    made.add_argument("--repeats", type=int, default=3, metavar="N", help="batches of each kind")
    made.add_argument("--model", default="smollm2", help="a folder or a hub id")
    return made


def build(about: str | None) -> Parser:
    """Of `rl.small_vlm.build`."""
    made = Parser("python -m rl.small_vlm.build", description=(about or "").partition("\n")[0])
    made.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the model is written")
    made.add_argument("--text-layers", type=int, metavar="N", help="keep only so many: to try things out")
    return made


def naming(about: str | None) -> Parser:
    """Of `rl.small_vlm.naming`."""
    made = Parser("python -m rl.small_vlm.naming", description=(about or "").partition("\n")[0])
    settings = PretrainSettings()
    made.add_argument("model", metavar="MODEL", help="a folder")
    made.add_argument("--adapter", default="", metavar="FOLDER", help="a LoRA adapter of it")
    made.add_argument("--split", choices=get_args(Split), default="train", help="names that were trained or held out")
    made.add_argument("--scenes", type=int, default=200, metavar="N", help="how many")
    made.add_argument("--max-frame-pixels", type=int, default=settings.max_frame_pixels, metavar="N", help="of a scene")
    made.add_argument("--crop-pixels", type=int, default=settings.crop_pixels, metavar="N", help="of a part of one")
    return made
