"""A batch without pictures gives the eyes a gradient of exactly zero and leaves everything else as it was."""

from pathlib import Path
from typing import Any

import pytest
import torch

from agent.policies.local.loading import load_model
from rl.grpo.blank_image import BlankPicture
from tests.tiny_models import Family, build


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    family: Family = request.param
    return build(family, tmp_path_factory.mktemp(family))


def losses_and_gradients(folder: Path, *, blank: bool, seen: bool) -> tuple[float, dict[str, Any]]:
    from PIL import Image

    loaded = load_model(str(folder), 96 * 54)
    model = loaded.model.train()
    if blank:
        BlankPicture(model)
    ids = [5, 6, 7, 8, 9, 10]
    inputs: dict[str, torch.Tensor] = {}
    if seen:
        assert loaded.eyes is not None
        picture = loaded.eyes.look(Image.new("RGB", (96, 54), "red"))
        ids, inputs = [5, *picture.span, 6, 7], dict(picture.inputs)
    row = torch.tensor([ids])
    kinds = row.eq(loaded.image_token_id or -1).int()
    logits = model(input_ids=row, mm_token_type_ids=kinds, use_cache=False, **inputs).logits
    loss = logits.log_softmax(-1)[0, :, 3].sum()
    loss.backward()
    return loss.item(), {name: value.grad for name, value in model.named_parameters()}


def test_without_pictures_every_weight_of_the_eyes_takes_part_with_a_gradient_of_zero(folder: Path) -> None:
    loss, gradients = losses_and_gradients(folder, blank=True, seen=False)
    plain_loss, plain = losses_and_gradients(folder, blank=False, seen=False)
    assert loss == plain_loss
    eyes = {name for name in gradients if "visual" in name}
    assert eyes
    assert all(plain[name] is None for name in eyes)
    assert all(gradients[name] is not None and not gradients[name].any() for name in eyes)
    assert all(torch.equal(gradients[name], plain[name]) for name in gradients.keys() - eyes)


def test_with_pictures_nothing_is_added(folder: Path) -> None:
    loss, gradients = losses_and_gradients(folder, blank=True, seen=True)
    plain_loss, plain = losses_and_gradients(folder, blank=False, seen=True)
    assert loss == plain_loss
    assert all(
        (value is None and plain[name] is None) or torch.equal(value, plain[name]) for name, value in gradients.items()
    )
    assert any(value is not None and value.any() for name, value in gradients.items() if "visual" in name)
