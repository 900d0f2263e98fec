"""The default policy: a good open model where a GPU and its weights are at hand, otherwise `lite`.

Nothing is downloaded. On a machine without a GPU only file names are looked at: torch takes seconds to import.
"""

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.plain_data import loads_json
from tools.runtime.user_config import find_config_file, read_default

VARIABLE = "VIDEOSLEUTH_POLICY"
"""Environment variable with the spec of the default policy, taken before the user's configuration and all else."""

_BYTES_A_WEIGHT = 2  # bf16
_CONTEXT_TOKENS = 32_768
"""Context that memory is kept for: three times a usual question (32 frames of 220 to 300 tokens, 5 turns)."""
_WORKING_BYTES = 2_000_000_000
"""GPU memory for activations, the vision tower at work and CUDA itself; an allowance, not a measurement."""
_LARGEST_ADVISED_BYTES = 20_000_000_000
"""Largest download that a hint on stderr advises."""


@dataclass(frozen=True)
class OpenModel:
    """An open model with its shape, from which its GPU memory follows."""

    id: str
    """Id on the Hugging Face hub."""
    parameters: int
    """Number of parameters, vision tower included, shared embeddings once; counted in transformers' own classes."""
    layers: int
    kv_heads: int
    head_size: int
    context_tokens: int = _CONTEXT_TOKENS
    """Context that memory is kept for, in tokens; less than usual where the model takes no more."""
    linear_parameters: int = 0
    """Number of parameters in the language model's layers, which get smaller in 8 or 4 bits; 0 if not counted."""
    is_automatic: bool = True
    """Whether the model may be the default. False for models that are too small to be trusted with tools, by judgement
    and not by measurement."""

    @property
    def spec(self) -> str:
        """Spec of the model as `--policy` takes it."""
        return f"transformers:{self.id}"

    @property
    def weight_bytes(self) -> int:
        """Bytes of the weights in bf16."""
        return self.parameters * _BYTES_A_WEIGHT

    @property
    def cache_bytes(self) -> int:
        """Bytes of the keys and values of `context_tokens` tokens in bf16."""
        return self.context_tokens * 2 * self.layers * self.kv_heads * self.head_size * _BYTES_A_WEIGHT

    @property
    def needed_bytes(self) -> int:
        """Bytes of GPU memory: weights, keys and values, and an allowance for the work. Arithmetic, not measured."""
        return self.weight_bytes + self.cache_bytes + _WORKING_BYTES

    def compute_quantized_bytes(self, bits: int) -> int:
        """Bytes of GPU memory with the language model's layers in 8 or 4 bits, as `needed_bytes` counts them.

        In 4 bits (NF4) a block of 64 weights has a scale of 32 bits besides.
        """
        saved_bits = 16 - (bits if bits == 8 else bits + 32 / 64)
        return self.needed_bytes - round(self.linear_parameters * saved_bits / 8)

    @property
    def cpu_bytes(self) -> int:
        """Bytes of memory on a CPU, in float32: as many CPUs are slow in half precision."""
        return 2 * (self.weight_bytes + self.cache_bytes) + _WORKING_BYTES


MODELS = (
    OpenModel(
        "Qwen/Qwen3-VL-32B-Instruct",
        33_357_390_064,
        layers=64,
        kv_heads=8,
        head_size=128,
        linear_parameters=31_205_621_760,
    ),
    OpenModel(
        "Qwen/Qwen3-VL-8B-Instruct",
        8_767_123_696,
        layers=36,
        kv_heads=8,
        head_size=128,
        linear_parameters=6_945_767_424,
    ),
    OpenModel("Qwen/Qwen2.5-VL-7B-Instruct", 8_292_166_656, layers=28, kv_heads=4, head_size=128),
    OpenModel(
        "Qwen/Qwen3-VL-4B-Instruct",
        4_437_815_808,
        layers=36,
        kv_heads=8,
        head_size=128,
        linear_parameters=3_633_315_840,
    ),
    OpenModel("Qwen/Qwen2.5-VL-3B-Instruct", 3_754_622_976, layers=36, kv_heads=2, head_size=128),
    OpenModel(
        "Qwen/Qwen3-VL-2B-Instruct",
        2_127_532_032,
        layers=28,
        kv_heads=8,
        head_size=128,
        linear_parameters=1_409_286_144,
    ),
    OpenModel(
        "HuggingFaceTB/SmolVLM2-2.2B-Instruct",
        2_246_784_880,
        layers=24,
        kv_heads=32,
        head_size=64,
        context_tokens=16_384,
        is_automatic=False,
    ),
    OpenModel(
        "HuggingFaceTB/SmolVLM2-500M-Video-Instruct",
        507_482_304,
        layers=32,
        kv_heads=5,
        head_size=64,
        context_tokens=8_192,
        is_automatic=False,
    ),
)
"""Models to choose from, the preferred one first."""


