"""What all prompts of a batch begin with, as the system message and the tools, computed once for all of them.

For models that read only. A model that sees places its tokens in two dimensions, and where its pictures stand differs
from row to row.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any

import torch
from transformers import DynamicCache

WORTH_TOKENS = 32
"""A shorter beginning costs more to share than to compute again."""


def shared_tokens(rows: Sequence[Sequence[int]]) -> int:
    """How many ids all rows begin with, at least one of each row left over; 0 where sharing is not worth it."""
    alike = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False)))
    count = min(alike, min(map(len, rows)) - 1)
    return count if len(rows) > 1 and count >= WORTH_TOKENS else 0


def begun(model: Any, ids: Sequence[int], rows: int) -> DynamicCache:
    """What the model keeps of these ids, for so many rows; with gradient where that is on."""
    cache = DynamicCache(config=model.config)
    model.base_model(input_ids=torch.tensor([ids], device=model.device), past_key_values=cache, use_cache=True)
    cache.batch_repeat_interleave(rows)
    return cache
