"""What stands for a picture is known from its size, and is what its pixels give."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
import torch
from PIL import Image

from agent.policies.local.image_processing import ImageProcessor, ProcessedImageCache, measure_jpeg
from agent.policies.local.loading import load_model, load_preprocessor
from tests.tiny_models import FAMILIES, build

SIZES = [
    *((640, 360), (448, 252), (360, 640), (96, 54), (1, 1), (33, 31), (47, 48), (16, 16)),
    *((640, 2), (3, 500), (511, 512), (513, 512), (512, 1025), (1280, 720), (720, 1280), (641, 1), (100, 767)),
]


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(build(request.param, tmp_path_factory.mktemp(request.param)))


@pytest.fixture(scope="module")
def eyes(folder: str) -> ImageProcessor:
    found = load_preprocessor(folder, 640 * 360).eyes
    assert found is not None
    return found


@pytest.mark.parametrize("size", SIZES)
def test_the_size_says_how_many_tokens_and_patches(eyes: ImageProcessor, size: tuple[int, int]) -> None:
    seen = eyes.look(Image.new("RGB", size, "red"))
    span = eyes.measure(*size)
    assert span.ids == seen.span
    if "image_grid_thw" in seen.inputs:
        assert [list(span.grid)] == seen.inputs["image_grid_thw"].tolist()


def test_pictures_processed_side_by_side_are_those_processed_alone(eyes: ImageProcessor) -> None:
    jpegs = [_jpeg(colour, size) for colour in ("red", "navy", "lime") for size in ((96, 54), (320, 180), (128, 128))]
    alone = [eyes.look(Image.open(BytesIO(jpeg)).convert("RGB")) for jpeg in jpegs]
    memory = ProcessedImageCache(eyes)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(memory.look, jpegs * 2))
    for mine, theirs in zip(together, alone * 2, strict=True):
        assert all(torch.equal(mine.inputs[name], value) for name, value in theirs.inputs.items())
    assert all(measure_jpeg(eyes, jpeg).span == one.span for jpeg, one in zip(jpegs, alone, strict=True))


def test_pixels_are_kept_in_the_type_of_the_model(eyes: ImageProcessor) -> None:
    jpeg = _jpeg("teal", (96, 54))
    half, whole = (ProcessedImageCache(eyes, dtype).look(jpeg).inputs for dtype in (torch.bfloat16, torch.float32))
    assert torch.equal(half["pixel_values"], whole["pixel_values"].bfloat16())
    assert all(half[name].dtype == torch.int64 for name in half.keys() & {"image_grid_thw"})


def test_what_stands_before_a_model_is_loaded_without_it(folder: str) -> None:
    whole, before = load_model(folder, 640 * 360), load_preprocessor(folder, 640 * 360)
    assert before.model is None
    names = ("ends", "never", "image_token_id", "context_tokens")
    assert [getattr(before, name) for name in names] == [getattr(whole, name) for name in names]
    saved = whole.model.generation_config.eos_token_id
    assert {*(saved if isinstance(saved, list) else [saved])} - {None} <= {*before.ends}


def _jpeg(colour: str, size: tuple[int, int]) -> bytes:
    file = BytesIO()
    Image.new("RGB", size, colour).save(file, "JPEG")
    return file.getvalue()
