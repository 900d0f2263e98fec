"""Loads a transformers model from a folder or the hub: weights, tokenizer and image processor.

The combined processor is not loaded: for SmolVLM it wants a package to spell numbers and for Qwen a video processor,
both unused.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoImageProcessor,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    GenerationConfig,
)

from agent.adapters import add_adapter
from agent.policies.local import cpu_attention
from agent.policies.local.image_processing import ImageProcessor, QwenImageProcessor, SmolVlmEyes
from agent.policies.local.model_files import ModelFiles, explain_errors, read_model_files
from agent.policies.local.picture_words import ADAPTER, PictureWords, PictureWordsConfig, load_picture_words
from agent.policies.local.quantization import make_quantization, split_bits
from agent.policy import PolicyError
from agent.rendering.tokens import ChatTokenizer


@dataclass(frozen=True)
class Loaded:
    """A loaded model with its tokenizer, its image processor and its special ids."""

    model: Any
    """The model; None where only what stands before it was loaded, by `load_preprocessor`."""
    scribe: ChatTokenizer
    eyes: ImageProcessor | None
    """The image processor; None for a text-only model."""
    ends: tuple[int, ...]
    """Ids that end a reply."""
    never: tuple[int, ...]
    """Ids that are never sampled."""
    image_token_id: int | None
    context_tokens: int
    """Tokens of prompt and reply together, at most."""

    @property
    def reads_ids_alone(self) -> bool:
        """Whether nothing but token ids goes into the model, even where it sees."""
        return self.eyes is None or isinstance(self.eyes, PictureWords)


def load_model(where: str, max_frame_pixels: int, adapter: str = "") -> Loaded:
    """Loads the model of a folder or hub id onto the best device here.

    Args:
        where: a folder, or a hub id such as Qwen/Qwen2.5-VL-3B-Instruct, which is downloaded if it is not here yet;
            with `@8bit` or `@4bit` behind it, quantized.
        max_frame_pixels: pixels of the largest picture that will be shown.
        adapter: folder of a LoRA adapter, or the name of one that comes with the package; none if empty.

    Raises:
        PolicyError: no such model, no network, not a chat model, a family whose pictures are not known, no memory.
        MissingPartError: an adapter is asked for and peft is not installed, or 8 or 4 bits and bitsandbytes is not.
    """
    place, _ = split_bits(where)
    if isinstance((card := read_model_files(place)).config, PictureWordsConfig):
        return _load_picture_words(place, card, choose_device(), adapter)
    # what can't be used is refused before gigabytes of weights are fetched
    before = load_preprocessor(where, max_frame_pixels)
    model = load_weights(where)
    return replace(before, model=merge_adapter(model, adapter) if adapter else model)


def load_preprocessor(where: str, max_frame_pixels: int) -> Loaded:
    """What stands before the model of a folder or hub id, without its weights; arguments and errors of `load_model`."""
    where, _ = split_bits(where)
    card = read_model_files(where)
    with explain_errors(where, torch.device("cpu")):
        processor = _load_processor(card.place) if card.image_token_id is not None else None
        ends = _read_end_ids(card)
    eyes = (
        None
        if processor is None
        else _make_image_processor(where, card.config, processor, card.scribe, max_frame_pixels)
    )
    return Loaded(
        model=None,
        scribe=card.scribe,
        eyes=eyes,
        ends=ends,
        never=card.never,
        image_token_id=card.image_token_id,
        context_tokens=card.config.get_text_config().max_position_embeddings,
    )


def _load_picture_words(where: str, card: ModelFiles, device: torch.device, adapter: str) -> Loaded:
    """The loaded model of a folder with a connector; the adapter in it is used where none is named."""
    with explain_errors(where, device):
        model, eyes = load_picture_words(card.place, card.config, choose_dtype(device, torch.float32))
        model = _prepare_model(model.to(device).eval(), card.config, device)
    inside = Path(card.place) / ADAPTER
    adapter = adapter or (str(inside) if inside.is_dir() else "")
    return Loaded(
        model=merge_adapter(model, adapter) if adapter else model,
        scribe=card.scribe,
        eyes=eyes,
        ends=_read_end_ids(card),
        never=card.never,
        image_token_id=card.image_token_id,
        context_tokens=card.config.max_position_embeddings,
    )


def load_weights(where: str) -> Any:
    """The model of a folder or hub id on the best device here; argument and errors as those of `load_model`."""
    where, bits = split_bits(where)
    card, device = read_model_files(where), choose_device()
    with explain_errors(where, device):
        return _load_model_weights(card.place, card.config, device, bits)


def choose_device() -> torch.device:
    """The device for a model: CUDA, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_dtype(device: torch.device, saved: torch.dtype | None) -> torch.dtype:
    """The weights' type: half precision where the device is fast in it; on a CPU, only for weights saved so."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "mps":
        return torch.float16
    is_fast = torch.cpu.get_capabilities().get("amx_bf16", False) and saved not in (None, torch.float32)
    return torch.bfloat16 if is_fast else torch.float32


def merge_adapter(model: Any, where: str) -> Any:
    """A model with a LoRA adapter merged into its weights, so that generating costs nothing more.

    Raises:
        PolicyError: there is no adapter, or it is one of another model.
        MissingPartError: peft is not installed.
    """
    try:
        return add_adapter(model, where).merge_and_unload().eval()
    except ValueError as error:
        raise PolicyError(str(error)) from error


def _has_vision(config: Any) -> bool:
    return hasattr(config, "vision_config")


def _load_processor(place: str) -> Any:
    return AutoImageProcessor.from_pretrained(place, trust_remote_code=False)  # type: ignore[no-untyped-call]


def _load_model_weights(place: str, config: Any, device: torch.device, bits: int) -> Any:
    loader: Any = AutoModelForImageTextToText if _has_vision(config) else AutoModelForCausalLM
    dtype = choose_dtype(device, config.dtype)
    how = make_quantization(bits, dtype, device.type)
    if device.type != "cpu" or how:
        how["device_map"] = device
    model = loader.from_pretrained(place, config=config, dtype=dtype, trust_remote_code=False, **how).eval()
    return _prepare_model(model, config, device)


def _prepare_model(model: Any, config: Any, device: torch.device) -> Any:
    """A model without sampling settings of its own, and on a CPU with our attention where it only needs torch's."""
    # models come with sampling settings and penalties of their own, which would change what the options ask for
    ends = model.generation_config.eos_token_id
    model.generation_config = GenerationConfig(eos_token_id=ends)  # type: ignore[no-untyped-call]
    # a model with another attention than torch's has a reason, such as caps or sinks, which ours does not know
    reads_ids = not _has_vision(config) or isinstance(config, PictureWordsConfig)
    if device.type == "cpu" and reads_ids and model.config._attn_implementation == "sdpa":
        cpu_attention.use_grouped_attention(model)
    return model


