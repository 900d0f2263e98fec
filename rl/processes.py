"""Rank, world size and device of this process, from the environment that `accelerate launch` and torchrun set.

Readable before anything is loaded, when there is no process group yet.
"""

import os

import torch


def process_count() -> int:
    """Number of processes that train together, on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def process_rank() -> int:
    """Rank of this process among those that train together; 0 where it is alone."""
    return int(os.environ.get("RANK", "0"))


def is_first_process() -> bool:
    """Whether this process has rank 0 and so writes logs and checkpoints; true where it is alone."""
    return process_rank() == 0


def take_device() -> None:
    """Makes this process's GPU the current CUDA device; else all would load their model on the first."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
