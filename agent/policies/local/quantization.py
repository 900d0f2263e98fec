"""Models in 8 or 4 bits: `MODEL@8bit` and `MODEL@4bit`, by bitsandbytes, while they are loaded.

Only the layers of the language model are quantized. The vision tower stays as it is, since it is a small part of the
weights.
"""

import re
from typing import Any

from agent.policy import PolicyError
from tools import packaged_weights
from tools.observation import MissingPartError

_QUANTIZED = re.compile(r"(?P<where>.+)@(?P<bits>[48])bit", re.S)
_KEPT_MODULES = ["lm_head", "model.visual", "model.vision_model", "model.connector"]
"""Modules of Qwen-VL and SmolVLM that are not quantized."""


def split_bits(where: str) -> tuple[str, int]:
    """A model's name without `@8bit` or `@4bit`, and the bits of its weights, 16 where none are named."""
    if (match := _QUANTIZED.fullmatch(where)) is None:
        return where, 16
    return match["where"], int(match["bits"])


def is_quantizer_installed() -> bool:
    """Whether models can be loaded in 8 or 4 bits."""
    return packaged_weights.is_installed("bitsandbytes")


def check_quantizer() -> None:
    """Refuses to go on where models can't be loaded in 8 or 4 bits.

    Raises:
        MissingPartError: bitsandbytes is not installed.
    """
    if not is_quantizer_installed():
        install = packaged_weights.make_install_command("quantized")
        raise MissingPartError(f"bitsandbytes is not installed, which 8 and 4 bits need: run `{install}`")


def make_quantization(bits: int, dtype: Any, device: str) -> dict[str, Any]:
    """Arguments of from_pretrained for 16, 8 or 4 bits.

    Args:
        bits: size of a weight.
        dtype: type of the activations.
        device: type of the device.

    Raises:
        MissingPartError: bitsandbytes is not installed.
        PolicyError: the device does not take 8 or 4 bits.
    """
    if bits == 16:
        return {}
    check_quantizer()
    if device == "mps":
        raise PolicyError("8 and 4 bits need an NVIDIA GPU or a CPU: take the model without @8bit or @4bit")
    from transformers import BitsAndBytesConfig

    kept: dict[str, Any] = {"llm_int8_skip_modules": _KEPT_MODULES}
    if bits == 4:
        kept |= {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": dtype}
    else:
        kept |= {"load_in_8bit": True}
    return {"quantization_config": BitsAndBytesConfig(**kept)}  # type: ignore[no-untyped-call]
