"""The copy that plays has the weights of what is trained, adapter included."""

import copy

import pytest
import torch

from rl.sampling.bf16_copy import Bf16Copy


def test_the_copy_follows_weights_and_adapter() -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    peft = pytest.importorskip("peft", reason="needs the rl extra")
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=97, **sizes))
    half = Bf16Copy(model)
    before = copy.deepcopy(half.model)
    settings = peft.LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, settings)
    with torch.no_grad():
        model.model.norm.weight.mul_(2.0)
    half.follow()
    ids = torch.arange(12)[None]
    with torch.inference_mode():
        trained, played = adapted(ids).logits, half.model(ids).logits.float()
        first = before(ids).logits.float()
    assert half.model.dtype == torch.bfloat16
    assert torch.allclose(played, trained, atol=0.05 * float(trained.abs().max()))
    assert not torch.allclose(first, trained, atol=0.2 * float(trained.abs().max()))
