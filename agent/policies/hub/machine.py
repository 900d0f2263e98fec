"""The machine that a model would run on: memory of its GPU, main memory, disk; and how a model would run there.

What a model needs is arithmetic (`OpenModel`), not a measurement. Apple's GPUs were not tried.
"""

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from agent.policies.default import MODELS, OpenModel, may_have_gpu, measure_free_gpu_bytes
from agent.policies.hub.download import find_parent, format_size

_USABLE_SHARE = 0.75
"""Share of the main memory that a model may take; the rest is the system's and the video's. An allowance."""
_LARGEST_ON_CPU_BYTES = 5_000_000_000
"""Weights of the largest model that is recommended for a CPU; a larger one would need too long for a question."""
_LARGEST_DOWNLOAD_BYTES = 20_000_000_000
"""Weights of the largest model that is recommended unasked."""


@dataclass(frozen=True)
class Hardware:
    """Memory and disk of a machine."""

    disk_bytes: int
    """Free disk where models are kept."""
    memory_bytes: int | None
    """Main memory in all; None where the system does not say."""
    gpu_bytes: int | None = None
    """Free memory of an NVIDIA or AMD GPU; None without one that torch can use."""
    is_apple: bool = False
    """Whether it has one of Apple's chips, whose GPU shares the main memory."""

    def describe(self) -> str:
        """The machine in words."""
        if self.gpu_bytes is not None:
            gpu = f"a GPU with {format_size(self.gpu_bytes)} free"
        else:
            gpu = "Apple's GPU" if self.is_apple else "no GPU"
        memory = "unknown" if self.memory_bytes is None else format_size(self.memory_bytes)
        return f"{gpu}, {memory} of memory, {format_size(self.disk_bytes)} of disk free"


@dataclass(frozen=True)
class Fit:
    """How a model would run on a machine."""

    how: str
    """In words; why not, where it would not."""
    runs: bool
    bits: int = 16
    """Bits of a weight of the language model: 16, 8 or 4; on a CPU 32 bits count as 16."""


def look_at_machine() -> Hardware:
    """The machine that this process runs on."""
    try:
        memory: int | None = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        memory = None
    return Hardware(
        disk_bytes=shutil.disk_usage(find_parent(Path(constants.HF_HUB_CACHE))).free,
        memory_bytes=memory,
        gpu_bytes=measure_free_gpu_bytes() if may_have_gpu() else None,
        is_apple=platform.system() == "Darwin" and platform.machine() == "arm64",
    )


def judge_fit(model: OpenModel, machine: Hardware) -> Fit:
    """How a model would run: on the GPU as it is, in 8 or 4 bits, on the CPU, or not."""
    usable = None if machine.memory_bytes is None else machine.memory_bytes * _USABLE_SHARE
    if machine.gpu_bytes is not None:
        if model.needed_bytes <= machine.gpu_bytes:
            return Fit("on the GPU", True)
        for bits in (8, 4):
            if model.linear_parameters and model.compute_quantized_bytes(bits) <= machine.gpu_bytes:
                return Fit(f"on the GPU, in {bits} bits", True, bits)
        return Fit(f"no: needs {format_size(model.needed_bytes)} of GPU memory", False)
    needed = model.needed_bytes if machine.is_apple else model.cpu_bytes
    if usable is None or needed > usable:
        return Fit(f"no: needs {format_size(needed)} of memory", False)
    return Fit("on Apple's GPU" if machine.is_apple else "on the CPU, slowly", True)


def recommend_model(machine: Hardware, has_quantizer: bool) -> OpenModel | None:
    """The model to take on a machine; None where none fits.

    The preferred one that fits as it is, else in fewer bits where that can be done, else one that is too small to be
    trusted with tools.

    Args:
        machine: the machine.
        has_quantizer: whether models can be run in 8 and 4 bits.
    """
    largest = _LARGEST_DOWNLOAD_BYTES if machine.gpu_bytes or machine.is_apple else _LARGEST_ON_CPU_BYTES
    fits = {model: judge_fit(model, machine) for model in MODELS if model.weight_bytes <= largest}
    running = [model for model in fits if fits[model].runs and (fits[model].bits == 16 or has_quantizer)]
    ranked = sorted(running, key=lambda model: (not model.is_automatic, fits[model].bits != 16))
    return ranked[0] if ranked else None
