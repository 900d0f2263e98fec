"""A vLLM engine beside the model in training: in processes of its own, with a share of the same GPU.

Each training process has its own. Adapters come as folders; all weights come over CUDA IPC, which was not run here.
"""

import importlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from agent.policies.local.image_processing import decode_picture
from agent.policies.vllm import VllmPolicy, choose_lora_room
from agent.policies.vllm_engine import is_on_cpu
from agent.policy import PolicyError, PolicyOptions
from rl.sampling.engine import Sampled
from rl.sampling.weight_sync import WeightSync, check_cuda, check_text_only, start_transfer


class ColocatedVllm:
    """A vLLM engine that serves this process alone."""

    is_shared = False

    def __init__(
        self, where: str, options: PolicyOptions, *, rank: int | None, memory_share: float, sleeps: bool = False
    ) -> None:
        """Starts the engine, which takes from half a minute to minutes.

        Args:
            where: folder of the model, or its hub id.
            options: sampling options.
            rank: rank of the adapter; None where all weights are trained.
            memory_share: share of the GPU's memory that the engine takes, 0..1.
            sleeps: whether it is to give that memory back outside `awake`, from the first one on. Needs CUDA.

        Raises:
            MissingPartError: vLLM is not installed.
            PolicyError: the engine does not start, or all weights are to be sent and there is no CUDA.
        """
        arguments: dict[str, Any] = {} if is_on_cpu() else {"gpu_memory_utilization": memory_share}
        if rank is None:
            check_cuda("bringing all weights to vLLM")
            transfers: Any = importlib.import_module("vllm.config.weight_transfer")
            arguments["weight_transfer_config"] = transfers.WeightTransferConfig(backend="ipc")
            # handles of GPU memory go pickled, from this process to its own engine
            os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")
        else:
            arguments |= {"enable_lora": True, "max_lora_rank": choose_lora_room(rank)}
        if sleeps:
            if not torch.cuda.is_available():
                raise PolicyError("an engine that sleeps gives a GPU's memory back, and there is none: sleeps = false")
            arguments["enable_sleep_mode"] = True
        with _on_own_gpu():
            policy = VllmPolicy(where, replace(options, adapter=""), **arguments)
        self.engine = policy.engine
        self._sleeps, self._is_asleep = sleeps, False

    @contextmanager
    def awake(self) -> Iterator[None]:
        """A context in which the engine holds its memory; after it weights are in the host's, and caches are empty."""
        if self._is_asleep:
            self.engine.tell("wake_up")
            self._is_asleep = False
        try:
            yield
        finally:
            if self._sleeps:
                self.engine.tell("sleep", 1)
                self._is_asleep = True

    def complete(
        self, prompt_ids: Sequence[int], jpegs: Sequence[bytes], sampling: Mapping[str, Any], conversation: str = ""
    ) -> Sampled:
        """Samples a completion of one prompt."""
        said = self.engine.complete(prompt_ids, [decode_picture(jpeg) for jpeg in jpegs], sampling)
        return Sampled(said.prompt_ids, said.token_ids, said.logprobs, said.is_cut)

    def end(self, conversation: str) -> None:
        """Does nothing: all runs are asked of the same engine."""

    def load(self, name: str, adapter: Path) -> None:
        """Loads the adapter of a folder under a name; PolicyError where it does not fit."""
        check_text_only(adapter)
        self.engine.load_adapter(name, str(adapter))

    def use(self, name: str) -> None:
        """Applies a loaded adapter to every request from now on."""
        self.engine.use_adapter(name)

    def forget(self, name: str) -> None:
        """Unloads the adapter of this name."""
        self.engine.forget_adapter(name)

    def close(self) -> None:
        """Ends the engine; also done when the program ends."""
        self.engine.close()

    def weight_sync(self, rank: int) -> WeightSync:
        """The synchronisation of all weights, the same for every rank. Needs CUDA; not run here."""
        # every process sends to its own engine, so each is the first of its transfer
        return WeightSync(
            lambda model: start_transfer("ipc", _Client(self), model, rank=0),
            lambda: self.engine.tell("reset_prefix_cache"),
        )


class _Client:
    """The engine as vLLM's weight transfer asks it; the four methods of its `VLLMWeightSyncClient`."""

    def __init__(self, owner: ColocatedVllm) -> None:
        self._engine = owner.engine
        self._requests: Any = importlib.import_module("vllm.distributed.weight_transfer.base")

    def init_weight_transfer_engine(self, init_info: dict[str, Any]) -> None:
        self._engine.tell("init_weight_transfer_engine", self._requests.WeightTransferInitRequest(init_info))

    def start_weight_update(self) -> None:
        self._engine.tell("start_weight_update")

    def update_weights(self, update_info: Any) -> None:
        told = update_info if isinstance(update_info, dict) else asdict(update_info)
        self._engine.tell("update_weights", self._requests.WeightTransferUpdateRequest(told))

    def finish_weight_update(self, weight_version: str | None = None) -> None:
        self._engine.tell("finish_weight_update", weight_version)


@contextmanager
def _on_own_gpu() -> Iterator[None]:
    """A context in which new processes see this process's GPU alone, as their first."""
    if not torch.cuda.is_available():
        yield
        return
    name, before = "CUDA_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES")
    visible = before.split(",") if before else [str(n) for n in range(torch.cuda.device_count())]
    os.environ[name] = visible[torch.cuda.current_device()]
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
