"""A tiny random Llama that only reads, of SmolLM2's proportions and with a chat template."""

from pathlib import Path

import torch

from tests.tiny_models import QWEN3_TEMPLATE, byte_level_bpe, qwen_tokenizer


def tiny_llama(folder: Path) -> Path:
    """The folder, with the model saved in it."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = qwen_tokenizer(*byte_level_bpe())
    tokenizer.chat_template = QWEN3_TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=3,
        num_key_value_heads=1,
        max_position_embeddings=8192,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        rms_norm_eps=9.999999747378752e-06,
        initializer_range=0.2,  # with the usual 0.02 no word could ever be likely: logits would stay below 1
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    return folder
