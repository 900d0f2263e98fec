"""A blank picture for batches without any, so that processes that train together do not wait for each other.

With weights that are split over processes, and with gradients that are averaged while the backward pass still runs,
each process waits in every layer for all others. One whose rows happen to have no picture never runs the vision
encoder, and the others wait for ever. So it encodes a blank picture and adds zero times the result to its embeddings.
"""

from typing import Any

import torch

_SIDE = 4
"""Patches a side of the blank picture: two by two tokens after merging, the least there is."""


class BlankPicture:
    """Hooks that run the vision encoder of a Qwen-VL model on a blank picture in each batch without pictures.

    For training only: a batch that generates has no other processes to wait for.
    """

    def __init__(self, model: Any) -> None:
        """Registers the hooks on `model`, which is one of transformers, without a wrapper."""
        self._eyes: Any = model.model.visual
        self._has_seen = False
        self._eyes.register_forward_hook(self._note_picture)
        model.model.language_model.register_forward_pre_hook(self._encode_blank, with_kwargs=True)

    def _note_picture(self, *_: Any) -> None:
        self._has_seen = True

    def _encode_blank(self, _: Any, arguments: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        has_seen, self._has_seen = self._has_seen, False
        if has_seen or named.get("past_key_values") is not None:
            return arguments, named
        made = self._eyes(self._blank(), grid_thw=self._grid())
        self._has_seen = False
        embeddings = named["inputs_embeds"]
        for part in _tensors(made.to_tuple()):
            embeddings = embeddings + 0.0 * part.sum().to(embeddings)
        return arguments, named | {"inputs_embeds": embeddings}

    def _grid(self) -> torch.Tensor:
        return torch.tensor([[1, _SIDE, _SIDE]], device=self._eyes.device)

    def _blank(self) -> torch.Tensor:
        """Zeros as the pixels of one picture: (patches, values a patch) in the dtype of the vision encoder."""
        config = self._eyes.config
        width = config.in_channels * config.temporal_patch_size * config.patch_size**2
        return torch.zeros(_SIDE * _SIDE, width, dtype=self._eyes.dtype, device=self._eyes.device)


def drop_empty_pictures(model: Any) -> None:
    """Makes a Qwen-VL model take rows without a picture: TRL hands them none of the pixels of the others, not nothing.

    Args:
        model: one of transformers, without a wrapper.
    """
    model.model.register_forward_pre_hook(_drop_none, with_kwargs=True)


def _drop_none(_: Any, arguments: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    grid = named.get("image_grid_thw")
    if grid is not None and not len(grid):
        named = {name: value for name, value in named.items() if name not in ("pixel_values", "image_grid_thw")}
    return arguments, named


def _tensors(parts: Any) -> list[torch.Tensor]:
    if isinstance(parts, torch.Tensor):
        return [parts]
    return [tensor for part in parts or () for tensor in _tensors(part)]
