"""A cache of keys and values with room behind them, so that a new token does not copy all that came before it.

transformers joins the two at every token: with a batch of 32 and prompts of 900 tokens that takes more than half the
time of a step on a CPU. A prefix that all rows share can be held once, for an attention that knows of it. For
generation only: what is written in place has no gradient.
"""

from dataclasses import dataclass
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

_ROOM = 64
"""Room in tokens, after each of which everything is copied once; not more, since products run over its zeros
(`compute_grouped_attention`)."""
_BEFORE = "_before"
"""Attribute of a tensor of keys that holds the shared prefix, so that the attention finds it."""


@dataclass(frozen=True)
class SharedPrefixKV:
    """Keys and values of a prefix that all rows share."""

    keys: torch.Tensor
    """Keys, (heads, tokens, width)."""
    values: torch.Tensor
    """Values, (heads, tokens, width)."""


def get_shared_prefix(keys: torch.Tensor) -> SharedPrefixKV | None:
    """The shared prefix that comes before some keys; None where every row holds its own."""
    return getattr(keys, _BEFORE, None)


class PreallocatedLayer(DynamicLayer):  # type: ignore[no-untyped-call,unused-ignore]
    """The cache of one layer, whose `keys` and `values` are views of larger tensors with room behind."""

    def __init__(self, layer: DynamicLayer, shared: int = 0) -> None:
        """Takes over the keys and values of a layer; the first `shared` tokens, alike in all rows, are held once."""
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self.__dict__ |= layer.__dict__
        self._held: dict[str, torch.Tensor] = {}
        self._shared = shared
        if shared:
            assert self.keys is not None
            assert self.values is not None
            self._beginning = SharedPrefixKV(self.keys[0, :, :shared].clone(), self.values[0, :, :shared].clone())
            self.keys, self.values = self.keys[:, :, shared:], self.values[:, :, shared:]

    def get_seq_length(self) -> int:
        """The number of tokens in the cache, those held once included."""
        return self._shared + (self.keys.shape[-2] if self.keys is not None and self.keys.numel() else 0)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Appends keys and values and gives all but the shared prefix, (rows, heads, tokens, width) each."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self.keys = keys = self._with("keys", self.keys, key_states)
        self.values = values = self._with("values", self.values, value_states)
        if self._shared:
            setattr(keys, _BEFORE, self._beginning)
        return keys, values

    def _with(self, name: str, before: torch.Tensor | None, new: torch.Tensor) -> torch.Tensor:
        assert before is not None, "initialized above"
        count = before.shape[-2] if before.numel() else 0
        end = count + new.shape[-2]
        held = self._held.get(name)
        is_ours = held is not None and held.data_ptr() == before.data_ptr() and held.shape[0] == new.shape[0]
        if held is None or not is_ours or end > held.shape[-2]:
            held = self._held[name] = new.new_zeros((*new.shape[:-2], end + _ROOM, new.shape[-1]))
            if count:
                held[..., :count, :] = before
        held[..., count:end, :] = new
        return held[..., :end, :]


def preallocate(cache: DynamicCache, shared: int = 0) -> DynamicCache:
    """Gives the layers of a cache that attend to everything room behind their keys and values, in place.

    Args:
        cache: a filled cache, which is given back.
        shared: tokens that all rows begin with, to be held once: the attention has to ask what is `before` its keys.
    """
    cache.layers = [
        PreallocatedLayer(layer, shared) if type(layer) is DynamicLayer else layer for layer in cache.layers
    ]
    return cache
