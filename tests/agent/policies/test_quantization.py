"""Models in 8 and 4 bits: named in the spec, refused in a sentence where the package for it is missing."""

from pathlib import Path

import pytest
import torch

from agent.policies.local.loading import load_model
from agent.policies.local.quantization import is_quantizer_installed, make_quantization, split_bits
from agent.policy import PolicyError
from tests.tiny_models import build
from tools.observation import MissingPartError


def test_the_bits_stand_at_the_end_of_a_models_name() -> None:
    assert split_bits("Qwen/Qwen3-VL-4B-Instruct@4bit") == ("Qwen/Qwen3-VL-4B-Instruct", 4)
    assert split_bits("/models/a@8bit") == ("/models/a", 8)
    assert split_bits("/models/a@4bit/b") == ("/models/a@4bit/b", 16)
    assert split_bits("Org/Model@2bit") == ("Org/Model@2bit", 16)


@pytest.mark.skipif(is_quantizer_installed(), reason="bitsandbytes is installed")
def test_without_bitsandbytes_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingPartError, match=r"quantized\]"):
        load_model(f"{build('qwen3_vl', tmp_path)}@4bit", 200_000)


@pytest.mark.skipif(not is_quantizer_installed(), reason="bitsandbytes is not installed")
def test_the_layers_of_the_language_model_alone_are_quantized(tmp_path: Path) -> None:
    for family, vision in (("qwen3_vl", "model.visual"), ("smolvlm", "model.vision_model")):
        model = load_model(f"{build(family, tmp_path / family)}@4bit", 200_000).model
        kinds = {name: type(module).__name__ for name, module in model.named_modules()}
        assert "Linear4bit" in kinds.values()
        assert not [name for name, kind in kinds.items() if name.startswith(vision) and kind == "Linear4bit"]


def test_apples_gpu_takes_no_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.policies.local.quantization.is_quantizer_installed", lambda: True)
    with pytest.raises(PolicyError, match="take the model without @8bit or @4bit"):
        make_quantization(4, torch.float16, "mps")