@dataclass(frozen=True)
class DefaultChoice:
    """The default policy and the reason, in words for the user."""

    spec: str
    why: str
    advice: str = ""
    """What to do for a better policy; empty where nothing can be done."""


def choose_default_policy(environment: Mapping[str, str] = os.environ) -> DefaultChoice:
    """The policy of this machine when none is named."""
    if named := environment.get(VARIABLE, "").strip():
        return DefaultChoice(named, f"{VARIABLE} names it")
    if named := read_default("policy", environment):
        return DefaultChoice(named, f"{find_config_file(environment)} names it")
    free_bytes = measure_free_gpu_bytes() if may_have_gpu() else None
    return choose_policy(free_bytes, find_cached_models() if free_bytes is not None else ())


def choose_policy(free_bytes: int | None, cached: Collection[str]) -> DefaultChoice:
    """The best model of MODELS that is cached and fits the GPU, otherwise `lite`.

    Args:
        free_bytes: free GPU memory; None if there is no usable GPU.
        cached: ids of the models whose weights are on this machine.
    """
    if free_bytes is None:
        return DefaultChoice("lite", "there is no GPU that a vision-language model could run on")
    fitting = [model for model in MODELS if model.is_automatic and model.needed_bytes <= free_bytes]
    for model in fitting:
        if model.id in cached:
            return DefaultChoice(
                model.spec, f"its weights are here; {_describe_need(model)}, {_format_gigabytes(free_bytes)} are free"
            )
    return _fall_back_to_lite(fitting, free_bytes)


def may_have_gpu() -> bool:
    """Whether torch is worth asking for a GPU: a driver's device files (NVIDIA, AMD, WSL) or command are here."""
    devices = Path("/dev")
    files = (*devices.glob("nvidia[0-9]*"), devices / "kfd", devices / "dxg")
    return any(file.exists() for file in files) or shutil.which("nvidia-smi") is not None


def measure_free_gpu_bytes() -> int | None:
    """Free memory of the GPU that torch takes first; None if torch can use none."""
    import torch

    return torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else None


def find_cached_models() -> frozenset[str]:
    """Ids of the models of MODELS whose weights lie complete in the Hugging Face cache; looks at files only."""
    return frozenset(model.id for model in MODELS if is_cached(model.id))


def is_cached(model_id: str) -> bool:
    """Whether the weights of a model lie complete in the Hugging Face cache."""
    return find_snapshot(model_id) is not None


def find_snapshot(model_id: str) -> Path | None:
    """The folder of a model in the Hugging Face cache; None where its weights do not lie there complete."""
    config = _find_cached_file(model_id, "config.json")
    if config is None:
        return None
    if _find_cached_file(model_id, "model.safetensors") is not None:
        return config.parent
    index = _find_cached_file(model_id, "model.safetensors.index.json")
    if index is None:
        return None
    # a download that was broken off leaves the list of files and not all of the files
    parts = set(loads_json(index.read_text(encoding="utf-8"))["weight_map"].values())
    return config.parent if all(_find_cached_file(model_id, part) is not None for part in parts) else None


def _find_cached_file(model_id: str, name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(model_id, name)
    return Path(path) if isinstance(path, str) else None


def _fall_back_to_lite(fitting: Collection[OpenModel], free_bytes: int) -> DefaultChoice:
    """`lite`, with the best model that would fit and the command that gets it."""
    advised = next((model for model in fitting if model.weight_bytes <= _LARGEST_ADVISED_BYTES), None)
    if advised is not None:
        advice = f"{advised.id} would fit, {_describe_need(advised)}; to get it: agent pull {advised.id}"
        return DefaultChoice("lite", "there is a GPU, but the weights of no model that fits are here", advice)
    least = min((model for model in MODELS if model.is_automatic), key=lambda model: model.needed_bytes)
    free = f"{_format_gigabytes(free_bytes)} of GPU memory are free"
    return DefaultChoice("lite", f"{free}, too little even for {least.id}: {_describe_need(least)}")


def _describe_need(model: OpenModel) -> str:
    return f"it needs about {_format_gigabytes(model.needed_bytes)} of GPU memory"


def _format_gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"
