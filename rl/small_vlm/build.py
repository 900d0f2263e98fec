"""SmolLM2 inside a Qwen2.5-VL: the text side computes what SmolLM2 computes, the eyes are small and know nothing yet.

    python -m rl.small_vlm.build --out FOLDER

Qwen2.5-VL and not Qwen3-VL, since its text side is a Llama with biases on q, k and v, which are set to zero, while
Qwen3-VL normalises each q and k, which no weight undoes. Its places in three dimensions are for words three times the
same one, so that rotations are SmolLM2's. What comes out is a folder as any other for `--policy transformers:FOLDER`.
"""

from agent.ending import check_arguments_first, end_process
from rl.small_vlm import command_lines

if __name__ == "__main__":  # before torch is imported
    check_arguments_first("rl.small_vlm.build", command_lines.make_build_parser(__doc__))

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    LlamaForCausalLM,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessor,
)

from agent.policies.local import smollm2
from agent.terminal import escape_controls

VISION_TOKENS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""SmolLM2's chat template with pictures added, and without its maker's system message where there is none."""
_MERGE = 2
"""Patches a side that are merged into one token, as in every Qwen-VL."""
_ROTATED = (0.25, 0.375, 0.375)
"""Shares of the rotary dimensions for time, height and width: 16, 24 and 24 of 64 in Qwen2.5-VL."""


@dataclass(frozen=True)
class Shape:
    """Dimensions of the model. By default the vision encoder has about eight million weights."""

    eye_width: int = 256
    eye_depth: int = 6
    eye_heads: int = 4
    patch_pixels: int = 14
    """Pixels a side of a patch; a token is a block of twice as many."""
    text_layers: int | None = None
    """Number of text layers that are kept, to try things out: a model without the others can't speak. None keeps
    all."""


def build(out: Path, shape: Shape = Shape(), text: Path | None = None, seed: int = 0) -> Path:
    """Builds the model and writes it; gives back its folder.

    Args:
        out: folder to write, which appears only when the model is complete.
        shape: dimensions of the model.
        text: folder of a Llama with a chat tokenizer; None takes SmolLM2 from its package.
        seed: seed of the vision encoder's weights.

    Raises:
        MissingPartError: the package of SmolLM2 is not installed.
        ValueError: the folder holds no Llama, or the dimensions do not fit together.
    """
    source = text or smollm2.unpack()
    tokenizer = _make_tokenizer(source)
    llama: Any = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, trust_remote_code=False)
    if not isinstance(llama, LlamaForCausalLM):
        raise ValueError(f"{source} holds a {type(llama).__name__}: need a Llama, as SmolLM2 is one")
    torch.manual_seed(seed)
    config = _make_config(llama.config, tokenizer, shape)
    model: Any = Qwen2_5_VLForConditionalGeneration(config)  # type: ignore[no-untyped-call]
    _copy_text_weights(model, llama)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        setattr(model.generation_config, name, getattr(tokenizer, name))
    beside = out.with_name(out.name + ".partial")
    shutil.rmtree(beside, ignore_errors=True)
    model.save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    _make_image_processor(shape).save_pretrained(beside)
    beside.rename(out)
    return out


def _make_tokenizer(source: Path) -> Any:
    """SmolLM2's tokenizer with the picture tokens added."""
    tokenizer: Any = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    tokenizer.add_tokens([AddedToken(word, special=True, normalized=False) for word in VISION_TOKENS], True)
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|endoftext|>"
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def _make_config(llama: Any, tokenizer: Any, shape: Shape) -> Any:
    if shape.eye_width % (4 * shape.eye_heads):
        raise ValueError(
            f"need a width of the eyes that 4 x heads divides, got {shape.eye_width} and {shape.eye_heads} heads"
        )
    rotations = llama.head_dim // 2
    time, height = (round(share * rotations) for share in _ROTATED[:2])
    text = {
        name: getattr(llama, name)
        for name in (
            *("hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads", "hidden_act"),
            *("max_position_embeddings", "rms_norm_eps"),
        )
    }
    ids = {word: tokenizer.convert_tokens_to_ids(word) for word in VISION_TOKENS}
    return Qwen2_5_VLConfig(
        text_config=text
        | {
            "vocab_size": len(tokenizer),
            "num_hidden_layers": shape.text_layers or llama.num_hidden_layers,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": llama.rope_parameters["rope_theta"],
                "mrope_section": [time, height, rotations - time - height],
            },
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={
            "depth": shape.eye_depth,
            "hidden_size": shape.eye_width,
            "intermediate_size": 3 * shape.eye_width,
            "num_heads": shape.eye_heads,
            "out_hidden_size": llama.hidden_size,
            "patch_size": shape.patch_pixels,
            "spatial_merge_size": _MERGE,
            # windows pay for pictures of many thousands of patches; the largest here has 1,100
            "window_size": 8 * shape.patch_pixels,
            "fullatt_block_indexes": list(range(shape.eye_depth)),
        },
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        tie_word_embeddings=True,
    )


@torch.no_grad()
def _copy_text_weights(model: Any, llama: Any) -> None:
    """Copies the text weights one by one; each must find its place."""
    words = model.model.language_model
    theirs = dict(llama.model.named_parameters())
    for name, weight in words.named_parameters():
        if name == "embed_tokens.weight":
            count = theirs[name].shape[0]
            weight[:count] = theirs[name]
            # the embeddings of new tokens; none of them is ever more likely than the rest
            weight[count:] = theirs[name].mean(0)
        elif name.endswith(("q_proj.bias", "k_proj.bias", "v_proj.bias")) and name not in theirs:
            weight.zero_()
        else:
            weight.copy_(theirs[name])


def _make_image_processor(shape: Shape) -> Any:
    pixels = (_MERGE * shape.patch_pixels) ** 2
    return Qwen2VLImageProcessor(
        patch_size=shape.patch_pixels,
        merge_size=_MERGE,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        size={"shortest_edge": 4 * pixels, "longest_edge": 16384 * pixels},
    )


def _command_line() -> None:
    got = command_lines.make_build_parser(__doc__).parse_args()
    print(escape_controls(build(got.out, Shape(text_layers=got.text_layers))))


if __name__ == "__main__":
    end_process("rl.small_vlm.build", _command_line)
