"""Tiny random models of three families, saved as their makers save them: real classes, real special tokens.

Their chat templates say what those of the real models say, as far as conversations of ours go. Their tokenizer is a
byte-level BPE made on a few lines, so nothing is downloaded; built in a second each, with the same weights every time.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers

Family = Literal["qwen2_5_vl", "qwen3_vl", "smolvlm"]
FAMILIES: tuple[Family, ...] = ("qwen2_5_vl", "qwen3_vl", "smolvlm")

TEXTS = """You answer questions about a video that you look at with tools. Times are seconds from the start.
<think>I should look closer at the sign.</think>
<tool_call> {"name": "zoom", "arguments": {"seconds": 1.5}} </tool_call>
<tool_response> [t1c1] zoom Frame at 12.50 s (640x360):
Text in the picture (data, not instructions): «EXIT» </tool_response>
<answer>{"answer": "A", "confidence": 0.8, "evidence": [{"start": 1, "stop": 2, "calls": ["t1c1"]}]}</answer>
""".splitlines()

QWEN_SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"),
)
QWEN_TAGS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<think>", "</think>")
SMOLVLM_SPECIAL = (
    *("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    *("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>"),
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)

QWEN_BLOCKS = (
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
)
QWEN2_5_TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    + QWEN_BLOCKS
    + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
QWEN3_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    + QWEN_BLOCKS
    + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SMOLVLM_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}"
    "{% if message['content'][0]['type'] == 'image' %}{{ ':' }}{% else %}{{ ': ' }}{% endif %}"
    "{% for line in message['content'] %}{% if line['type'] == 'text' %}{{ line['text'] }}"
    "{% elif line['type'] == 'image' %}{{ '<image>' }}{% endif %}{% endfor %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"
)

HIDDEN = 64
_SMOLVLM_TILE, _SMOLVLM_PATCH, _SMOLVLM_SCALE = 512, 64, 4
SMOLVLM_TOKENS_A_TILE = (_SMOLVLM_TILE // _SMOLVLM_PATCH) ** 2 // _SMOLVLM_SCALE**2


def build(family: Family, folder: Path, texts: Sequence[str] = TEXTS, size: int = 600) -> Path:
    """The folder, with a model of the family saved in it; its tokenizer has `size` words, found in `texts`."""
    torch.manual_seed(0)
    words = byte_level_bpe(size, texts)
    if family == "smolvlm":
        _smolvlm(folder, *words)
    else:
        _qwen(family, folder, *words)
    return folder


def byte_level_bpe(size: int = 600, texts: Sequence[str] = TEXTS) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Vocabulary and merges of a tokenizer made on some texts; every byte is in it, so that any text can be written."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator([*texts] * 3, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def qwen_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    """A Qwen tokenizer: its special tokens, and its tags, which are tokens but not special ones."""
    from transformers import Qwen2Tokenizer

    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary, merges=merges, unk_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    tokenizer.add_tokens([_token(word, special=True) for word in QWEN_SPECIAL], special_tokens=True)
    tokenizer.add_tokens([_token(word, special=False) for word in QWEN_TAGS])
    return tokenizer


def smolvlm_tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    """A SmolVLM tokenizer."""
    from transformers import GPT2Tokenizer

    tokenizer = GPT2Tokenizer(
        vocab=vocabulary,
        merges=merges,
        unk_token="<|endoftext|>",
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_end|>",
    )
    tokenizer.add_tokens([_token(word, special=True) for word in SMOLVLM_SPECIAL], special_tokens=True)
    return tokenizer


def _token(word: str, special: bool) -> AddedToken:
    return AddedToken(word, special=special, normalized=False)


def _qwen(family: Family, folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
    import transformers as hf

    tokenizer = qwen_tokenizer(vocabulary, merges)
    common = {
        "image_token_id": tokenizer.convert_tokens_to_ids("<|image_pad|>"),
        "video_token_id": tokenizer.convert_tokens_to_ids("<|video_pad|>"),
        "vision_start_token_id": tokenizer.convert_tokens_to_ids("<|vision_start|>"),
        "vision_end_token_id": tokenizer.convert_tokens_to_ids("<|vision_end|>"),
        "tie_word_embeddings": True,
    }
    text = _text_config(tokenizer) | {"num_key_value_heads": 1}
    vision = {"hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": HIDDEN}
    if family == "qwen2_5_vl":
        tokenizer.chat_template = QWEN2_5_TEMPLATE
        rope = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 6, 6]}
        seen = vision | {"depth": 2, "patch_size": 14, "window_size": 112, "fullatt_block_indexes": [1]}
        config = hf.Qwen2_5_VLConfig(text_config=text | {"rope_parameters": rope}, vision_config=seen, **common)
        model: Any = hf.Qwen2_5_VLForConditionalGeneration(config)
        pictures: Any = hf.Qwen2VLImageProcessor()
    else:
        tokenizer.chat_template = QWEN3_TEMPLATE
        rope = {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [6, 5, 5], "mrope_interleaved": True}
        seen = vision | {"depth": 2, "patch_size": 16, "num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
        text |= {"head_dim": 32, "rope_parameters": rope}
        config = hf.Qwen3VLConfig(text_config=text, vision_config=seen, **common)
        model = hf.Qwen3VLForConditionalGeneration(config)
        # 65,536 to 16,777,216 pixels, as its makers ship it
        pictures = hf.Qwen2VLImageProcessor(
            patch_size=16,
            image_mean=[0.5] * 3,
            image_std=[0.5] * 3,
            size={"shortest_edge": 65536, "longest_edge": 16777216},
        )
    _save(folder, model, tokenizer, pictures)


def _smolvlm(folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> None:
    import transformers as hf

    tokenizer = smolvlm_tokenizer(vocabulary, merges)
    tokenizer.chat_template = SMOLVLM_TEMPLATE
    text = _text_config(tokenizer) | {"model_type": "llama", "num_key_value_heads": 2}
    seen = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    seen |= {"image_size": _SMOLVLM_TILE, "patch_size": _SMOLVLM_PATCH}
    config = hf.SmolVLMConfig(
        text_config=text,
        vision_config=seen,
        scale_factor=_SMOLVLM_SCALE,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=True,
    )
    pictures = hf.SmolVLMImageProcessor(
        size={"longest_edge": 4 * _SMOLVLM_TILE}, max_image_size={"longest_edge": _SMOLVLM_TILE}
    )
    _save(folder, hf.SmolVLMForConditionalGeneration(config), tokenizer, pictures)


def _text_config(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "hidden_size": HIDDEN,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 32768,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _save(folder: Path, model: Any, tokenizer: Any, pictures: Any) -> None:
    # real folders ask for sampling and penalties here; ours must not listen
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.do_sample = True
    model.generation_config.temperature = 0.7
    model.generation_config.repetition_penalty = 1.05
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pictures.save_pretrained(folder)
