"""Pictures of any size as one batch for a network, and the number format in which this machine runs it fastest."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Network = TypeVar("Network", bound=torch.nn.Module)


def make_square_batch(pixels: Sequence[Pixels], side: int) -> torch.Tensor:
    """A batch (N, 3, side, side) uint8 of pictures squashed to squares, so that nothing at the edges is lost.

    Bicubic with antialias on uint8 equals PIL's resize to the last bit or two and costs a fifth of it.
    """
    return torch.cat([_resize_square(picture, side) for picture in pixels])


def _resize_square(picture: Pixels, side: int) -> torch.Tensor:
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
        raise ValueError(f"need RGB pictures (height, width, 3) uint8, got {picture.shape} {picture.dtype}")
    # A crop is a view and a stored frame may be read-only: torch wants neither.
    whole = torch.from_numpy(np.require(picture, requirements=["C", "W"]))
    planes = whole.permute(2, 0, 1)[None]
    return torch.nn.functional.interpolate(planes, (side, side), mode="bicubic", antialias=True)


def split_chunks(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    """Splits items, in order, into chunks of `most`, a power of two, then of smaller ones (13 as 8, 4, 1).

    Few sizes, because torch keeps prepared weights for each size of batch that it ever saw.
    """
    start, size = 0, most
    while start < len(items):
        while size > len(items) - start:
            size //= 2
        yield items[start : start + size]
        start += size


def choose_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def to_fastest_format(network: Network) -> Network:
    """The network in bfloat16 on a GPU and on a CPU that multiplies in it, else as it came.

    On these it is two to four times as fast, on other CPUs up to ten times slower. The processor is asked and nothing
    measured: beside other work a measurement errs now and then, rounding can change which name comes first, and a
    second index would not be the first one.
    """
    device = next(network.parameters()).device
    can = torch.cpu.get_capabilities()
    is_fast = device.type == "cuda" or can.get("amx_bf16", False) or can.get("avx512_bf16", False)
    return network.bfloat16() if is_fast else network
