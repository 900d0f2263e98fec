"""Opens the sampler that a training file names, and the weight synchronisation to its engine."""

from typing import Any

from agent.adapters import read_rank
from agent.policies.local.smollm2 import unpack
from rl.grpo.config import Training
from rl.sampling.engine import Sync
from rl.sampling.sampler import TrainingSampler
from rl.sampling.server_pool import ServerPool
from rl.sampling.vllm_sampler import EngineSampler
from rl.sampling.weight_sync import AdapterSync


def open_sampler(training: Training) -> TrainingSampler:
    """The sampler of a training with its model loaded and its engine started or reached.

    Raises:
        ValueError: the options do not fit.
        MissingPartError: a package is not installed.
        PolicyError: the model or the engine can't be had.
    """
    options, engine = training.play.options(training.seed), training.engine
    if engine.name == "transformers":
        return TrainingSampler(training.model, options, is_half=training.play.is_half)
    if engine.name == "vllm-server":
        from rl.sampling.vllm_server import VllmServer

        servers = [VllmServer(url, concurrency=options.concurrency) for url in engine.urls]
        sampler = EngineSampler(training.model, options, servers[0] if len(servers) == 1 else ServerPool(servers))
        for server in servers:
            server.check_probabilities(sampler.loaded.scribe.end)
        return sampler
    from rl.sampling.vllm_colocated import ColocatedVllm

    place = str(unpack()) if training.model == "smollm2" else training.model
    lora = training.lora
    rank = None if lora is None else read_rank(lora.start) if lora.start else lora.rank
    beside = ColocatedVllm(place, options, rank=rank, memory_share=engine.memory_share, sleeps=engine.sleeps)
    sampler = EngineSampler(place, options, beside)
    sampler.awake = beside.awake
    return sampler


def make_sync(training: Training, sampler: TrainingSampler, accelerator: Any) -> Sync | None:
    """How updated weights get to the engine of a sampler; None where the model in training samples itself.

    Args:
        training: the training file.
        sampler: the sampler that `open_sampler` gave.
        accelerator: the Accelerator of the trainer; says whether weights are split over processes.

    Raises:
        PolicyError: all weights are trained, and there is no CUDA to bring them by.
        ValueError: no process has all weights, as with FSDP, and the model itself is to generate; or as with ZeRO-3,
            and all of them are to be brought.
    """
    if not isinstance(sampler, EngineSampler):
        if is_split(accelerator):
            raise ValueError("the weights are split over processes, so vLLM has to generate: set name in [engine]")
        return None
    if training.lora is not None:
        return AdapterSync(sampler.engine, training.out / "engine", accelerator)
    if accelerator.distributed_type == "DEEPSPEED" and is_split(accelerator):
        raise ValueError("all weights are not gathered from ZeRO-3 for vLLM: train an adapter ([lora]), or take FSDP")
    return sampler.engine.weight_sync(accelerator.process_index)


def is_split(accelerator: Any) -> bool:
    """Whether weights are split over processes (FSDP or ZeRO-3), so that none has all of them."""
    plugin = accelerator.state.deepspeed_plugin
    return accelerator.distributed_type == "FSDP" or (plugin is not None and plugin.zero_stage == 3)
