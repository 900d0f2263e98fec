"""Limits that would leave out the rollouts that look most, by the tokens of a picture."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from agent.policies.local.image_processing import ImageSpan, ProcessedImage
from rl.grpo.config import Training
from rl.grpo.limits import check_room, check_targets, count_frame_tokens
from tests.tiny_models import build


@dataclass
class Blocks:
    """An image processor with a token for each block of 32x32 pixels, as Qwen3-VL's."""

    sizes: list[tuple[int, int]] = field(default_factory=list)

    def measure(self, width: int, height: int) -> ImageSpan:
        self.sizes.append((width, height))
        return ImageSpan((7,) * (round(width / 32) * round(height / 32)))

    def look(self, picture: object) -> ProcessedImage:
        raise AssertionError("a size is enough")

    def gather(self, rows: object) -> dict[str, torch.Tensor]:
        raise AssertionError("nothing is shown")


def wanted(**told: object) -> Training:
    return Training.model_validate({"model": "m", "out": "o"} | told)


def test_a_picture_of_the_largest_size_is_counted() -> None:
    eyes = Blocks()
    assert count_frame_tokens(eyes, 640 * 360) == 220  # 20 x 11 blocks
    assert eyes.sizes == [(640, 360)]


def test_frames_and_replies_that_do_not_fit_what_is_trained_on_are_refused() -> None:
    # 128 x 220 + 8 x 512 = 32,256
    with pytest.raises(
        ValueError, match=r"128 frames of 220 tokens and 8 replies of 512, 32256 tokens.*max_tokens allows 16384"
    ):
        check_room(wanted(update={"max_tokens": 16384}), Blocks(), 262_144)
    check_room(wanted(update={"max_tokens": 32256}), Blocks(), 262_144)
    check_room(wanted(), Blocks(), 262_144)
    check_room(wanted(update={"max_tokens": 16384}), None, 262_144)


def test_more_than_the_model_can_read_is_refused_too() -> None:
    with pytest.raises(ValueError, match="the model can read 32255"):
        check_room(wanted(), Blocks(), 32_255)


@pytest.mark.parametrize("engine", [{"name": "vllm"}, {"name": "vllm-server", "url": "http://127.0.0.1:1"}])
def test_an_adapter_of_all_layers_of_a_model_that_sees_is_refused_before_it_is_loaded(
    engine: dict[str, str], tmp_path: Path
) -> None:
    model = str(build("qwen3_vl", tmp_path / "model", ["a"]))
    with pytest.raises(ValueError, match="which vLLM leaves out: name those of the words"):
        check_targets(wanted(model=model, lora={}, engine=engine))
    check_targets(wanted(model=model, lora={"targets": ["q_proj"]}, engine=engine))
    check_targets(wanted(model=model, engine=engine))
    check_targets(wanted(model=model, lora={}))
