"""Pixels of a training step by reference: rows carry JPEGs, and patches are made when a micro-batch is computed.

A 640x360 frame is a JPEG of 39 KB and 5.4 MB of patches, of which a step of 64 rows of 64 frames would need 22 GB. TRL
moves, shuffles and splits the pixels of a whole step; here it does so with one number a patch, that of its picture.
"""

from collections.abc import Sequence
from typing import Any

import torch

from agent.policies.local.image_processing import ImageProcessor, JpegImage, cast_floats, decode_picture
from tools.runtime.threads import map_in_threads


class PixelsByReference:
    """The pictures of the current step, and the hooks that put their pixels in the place of their numbers."""

    def __init__(self, eyes: ImageProcessor) -> None:
        self._eyes = eyes
        self._step: list[JpegImage] = []

    def attach(self, model: Any) -> None:
        """Makes a model take numbers for pixels.

        Args:
            model: one of the Qwen-VL shape of transformers, without a wrapper.
        """
        model.model.register_forward_pre_hook(self._fill, with_kwargs=True)

    def refer(self, images: Sequence[JpegImage]) -> dict[str, torch.Tensor]:
        """Takes the pictures of a step, whose numbers are valid until the next one.

        Args:
            images: the pictures of all rows, in order.

        Returns:
            `pixel_values` (patches, 1) int64, the number of each patch's picture, and `image_grid_thw` (pictures, 3).
        """
        self._step = list(images)
        grids = torch.tensor([one.grid for one in images])
        numbers = torch.arange(len(images)).repeat_interleave(grids.prod(-1))
        return {"pixel_values": numbers[:, None], "image_grid_thw": grids}

    def _fill(self, model: Any, arguments: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        numbers = named.get("pixel_values")
        if numbers is None or numbers.is_floating_point():
            return arguments, named
        patches = named["image_grid_thw"].prod(-1)
        shown = [self._step[number] for number in numbers[patches.cumsum(0) - patches, 0].tolist()]
        return arguments, named | {"pixel_values": self._make_pixels(shown, _choose_dtype(model)).to(numbers.device)}

    def _make_pixels(self, shown: Sequence[JpegImage], dtype: torch.dtype) -> torch.Tensor:
        """Patches (patches, patch width) of pictures, each computed once."""

        def make(jpeg: bytes) -> torch.Tensor:
            inputs = self._eyes.look(decode_picture(jpeg)).inputs
            return cast_floats(inputs, dtype)["pixel_values"]

        different = list(dict.fromkeys(one.jpeg for one in shown))
        made = dict(zip(different, map_in_threads(make, different), strict=True))
        return torch.cat([made[one.jpeg] for one in shown])


def _choose_dtype(model: Any) -> torch.dtype:
    """The type in which the vision encoder of a model computes; pixels in a finer one would be rounded there."""
    kind = model.visual.device.type
    if torch.is_autocast_enabled(kind):
        return torch.get_autocast_dtype(kind)
    dtype: torch.dtype = model.visual.dtype
    return dtype
