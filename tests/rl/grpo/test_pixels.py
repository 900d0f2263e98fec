"""Pixels made from references are those that would have been handed on: the same loss and gradients, bit for bit."""

from collections.abc import Callable
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from agent.policies.local.image_processing import JpegImage, decode_picture, measure_jpeg
from agent.policies.local.loading import Loaded, load_model
from rl.grpo.blank_image import drop_empty_pictures
from rl.grpo.pixels import PixelsByReference
from tests.tiny_models import Family, build


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    family: Family = request.param
    return build(family, tmp_path_factory.mktemp(family))


def pictures(loaded: Loaded) -> list[JpegImage]:
    """Two of one size, one of another, and the first again."""
    assert loaded.eyes is not None
    made = []
    for number, size in enumerate([(96, 54), (96, 54), (160, 96)]):
        file = BytesIO()
        Image.fromarray(np.random.default_rng(number).integers(0, 255, (*size[::-1], 3), np.uint8)).save(file, "JPEG")
        made.append(measure_jpeg(loaded.eyes, file.getvalue()))
    return [*made, made[0]]


Inputs = Callable[[Loaded, list[JpegImage]], dict[str, torch.Tensor]]


def by_value(loaded: Loaded, shown: list[JpegImage]) -> dict[str, torch.Tensor]:
    assert loaded.eyes is not None
    return loaded.eyes.gather([[loaded.eyes.look(decode_picture(one.jpeg)) for one in shown]])


def by_reference(loaded: Loaded, shown: list[JpegImage]) -> dict[str, torch.Tensor]:
    assert loaded.eyes is not None
    pixels = PixelsByReference(loaded.eyes)
    pixels.attach(loaded.model)
    told = pixels.refer(shown)
    assert told["pixel_values"].numel() == int(told["image_grid_thw"].prod(-1).sum()), "a number a patch"
    return told


def loss_and_gradients(folder: Path, told: Inputs, *, rounded: bool) -> tuple[float, dict[str, Any]]:
    loaded = load_model(str(folder), 640 * 360)
    shown = pictures(loaded)
    inputs = told(loaded, shown)
    row = torch.tensor([[5, *(token for one in shown for token in (*one.span, 6)), 7]])
    kinds = row.eq(loaded.image_token_id or 0).int()
    with torch.autocast("cpu", torch.bfloat16) if rounded else nullcontext():
        logits = loaded.model(input_ids=row, mm_token_type_ids=kinds, use_cache=False, **inputs).logits
    loss = logits.float().log_softmax(-1)[0, :, 3].sum()
    loss.backward()
    return loss.item(), {name: value.grad for name, value in loaded.model.named_parameters()}


@pytest.mark.parametrize("rounded", [False, True])
def test_the_loss_and_every_gradient_are_the_same(folder: Path, rounded: bool) -> None:
    loss, gradients = loss_and_gradients(folder, by_reference, rounded=rounded)
    plain_loss, plain = loss_and_gradients(folder, by_value, rounded=rounded)
    assert loss == plain_loss
    assert any(value is not None and value.any() for name, value in gradients.items() if "visual" in name)
    assert all(
        (value is None and plain[name] is None) or torch.equal(value, plain[name]) for name, value in gradients.items()
    )


def test_a_part_of_the_step_gets_the_pixels_of_its_own_pictures(folder: Path) -> None:
    loaded = load_model(str(folder), 640 * 360)
    shown = pictures(loaded)
    told, whole = by_reference(loaded, shown), by_value(loaded, shown)
    given: list[torch.Tensor] = []
    encode = loaded.model.model.get_image_features
    loaded.model.model.get_image_features = lambda pixels, *rest, **named: (
        given.append(pixels) or encode(pixels, *rest, **named)
    )
    patches = told["image_grid_thw"].prod(-1).tolist()
    parts = [value.split(patches) for value in (told["pixel_values"], whole["pixel_values"])]
    for place in (2, 1):  # in another order than they came, as rows are shuffled
        row = torch.tensor([[5, *shown[place].span, 7]])
        part = {"pixel_values": parts[0][place], "image_grid_thw": told["image_grid_thw"][place : place + 1]}
        with torch.no_grad():
            loaded.model(input_ids=row, mm_token_type_ids=row.eq(loaded.image_token_id or 0).int(), **part)
        assert torch.equal(given[-1], parts[1][place])


def test_pixels_that_are_given_are_left_alone_and_rows_without_pictures_too(folder: Path) -> None:
    loaded = load_model(str(folder), 640 * 360)
    drop_empty_pictures(loaded.model)
    [one, *_] = pictures(loaded)
    row = torch.tensor([[5, *one.span, 7]])
    kinds = row.eq(loaded.image_token_id or 0).int()
    told = by_value(loaded, [one])
    with torch.no_grad():
        before = loaded.model(input_ids=row, mm_token_type_ids=kinds, **told).logits
        words = loaded.model(input_ids=torch.tensor([[5, 6]])).logits
        empty = by_reference(loaded, [one])
        assert torch.equal(loaded.model(input_ids=row, mm_token_type_ids=kinds, **told).logits, before)
        none = {name: value[:0] for name, value in empty.items()}
        assert torch.equal(loaded.model(input_ids=torch.tensor([[5, 6]]), **none).logits, words)
