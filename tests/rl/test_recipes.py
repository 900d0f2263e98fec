"""The recipes of papers as files: read as they are, and trained on a tiny model and a drawn video."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from rl.grpo.config import read_training
from rl.rewards.preset import load_preset
from rl.train import main
from tests.rl.dictated import DictatedSampler
from tests.rl.marks import trl_warns
from tests.rl.small_training import built, say

pytestmark = trl_warns
CONFIGS = Path(__file__).parents[2] / "rl" / "configs"
RECIPES = {"tinyllava-video-r1/grpo.toml": 16, "videokr/grpo.toml": 128}
"""Frames that each recipe shows."""


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_opens_with_its_command_and_has_the_published_values(name: str) -> None:
    path = CONFIGS / name
    launch = "accelerate launch --config_file rl/configs/accelerate/fsdp2.yaml"
    assert path.read_text().startswith(f"# {launch} -m rl.train rl/configs/{name}\n")
    wanted = read_training(path)
    preset = load_preset(wanted.preset)
    wanted.check(preset)
    published = preset.recipe.published
    assert wanted.play.uniform_frames == published.frames == RECIPES[name]
    assert (wanted.generations, wanted.update.learning_rate) == (published.generations, published.learning_rate)
    assert wanted.update.kl == published.kl


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.slow
def test_a_recipe_trains_a_tiny_model_on_a_drawn_video(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl", reason="needs the rl extra")
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    model = built("qwen3_vl", tmp_path / "model", tmp_path / "cache")
    recipe = read_training(CONFIGS / name)
    play = {"uniform_frames": 4, "max_frame_pixels": 96 * 54, "max_reply_tokens": 64, "encoder": "hashing"}
    small: dict[str, Any] = {
        "model": str(model),
        "out": tmp_path / "out",
        "data": "drawn,level=1,count=1",
        "steps": 1,
        "questions": 1,
        "generations": 2,
        "play": recipe.play.model_copy(update=play),
    }
    wanted = recipe.model_copy(update=small)
    sampler = DictatedSampler(model, wanted.play.options(0), ((say("A"),), ("no form",)))
    main(wanted, lambda _: None, sampler)
    [row] = [json.loads(line) for line in (wanted.out / "log.jsonl").read_text().splitlines()]
    assert row["runs/pictures"] == 4
    assert row["groups/teaching"] == 1.0
    assert math.isfinite(row["grad_norm"])
    assert row["grad_norm"] > 0
