"""Eyes learn, words stay as they were, and a training that was stopped goes on as if it had not been."""

from pathlib import Path
from typing import Any

import pytest
import torch

from agent.policies.local.loading import load_model
from rl.objective.vision_logprobs import is_of_eyes
from rl.small_vlm.build import Shape, build
from rl.small_vlm.naming import Named, count_shares, load_policy, make_scenes, name_scenes
from rl.small_vlm.pretrain import STATE, Lessons, PretrainStep, main, train
from rl.small_vlm.pretrain_config import PretrainConfig
from rl.small_vlm.scenes import SceneCaption, ShapeScene
from tests.tiny_llama import tiny_llama
from tools import packaged_weights
from tools.observation import FrameRef

PIXELS = 112 * 63
needs_peft = pytest.mark.skipif(not packaged_weights.is_installed("peft"), reason="needs videosleuth[rl]")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vlm")
    return build(folder / "built", Shape(eye_width=32, eye_depth=2, eye_heads=2), tiny_llama(folder / "llama"))


def config(model: Path, out: Path, **other: Any) -> PretrainConfig:
    settings: dict[str, Any] = {
        "steps": 6,
        "pictures_a_step": 4,
        "pictures_at_once": 4,
        "max_frame_pixels": PIXELS,
        "crop_pixels": PIXELS,
        "learning_rate": 0.01,
        "precision": "float32",
        "save_every": 4,
    }
    return PretrainConfig(model=str(model), out=out, **(settings | other))


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(str(folder), PIXELS).model.state_dict())


def test_the_loss_falls_by_the_eyes_alone(model: Path, tmp_path: Path) -> None:
    steps = main(config(model, tmp_path, steps=30))
    assert fallen_to(steps) < 0.95
    before, after = weights(model), weights(tmp_path)
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert len(moved) > 20
    assert all(map(is_of_eyes, moved))


@needs_peft
@pytest.mark.filterwarnings("ignore::UserWarning")  # peft's own
def test_the_loss_falls_further_with_an_adapter_of_the_words(model: Path, tmp_path: Path) -> None:
    assert fallen_to(main(config(model, tmp_path, steps=30, text_lora_rank=8))) < 0.75


def fallen_to(steps: list[PretrainStep]) -> float:
    """The last losses as a share of the first."""
    first, last = (sum(step.loss for step in some) for some in (steps[:5], steps[-5:]))
    return last / first


def test_a_training_that_was_stopped_ends_where_it_would_have(model: Path, tmp_path: Path) -> None:
    whole, halves = config(model, tmp_path / "whole"), config(model, tmp_path / "halves")
    main(whole)
    halves.out.mkdir()
    # stopped behind the state of step 4: what was done of step 5 is lost
    stopped = iter_steps(halves)
    for _ in range(5):
        next(stopped)
    assert (halves.out / STATE).exists()
    assert [step.step for step in main(halves)] == [5, 6]
    assert not (halves.out / STATE).exists()
    one, other = weights(whole.out), weights(halves.out)
    for name, value in one.items():
        assert torch.equal(value, other[name]), name


def iter_steps(config: PretrainConfig) -> Any:
    """The steps as `main` does them, to be broken off."""
    from rl.objective.vision_logprobs import make_picture_loss
    from rl.small_vlm.pretrain import _prepare_model

    torch.manual_seed(config.seed)
    loaded = load_model(config.model, config.max_frame_pixels)
    loss = make_picture_loss(loaded)
    assert loss is not None
    return train(_prepare_model(loaded, config), Lessons(loaded, loss, config), config)


@needs_peft
@pytest.mark.filterwarnings("ignore::UserWarning")  # peft's own
def test_an_adapter_of_the_words_is_merged_at_the_end(model: Path, tmp_path: Path) -> None:
    main(config(model, tmp_path, steps=2, text_lora_rank=2))
    before, after = weights(model), weights(tmp_path)
    assert set(before) == set(after)
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert any(not is_of_eyes(name) and "q_proj.weight" in name for name in moved)
    assert not [name for name in moved if "embed_tokens" in name]


def test_another_training_does_not_go_on_in_the_same_folder(model: Path, tmp_path: Path) -> None:
    main(config(model, tmp_path, steps=1))
    with pytest.raises(ValueError, match="holds another training"):
        main(config(model, tmp_path, steps=1, learning_rate=0.5))


def test_the_loss_counts_the_line_and_its_end_alone(model: Path, tmp_path: Path) -> None:
    loaded = load_model(str(model), PIXELS)
    from rl.objective.vision_logprobs import make_picture_loss

    loss = make_picture_loss(loaded)
    assert loss is not None
    lessons = Lessons(loaded, loss, config(model, tmp_path))
    [scene] = make_scenes("train", 1, PIXELS, PIXELS)
    row = lessons.row(scene)
    said = loaded.scribe.words([token for token, own in zip(row.ids, row.is_policy, strict=True) if own])
    assert said == scene.told.line + "<|im_end|>"


def test_what_was_trained_is_asked_what_it_sees(model: Path) -> None:
    found = name_scenes(load_policy(str(model), PIXELS), make_scenes("heldout", 3, PIXELS, PIXELS), at_once=2)
    assert len(found) == 3
    assert all(isinstance(one.said, str) for one in found)


def test_names_are_counted_field_by_field() -> None:
    def one(told: SceneCaption, said: str) -> Named:
        kind = "whole" if told.quarter else "crop" if told.tag else "empty"
        return Named(ShapeScene(kind, b"", FrameRef(0.0, 1, 1), told), said)

    star, tagged = SceneCaption("red", "star", quarter="top left"), SceneCaption("blue", "word GARDEN", tag="47")
    found = [
        one(star, "red star, top left"),
        one(star, "red key, top right"),
        one(tagged, "blue word GARDEN, tag 477"),
        one(SceneCaption(), "nothing"),
        one(SceneCaption(), "red star, top left"),
    ]
    assert count_shares(found) == {"colour": (3, 3), "thing": (2, 3), "quarter": (1, 2), "tag": (0, 1), "empty": (1, 2)}
