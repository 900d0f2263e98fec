"""Weight synchronisation to the sampling engine: an adapter as a folder, or all weights over vLLM's own transfer.

The adapter goes by a disk that all processes and the engine see, needs no NCCL and works on several nodes. All weights
go from GPU to GPU, by CUDA IPC to an engine in this process and by NCCL to a server; that needs CUDA and was not run
here, where vLLM's weights on a CPU can't be changed at all.
"""

import importlib
import re
import shutil
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import broadcast_object_list  # type: ignore[import-untyped]
from safetensors import safe_open

from agent.policy import PolicyError
from rl.sampling.engine import SamplingEngine

_EYES = re.compile(r"\.(visual|vision_tower|vision_model)\.")


class AdapterSync:
    """Writes the adapter to a folder, which the engine loads; only the last folder is kept."""

    def __init__(self, engine: SamplingEngine, folder: Path, accelerator: Any) -> None:
        """Agrees with all processes on names for the adapters; sends nothing yet.

        Args:
            engine: the engine that gets the adapters.
            folder: where they are written, on a disk that the engine sees.
            accelerator: the Accelerator of the trainer.
        """
        self._engine, self._folder, self._accelerator = engine, folder, accelerator
        # a server may have outlived another training, or the first half of this one
        mark = [uuid.uuid4().hex[:8]]
        broadcast_object_list(mark)
        self._mark = mark[0]
        self._before: tuple[str, Path] | None = None

    def __call__(self, model: Any, step: int) -> None:
        """Makes the engine sample with the adapter of the model from now on."""
        name, folder = f"adapter-{self._mark}-{step}", self._folder / f"adapter-{step}"
        state = self._accelerator.get_state_dict(model)  # gathered, where each process has a part
        if self._accelerator.is_main_process:
            self._accelerator.unwrap_model(model).save_pretrained(folder, state_dict=state)
        self._accelerator.wait_for_everyone()
        loads = self._accelerator.is_main_process or not self._engine.is_shared
        if loads:
            self._engine.load(name, folder)
        self._accelerator.wait_for_everyone()
        self._engine.use(name)
        if self._before is not None and self._before[0] != name:
            if loads:
                self._engine.forget(self._before[0])
            if self._accelerator.is_main_process and self._before[1] != folder:
                shutil.rmtree(self._before[1])
        self._before = name, folder


def check_text_only(adapter: Path) -> None:
    """Refuses an adapter that changes vision modules, which vLLM would leave out with a warning at its start.

    (vLLM 0.31, `lora/model_manager.py`, without `enable_tower_connector_lora`, which it calls experimental.)

    Raises:
        PolicyError: the adapter changes vision modules.
    """
    with safe_open(adapter / "adapter_model.safetensors", "pt") as file:
        eyes = sorted(name for name in file.keys() if _EYES.search(name))  # noqa: SIM118 (no dict)
    if eyes:
        raise PolicyError(
            f"the adapter changes {eyes[0]} and {len(eyes) - 1} more weights of the picture side, which vLLM leaves "
            'out: name the modules of the words in targets, e.g. ["q_proj", "k_proj", "v_proj", "o_proj"]'
        )


class WeightSync:
    """Sends all weights, by vLLM's weight transfer (0.31). Needs CUDA; not run here.

    Written after vLLM's `distributed/weight_transfer`: a trainer side that is built once, and `send_weights` each time.
    """

    def __init__(self, open_transfer: Callable[[Any], Any], forget_prefixes: Callable[[], None]) -> None:
        """Opens no transfer yet.

        Args:
            open_transfer: opens the trainer side of vLLM's transfer for the weights of a module.
            forget_prefixes: empties the engine's prefix cache, which was computed with the weights before.
        """
        self._open, self._forget_prefixes = open_transfer, forget_prefixes
        self._transfer: Any = None

    def __call__(self, model: Any, step: int) -> None:
        """Makes the engine sample with the weights of the model from now on."""
        if self._transfer is None:
            self._transfer = self._open(model)
        self._transfer.send_weights()
        self._forget_prefixes()


def check_cuda(what: str) -> None:
    """Refuses to go on where there is no CUDA.

    Args:
        what: what needs it, for the message.

    Raises:
        PolicyError: there is no CUDA here.
    """
    if not torch.cuda.is_available():
        raise PolicyError(
            f"{what} needs CUDA, which is not here: train an adapter ([lora]), or generate by transformers"
        )


def start_transfer(backend: str, client: Any, model: Any, **told: Any) -> Any:
    """The trainer side of vLLM's weight transfer for a module, whose parts are gathered where FSDP has split them.

    Args:
        backend: `ipc` or `nccl`.
        client: the engine as vLLM's transfer asks it.
        model: the module whose weights are sent.
        told: fields of the backend's init info.
    """
    package = importlib.import_module("vllm.distributed.weight_transfer")
    infos = importlib.import_module(f"vllm.distributed.weight_transfer.{backend}_engine")
    info = {"ipc": "IPCTrainerInitInfo", "nccl": "NCCLTrainerInitInfo"}[backend]
    return package.WeightTransferTrainerFactory.trainer_init(
        getattr(infos, info)(**told), client=client, source=package.ModuleSource(model)
    )


def find_own_address() -> str:
    """The IP address by which others on the network reach this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("10.255.255.255", 1))  # sends nothing; the socket's name then has the interface that would
        address: str = probe.getsockname()[0]
    return address
