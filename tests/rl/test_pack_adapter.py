"""A packed adapter has the weights of the one it was made from, rounded, and none of its machine's paths."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from rl.pack_adapter import CONFIG, WEIGHTS, pack


def test_it_is_rounded_and_tells_no_path(tmp_path: Path) -> None:
    torch.manual_seed(0)
    given = {"a": torch.randn(8, 3), "b": torch.randn(5)}
    save_file(given, tmp_path / WEIGHTS)
    wrote = {"r": 4, "target_modules": ["v_proj", "k_proj"], "base_model_name_or_path": "/home/me/model"}
    (tmp_path / CONFIG).write_text(json.dumps(wrote), encoding="utf-8")
    assert pack(tmp_path, tmp_path / "out", "ORG/MODEL") == 29
    packed = load_file(tmp_path / "out" / WEIGHTS)
    assert all(torch.equal(packed[name], weight.bfloat16()) for name, weight in given.items())
    told = json.loads((tmp_path / "out" / CONFIG).read_text(encoding="utf-8"))
    assert told == {"r": 4, "target_modules": ["k_proj", "v_proj"], "base_model_name_or_path": "ORG/MODEL"}


def test_a_folder_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no adapter in"):
        pack(tmp_path, tmp_path / "out", "x")
