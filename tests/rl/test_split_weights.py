"""Weights that two processes share (FSDP2 on gloo): a row without a picture beside one with; nobody waits for ever."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from agent.policies.local.loading import load_model
from tests.rl.split_weights import loss_of
from tests.tiny_models import build

ROOT = Path(__file__).parents[2]


def launched(model: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [*command, "-m", "tests.rl.split_weights", str(model), str(out), *more],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_with_a_blank_picture_the_gradient_is_the_mean_of_both_rows(tmp_path: Path) -> None:
    model = build("qwen3_vl", tmp_path / "model")
    ended = launched(model, tmp_path / "gradients.safetensors")
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = load_file(tmp_path / "gradients.safetensors")
    expected: dict[str, torch.Tensor] = {}
    for seen in (True, False):
        loaded = load_model(str(model), 96 * 54)
        loss_of(loaded, seen=seen).backward()
        for name, value in loaded.model.named_parameters():
            if value.grad is not None:
                expected[name] = expected.get(name, torch.zeros_like(value)) + value.grad / 2
    assert found.keys() == expected.keys()
    assert any("visual" in name for name in found)
    for name, value in expected.items():
        assert torch.allclose(found[name], value, rtol=1e-4, atol=1e-6), name
