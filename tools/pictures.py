"""Pictures of any size as one batch for a network, and the number format in which this machine runs it fastest."""

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Network = TypeVar("Network", bound=torch.nn.Module)

_PROBE_PICTURES = 4


def square_batch(pixels: Sequence[Pixels], side: int) -> torch.Tensor:
    """(N, 3, side, side) uint8: each picture squashed to a square, so that nothing at the edges is lost.

    Bicubic with antialias on uint8 equals PIL's resize to the last bit or two and costs a fifth of it.
    """
    return torch.cat([_square(picture, side) for picture in pixels])


def _square(picture: Pixels, side: int) -> torch.Tensor:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"need RGB pictures (height, width, 3) uint8, got {picture.shape} {picture.dtype}")
    # A crop is a view and a stored frame may be read-only: torch wants neither.
    whole = torch.from_numpy(np.require(picture, requirements=["C", "W"]))
    planes = whole.permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(planes, (side, side), mode="bicubic", antialias=True)


def chunks(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    """The items in order in chunks of `most`, a power of two, then of ever smaller ones (13 as 8, 4, 1).

    Few sizes, because torch keeps prepared weights for each size of batch that it ever saw.
    """
    start, size = 0, most
    while start < len(items):
        while size > len(items) - start:
            size //= 2
        yield items[start : start + size]
        start += size


def best_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


_CLEARLY = 2.0
"""So many times as fast: less may be other work on the machine, and rounding can change which name comes first."""


def in_fastest_format(network: Network, run: Callable[[Network, torch.Tensor], Any], side: int) -> Network:
    """The network in bfloat16 where that is clearly faster here, else as it came: tried out, not guessed from the name.

    A CPU with matrix units for bfloat16 is four times faster with it, one without may be ten times slower.
    """
    device = next(network.parameters()).device
    if device.type == "cuda":
        return network.bfloat16()
    sample = torch.zeros(_PROBE_PICTURES, 3, side, side).contiguous(memory_format=torch.channels_last)
    halved = copy.deepcopy(network).bfloat16()
    slow = _seconds(lambda: run(network, sample))
    fast = _seconds(lambda: run(halved, sample.bfloat16()))
    return halved if fast * _CLEARLY < slow else network


def _seconds(work: Callable[[], Any]) -> float:
    """The better of two runs after one to warm up; another process on the machine disturbs one more than both."""
    runs = []
    with torch.inference_mode():
        for _ in range(3):
            start = time.perf_counter()
            work()
            runs.append(time.perf_counter() - start)
    return min(runs[1:])
