"""GRPO in miniature: a random model of 0.1 million weights learns to be brief, in half a minute on one core.

python examples/grpo_in_miniature.py

It learns nothing of videos: it shows the parts of a training. `agent train grpo rl/configs/smoke.toml` is the same with
a real model, and rl/README.md has the way from there to one that is better than before.
"""

import tempfile
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from agent import Trajectory
from evals.example import Example
from rl.grpo.config import Training
from rl.rewards.catalogue import REWARDS
from rl.rewards.lengths import count_sampled_tokens
from rl.train import main

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PRESET = """
paper = "none: an example"
formula_from = "ours"

[[terms]]
name = "brief"
"""


def brief(example: Example, trajectory: Trajectory) -> float | None:
    """1 for nothing at all, 0 for 32 tokens in all replies; None where nobody counted."""
    count = count_sampled_tokens(trajectory)
    return None if count is None else max(0.0, 1 - count / 32)


REWARDS["brief"] = brief


def save_random_model(folder: Path) -> None:
    """A Llama that reads bytes."""
    # below ours, which make it run beside any build of torchvision
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: number for number, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    wrapped = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>", extra_special_tokens=["<|im_start|>"]
    )
    wrapped.chat_template = TEMPLATE
    wrapped.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(wrapped),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        eos_token_id=wrapped.eos_token_id,
        max_position_embeddings=16384,
    )
    LlamaForCausalLM(config).save_pretrained(folder)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_random_model(folder / "model")
        (folder / "brief.toml").write_text(PRESET, encoding="utf-8")
        training = Training.model_validate(
            {
                "model": str(folder / "model"),
                "out": folder / "run",
                "preset": str(folder / "brief.toml"),
                "data": "drawn,level=1,count=2",
                "steps": 10,
                "generations": 8,
                "rows_at_once": 8,
                "play": {"mode": "subtitles", "max_turns": 1, "max_reply_tokens": 32, "encoder": "hashing"},
                "update": {"learning_rate": 3e-2, "mask_cut": False},
            }
        )
        main(training, say=print)  # a line a step; `score` is the mean reward
