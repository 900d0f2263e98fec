"""One of several processes that train together: what `accelerate launch` and torchrun have told it, in its environment.

Known before anything is loaded, when no process group is there yet.
"""

import os

import torch


def process_count() -> int:
    """How many train together, on all machines."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this one writes what is written once; true where it is alone."""
    return int(os.environ.get("RANK", "0")) == 0


def take_device() -> None:
    """Makes this process's own GPU the one that `cuda` means; else all would load their model on the first."""
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
