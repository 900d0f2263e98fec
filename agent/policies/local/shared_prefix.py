"""What prompts of a batch have in common, as the system message and the tools, or all of it, computed once for all.

For models that read only and attend to everything. A model that sees places its tokens in two dimensions, and where its
pictures stand differs from row to row; one with a window would count the padding behind what is shared as seen.
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
"""A shorter beginning costs more to share than to compute again."""


@dataclass(frozen=True)
class SharedPrefix:
    """What all rows begin with."""

    cache: DynamicCache
    """For every row."""
    hidden: torch.Tensor
    """(1, tokens, width): the last layer's, of the tokens themselves."""


def shared_tokens(rows: Sequence[Sequence[int]]) -> int:
    """How many ids all rows begin with, at least one of each row left over; 0 where sharing is not worth it."""
    alike = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False)))
    count = min(alike, min(map(len, rows)) - 1)
    return count if len(rows) > 1 and count >= WORTH_TOKENS else 0


def attends_to_all(model: Any) -> bool:
    """Whether every layer of a model attends to all that came before, without a window or a state of its own."""
    return all(type(layer) is DynamicLayer for layer in DynamicCache(config=model.config).layers)


def prefill_prefix(model: Any, ids: Sequence[int], rows: int) -> SharedPrefix:
    """These ids, seen once for so many rows; with gradient where that is on."""
    cache = DynamicCache(config=model.config)
    seen = model.base_model(input_ids=torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(rows)
    return SharedPrefix(cache, seen.last_hidden_state)


def prefill_unique(model: Any, ids: torch.Tensor, mask: torch.Tensor, shared: int) -> DynamicCache:
    """What a model keeps of all but the last token of prompts, of which it reads each different one once.

    Args:
        model: a causal language model of transformers.
        ids: (rows, tokens) of the prompts, padded behind the `shared` ones.
        mask: (rows, tokens), 1 where there is a token.
        shared: how many all of them begin with; 0 if none.
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
    # another attention takes whole keys
    return preallocate(cache, shared if model.config._attn_implementation == cpu_attention.NAME else 0)
