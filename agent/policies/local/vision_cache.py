"""A cache of vision features, so that a picture goes through the tower once: for Qwen-VL, whose tower encodes each
picture by itself.

A conversation shows all its pictures again in each turn, and the rollouts of a group show the same ones; the features
depend on nothing but the picture and the weights. So they are kept, until the weights change.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from agent.policies.local.image_processing import REMEMBERED, JpegImage

MakePixels = Callable[[Sequence[JpegImage]], torch.Tensor]


@dataclass(frozen=True)
class VisionFeatures:
    """The vision tower's features of one picture."""

    tokens: torch.Tensor
    """Features, (tokens, width of the language model)."""
    deep: tuple[torch.Tensor, ...]
    """Deepstack features of the same shape for each layer that takes some: three in Qwen3-VL, none in Qwen2.5-VL."""


class VisionFeatureCache:
    """A cache in the place of a Qwen-VL model's `get_image_features`. Not for several threads."""

    def __init__(self, model: Any, make_pixels: MakePixels, most_pictures: int = REMEMBERED) -> None:
        """Replaces the model's `get_image_features`, which encodes as before outside `showing`.

        Args:
            model: a loaded transformers model.
            make_pixels: makes the pixels of pictures that have to be encoded, (patches, patch width) of all.
            most_pictures: pictures to keep at least; one of 640x360 takes 4 MB in a Qwen3-VL of 2B in bfloat16, so 256
                take 1 GB.
        """
        self._encode = model.model.get_image_features
        model.model.get_image_features = self
        self._make_pixels = make_pixels
        self.most_pictures = most_pictures
        self._kept: OrderedDict[bytes, VisionFeatures] = OrderedDict()
        self._kind: Any = None
        """Class of the model's own output, which the cached features are put into."""
        self._shown: Sequence[JpegImage] | None = None

    def __contains__(self, jpeg: bytes) -> bool:
        return jpeg in self._kept

    @property
    def is_showing(self) -> bool:
        """Whether the pixels that the model is given are not read, since it is known which pictures they are."""
        return self._shown is not None

    @contextmanager
    def showing(self, seen: Sequence[JpegImage]) -> Iterator[None]:
        """A context in which the model's pictures are these, in this order; without a gradient only their grids are
        read of what the model is given."""
        self._shown = seen
        try:
            yield
        finally:
            self._shown = None

    def forget(self) -> None:
        """Empties the cache, as is needed when the weights have changed."""
        self._kept.clear()

    def __call__(self, pixel_values: torch.Tensor, image_grid_thw: torch.Tensor, **named: Any) -> Any:
        """The features of all pictures in transformers' output class; with a gradient all are encoded anew.

        Args:
            pixel_values: (patches, patch width), the patches of all pictures; not read inside `showing`.
            image_grid_thw: (pictures, 3), patches of each in time, height and width.
            named: further arguments of the model's own function.
        """
        if self._shown is None or torch.is_grad_enabled():
            return self._encode(pixel_values, image_grid_thw, **named)
        first: dict[bytes, int] = {}  # new picture -> the first place where it is shown
        for place, one in enumerate(self._shown):
            if one.jpeg not in self._kept:
                first.setdefault(one.jpeg, place)
        if first:
            places = list(first.values())
            pixels = self._make_pixels([self._shown[place] for place in places])
            found = self._encode(pixels.to(image_grid_thw.device), image_grid_thw[places], **named)
            self._kind = type(found)
            self._kept |= zip(first, _split_features(found), strict=True)
        together = _join_features(self._kind, [self._kept[one.jpeg] for one in self._shown])
        self._trim(self._shown)
        return together

    def _trim(self, shown: Sequence[JpegImage]) -> None:
        for one in shown:
            self._kept.move_to_end(one.jpeg)
        while len(self._kept) > self.most_pictures:
            self._kept.popitem(last=False)


def _split_features(found: Any) -> list[VisionFeatures]:
    """The features of each picture from the model's output for several."""
    sizes = [len(tokens) for tokens in found.pooler_output]
    levels = [torch.split(level, sizes) for level in getattr(found, "deepstack_features", None) or ()]
    return [VisionFeatures(tokens, tuple(level[n] for level in levels)) for n, tokens in enumerate(found.pooler_output)]


def _join_features(kind: Any, encoded: Sequence[VisionFeatures]) -> Any:
    """The model's output for several pictures, without the tower's own patches, which nobody reads."""
    tokens = tuple(one.tokens for one in encoded)
    if not encoded[0].deep:
        return kind(pooler_output=tokens)
    levels = zip(*(one.deep for one in encoded), strict=True)
    return kind(pooler_output=tokens, deepstack_features=[torch.cat(level) for level in levels])