def _make_image_processor(
    where: str, config: Any, processor: Any, scribe: ChatTokenizer, max_frame_pixels: int
) -> ImageProcessor:
    if scribe.sees and hasattr(processor, "merge_size"):
        return QwenImageProcessor(processor, config.image_token_id, max_frame_pixels)
    if scribe.sees and hasattr(processor, "max_image_size"):
        patches = (config.vision_config.image_size // config.vision_config.patch_size) ** 2
        return SmolVlmEyes(processor, patches // config.scale_factor**2, scribe.ids)
    raise PolicyError(
        f"how {where} takes pictures is not known here ({type(processor).__name__}): "
        "take a Qwen-VL or SmolVLM model, or run it on a server and use http:MODEL@URL"
    )


def _read_end_ids(card: ModelFiles) -> tuple[int, ...]:
    """Ids that end a reply: those of the model's generation settings, or of its configuration where it has none."""
    try:
        settings = GenerationConfig.from_pretrained(card.place, trust_remote_code=False)
    except OSError:
        settings = GenerationConfig.from_model_config(card.config)
    saved = settings.eos_token_id
    named = saved if isinstance(saved, list) else [saved]
    return tuple({card.scribe.end, *(token for token in [*named, card.tokenizer.eos_token_id] if token is not None)})
