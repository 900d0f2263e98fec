"""A LoRA adapter on vLLM's model gives what the same weights give when they are added to the model by hand."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from agent.policies.transformers import TransformersPolicy
from agent.policies.vllm import VllmPolicy
from agent.policy import PolicyOptions
from tests.vllm.marks import needs_vllm

pytestmark = needs_vllm

RANK, SCALE = 4, 2.0
LAYER = "model.language_model.layers.0.self_attn.q_proj"


@pytest.fixture(scope="module")
def matrices() -> tuple[torch.Tensor, torch.Tensor]:
    """A (rank, 64) and B (64, rank), as large as the weights themselves, so that they show."""
    noise = torch.Generator().manual_seed(5)
    return torch.randn(RANK, 64, generator=noise), torch.randn(64, RANK, generator=noise)


@pytest.fixture(scope="module")
def adapter(matrices: tuple[torch.Tensor, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter")
    names = (f"base_model.model.{LAYER}.lora_A.weight", f"base_model.model.{LAYER}.lora_B.weight")
    save_file(dict(zip(names, matrices, strict=True)), folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": RANK, "lora_alpha": RANK * SCALE, "target_modules": ["q_proj"], "bias": "none"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def merged(
    tiny_model: Path, matrices: tuple[torch.Tensor, torch.Tensor], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("merged")
    for file in tiny_model.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    weights = load_file(folder / "model.safetensors")
    low, high = matrices
    weights[f"{LAYER}.weight"] += SCALE * (high @ low)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def logprobs(model: Path, ids: tuple[int, ...], said: tuple[int, ...]) -> list[float]:
    network = TransformersPolicy(str(model), PolicyOptions()).loaded.model
    row = torch.tensor([[*ids, *said]])
    with torch.inference_mode():
        told = network(input_ids=row, attention_mask=torch.ones_like(row)).logits.float().log_softmax(-1)[0]
    return [float(told[len(ids) - 1 + n, token]) for n, token in enumerate(said)]


def test_an_adapter_is_put_on_every_request(tiny_model: Path, adapter: Path, merged: Path) -> None:
    policy = VllmPolicy(str(tiny_model), PolicyOptions(adapter=str(adapter)), kv_cache_memory_bytes=1 << 30)
    try:
        ids = policy.model.scribe.ids("<|im_start|>user\nFrame at 1 s<|im_end|>\n<|im_start|>assistant\n")
        completion = policy.engine.complete(ids, [], {"temperature": 0.0, "max_tokens": 8})
    finally:
        policy.close()
    assert completion.logprobs == pytest.approx(logprobs(merged, ids, completion.token_ids), abs=2e-3)
    plain = logprobs(tiny_model, ids, completion.token_ids)
    assert max(abs(one - other) for one, other in zip(completion.logprobs, plain, strict=True)) > 0.01
