"""Log-probabilities of a padded batch, with what its prompts share computed once: a group asks one question."""

from typing import Any

import torch

from rl.imitated import Row
from rl.policy_loss import chosen, entropies

_LEFT_OUT_TOKENS = 2
"""Of a row that stands in for a run which is not trained on (`rl.rows`); among others, it would share nothing."""


def batch_scores(
    model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, completion: int, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, completion) natural logarithms of probabilities, and entropies in nats without gradient; 0 at padding.

    Args:
        model: a causal language model that only reads, with or without a peft adapter.
        input_ids: (rows, tokens); prompts padded on the left, completions on the right.
        attention_mask: (rows, tokens), 1 where there is a token.
        completion: how many tokens the longest completion has, with which every row ends.
        temperature: that was sampled with.
    """
    seen = attention_mask.bool()
    wanted = seen.clone()
    wanted[:, :-completion] = False
    counts = seen.sum(1) > _LEFT_OUT_TOKENS
    if not counts.any():  # a graph is needed all the same
        counts = torch.ones_like(counts)
    wanted &= counts[:, None]
    rows = [
        Row(tuple(ids[here].tolist()), tuple(flags[here].tolist()))
        for ids, here, flags, is_counted in zip(input_ids, seen, wanted, counts, strict=True)
        if is_counted
    ]
    found = chosen(model, rows)
    logits = found.logits / temperature
    logps = logits.log_softmax(-1).gather(-1, found.ids[:, None])[:, 0]
    return _placed(logps, wanted[:, -completion:]), _placed(entropies(logits), wanted[:, -completion:])


def _placed(values: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """The values, in order, where `place` is; 0 elsewhere."""
    return values.new_zeros(place.shape).masked_scatter(place, values)
