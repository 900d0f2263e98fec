"""Prefill of what the prompts of a batch share, such as system message and tools, or all of it, once for all rows.

For text-only models that attend to everything. A vision model places its tokens in two dimensions, and where its
pictures stand differs from row to row; a model with a window would count the padding behind the prefix as seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from agent.policies.local import cpu_attention
from agent.policies.local.preallocated_cache import preallocate

WORTH_TOKENS = 32
"""Tokens of a shared prefix at least: a shorter one costs more to share than to compute again."""


@dataclass(frozen=True)
class SharedPrefix:
    """The prefix that all rows share, after one pass through the model."""

    cache: DynamicCache
    """Keys and values of the prefix, repeated for every row."""
    hidden: torch.Tensor
    """Hidden states of the last layer, (1, tokens, width)."""


def count_shared_tokens(rows: Sequence[Sequence[int]]) -> int:
    """The number of ids that all rows begin with, at least one of each row left over; 0 for fewer than WORTH_TOKENS."""
    alike = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False)))
    count = min(alike, min(map(len, rows)) - 1)
    return count if len(rows) > 1 and count >= WORTH_TOKENS else 0


def has_full_attention(model: Any) -> bool:
    """Whether every layer of a model attends to all that came before, without a window or a state of its own."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def prefill_prefix(model: Any, ids: Sequence[int], rows: int) -> SharedPrefix:
    """Passes a prefix through a model once for several rows, with gradient where that is on.

    Args:
        model: a causal language model of transformers.
        ids: ids of the prefix.
        rows: number of rows that the cache is repeated for.
    """
    cache = DynamicCache(config=model.config)
    seen = model.base_model(input_ids=torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(rows)
    return SharedPrefix(cache, seen.last_hidden_state)


def prefill_unique(model: Any, ids: torch.Tensor, mask: torch.Tensor, shared: int) -> DynamicCache:
    """The keys and values of prompts but their last token, with each different prompt passed through the model once.

    Args:
        model: a causal language model of transformers.
        ids: (rows, tokens) int64, the prompts, padded behind the `shared` tokens.
        mask: (rows, tokens) int64, 1 where there is a token.
        shared: tokens that all prompts begin with; 0 if none.
    """
    found: dict[tuple[int, ...], int] = {}
    of_row = [found.setdefault(tuple(row), len(found)) for row in ids.tolist()]
    first = torch.tensor([of_row.index(number) for number in range(len(found))], device=ids.device)
    cache = (
        prefill_prefix(model, ids[0, :shared].tolist(), len(found)).cache
        if shared
        else DynamicCache(config=model.config)
    )
    different, seen = ids[first], mask[first]
    places = (seen.cumsum(1) - 1).clamp(min=0)[:, shared:-1]
    if places.shape[1]:
        model.base_model(
            input_ids=different[:, shared:-1],
            attention_mask=seen[:, :-1],
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
        )
    cache.batch_select_indices(torch.tensor(of_row, device=ids.device))
    # an attention other than ours does not ask for the shared prefix: it takes whole keys
    return preallocate(cache, shared if model.config._attn_implementation == cpu_attention.NAME else 0)
