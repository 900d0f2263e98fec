"""Pictures that go through a model's vision tower once: for Qwen-VL, whose tower sees each picture by itself.

A conversation shows all its pictures again in each turn, and the runs of a group show the same ones; what the tower
makes of a picture depends on nothing but the picture and the weights. So it is kept, until the weights change.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from agent.policies.local.image_processing import REMEMBERED, ProcessedImage


@dataclass(frozen=True)
class VisionFeatures:
    """What the tower makes of one picture."""

    tokens: torch.Tensor
    """(tokens, width of the language model)."""
    deep: tuple[torch.Tensor, ...]
    """As many for each of the layers that are given more of it: three in Qwen3-VL, none in Qwen2.5-VL."""


class VisionFeatureCache:
    """Stands where a model of the Qwen-VL shape asks for the features of its pictures. Not for several threads."""

    def __init__(self, model: Any, most_pictures: int = REMEMBERED) -> None:
        """Takes the place of `get_image_features`; the model is as it was until pictures are said to be shown.

        Args:
            model: of transformers, loaded.
            most_pictures: are kept, by default as many as are remembered once prepared, since one that is prepared
                anew is another; one of 640x360 takes 4 MB in a Qwen3-VL of 2B in bfloat16, so 256 take 1 GB.
        """
        self._encode = model.model.get_image_features
        model.model.get_image_features = self
        self._most_pictures = most_pictures
        # by the identity of the picture; it is held, so that no other can take its identity
        self._kept: OrderedDict[int, tuple[ProcessedImage, VisionFeatures]] = OrderedDict()
        self._kind: Any = None
        """Class of what the model gives back."""
        self._shown: Sequence[ProcessedImage] | None = None

    @contextmanager
    def showing(self, seen: Sequence[ProcessedImage]) -> Iterator[None]:
        """Within, the model is given these pictures, in this order."""
        self._shown = seen
        try:
            yield
        finally:
            self._shown = None

    def forget(self) -> None:
        """To be called when the weights have changed."""
        self._kept.clear()

    def __call__(self, pixel_values: torch.Tensor, image_grid_thw: torch.Tensor, **named: Any) -> Any:
        """The features of all pictures, as transformers wants them; with a gradient all are encoded anew."""
        if self._shown is None or torch.is_grad_enabled():
            return self._encode(pixel_values, image_grid_thw, **named)
        first: dict[int, int] = {}  # identity -> the first place where it is shown
        for place, one in enumerate(self._shown):
            if id(one) not in self._kept:
                first.setdefault(id(one), place)
        if first:
            patches = torch.split(pixel_values, image_grid_thw.prod(-1).tolist())
            new = torch.cat([patches[place] for place in first.values()])
            found = self._encode(new, image_grid_thw[list(first.values())], **named)
            self._kind = type(found)
            for place, encoded in zip(first.values(), _apart(found), strict=True):
                self._kept[id(self._shown[place])] = (self._shown[place], encoded)
        together = _together(self._kind, [self._kept[id(one)][1] for one in self._shown])
        self._trim(self._shown)
        return together

    def _trim(self, shown: Sequence[ProcessedImage]) -> None:
        for one in shown:
            self._kept.move_to_end(id(one))
        while len(self._kept) > self._most_pictures:
            self._kept.popitem(last=False)


def _apart(found: Any) -> list[VisionFeatures]:
    """Picture by picture."""
    sizes = [len(tokens) for tokens in found.pooler_output]
    levels = [torch.split(level, sizes) for level in getattr(found, "deepstack_features", None) or ()]
    return [VisionFeatures(tokens, tuple(level[n] for level in levels)) for n, tokens in enumerate(found.pooler_output)]


def _together(kind: Any, encoded: Sequence[VisionFeatures]) -> Any:
    """All pictures; without the tower's own patches, which nobody reads."""
    tokens = tuple(one.tokens for one in encoded)
    if not encoded[0].deep:
        return kind(pooler_output=tokens)
    levels = zip(*(one.deep for one in encoded), strict=True)
    return kind(pooler_output=tokens, deepstack_features=[torch.cat(level) for level in levels])
