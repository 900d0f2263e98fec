"""The loss of imitation: cross-entropy of the tokens that the policy chose, and of no others.

What all rows begin with, as the system message, is computed once and shared: exact, since causal attention gives each
token the same whatever comes after it, and the gradient of each row flows back into the shared part.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import torch
from torch.nn import functional
from transformers import DynamicCache

from rl.imitated import Row


@dataclass(frozen=True)
class Loss:
    """The loss of some rows."""

    total: torch.Tensor
    """Scalar, natural logarithm, summed over the policy's tokens."""
    tokens: int
    """How many these are."""


def policy_loss(model: Any, rows: Sequence[Row]) -> Loss:
    """The summed loss of the rows, in one batch.

    Args:
        model: a causal language model of transformers, with or without a peft adapter.
        rows: each with a policy token at some place behind the first.
    """
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    device = causal.get_input_embeddings().weight.device
    shared = _shared(rows)
    ids, mask, wanted = (part.to(device) for part in _padded(rows, shared))
    cache = DynamicCache(config=causal.config)
    if shared:
        prefix = torch.tensor([rows[0].ids[:shared]], device=device)
        causal.base_model(input_ids=prefix, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(rows))
    hidden = causal.base_model(
        input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True
    ).last_hidden_state  # (rows, rest, width)
    logits = causal.get_output_embeddings()(hidden[:, :-1][wanted[:, 1:]])  # (tokens, vocabulary), of these alone
    total = functional.cross_entropy(logits.float(), ids[:, 1:][wanted[:, 1:]], reduction="sum")
    return Loss(total, int(wanted[:, 1:].sum()))


def _shared(rows: Sequence[Row]) -> int:
    """How many tokens all rows begin with; one token before the first that the policy chose at most."""
    alike = takewhile(lambda column: len(set(column)) == 1, zip(*(row.ids for row in rows), strict=False))
    first = min(row.is_policy.index(True) for row in rows)
    return max(0, min(sum(1 for _ in alike), first - 1))


def _padded(rows: Sequence[Row], shared: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(rows, rest) ids and whether each is wanted, padded on the right; (rows, shared + rest) attention mask."""
    rest = max(len(row.ids) for row in rows) - shared
    ids, wanted = torch.zeros(len(rows), rest, dtype=torch.long), torch.zeros(len(rows), rest, dtype=torch.bool)
    mask = torch.zeros(len(rows), shared + rest, dtype=torch.long)
    for number, row in enumerate(rows):
        length = len(row.ids) - shared
        ids[number, :length] = torch.tensor(row.ids[shared:])
        wanted[number, :length] = torch.tensor(row.is_policy[shared:])
        mask[number, : shared + length] = 1
    return ids, mask, wanted
