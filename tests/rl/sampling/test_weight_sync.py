"""What may go to vLLM as an adapter, before it does."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from agent.policy import PolicyError
from rl.sampling.weight_sync import check_cuda, check_text_only

WORDS = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.weight"
EYES = "base_model.model.model.visual.blocks.0.attn.qkv.lora_A.weight"


def saved(folder: Path, *names: str) -> Path:
    save_file({name: torch.zeros(1, 1) for name in names}, folder / "adapter_model.safetensors")
    return folder


def test_an_adapter_of_the_eyes_is_refused_as_vllm_would_leave_it_out(tmp_path: Path) -> None:
    check_text_only(saved(tmp_path, WORDS))
    with pytest.raises(PolicyError, match=r"visual\.blocks\.0.* and 0 more weights of the picture side"):
        check_text_only(saved(tmp_path, WORDS, EYES))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA here")
def test_all_weights_without_cuda_are_refused_with_what_to_do() -> None:
    with pytest.raises(PolicyError, match=r"needs CUDA, which is not here: train an adapter \(\[lora\]\)"):
        check_cuda("bringing all weights to vLLM")
