"""One query against all keys, as every step of generation has it, at the speed of memory on a CPU.

torch's fused attention takes blocks of queries; for one query in bfloat16 it takes nine times what two plain products
take, and transformers copies each key to every head that shares it before it is even called. Longer queries, and all
that needs a gradient, go the usual way.
"""

from typing import Any

import torch
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "grouped_sdpa"


def grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **named: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it.

    Args:
        module: of the layer.
        query: (rows, heads, queries, width).
        key: (rows, shared heads, keys, width); so is `value`.
        value: as `key`.
        attention_mask: (rows, 1, queries, keys), True where a key is seen, or what is added to the scores.
        dropout: as transformers gives it.
        scaling: of the scores; None is one by the root of the width.
        named: as transformers gives it.

    Returns:
        (rows, queries, heads, width), and None where transformers wants weights.
    """
    if query.shape[2] != 1 or torch.is_grad_enabled():
        usual: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **named
        )
        return usual
    rows, heads, _, width = query.shape
    keys = key.shape[2]
    scale = width**-0.5 if scaling is None else scaling
    held_keys, held_values = _held(key), _held(value)  # a product of a part of them would copy that part first
    asked = (query * scale).reshape(len(held_keys), -1, width)
    scores = torch.bmm(asked, held_keys.transpose(1, 2))[..., :keys].float().view(rows, heads, 1, keys)
    if attention_mask is not None:
        is_bool = attention_mask.dtype == torch.bool
        scores = scores.masked_fill(~attention_mask, -torch.inf) if is_bool else scores + attention_mask
    weights = scores.softmax(-1).to(value.dtype).view(len(held_values), -1, keys)
    weights = functional.pad(weights, (0, held_values.shape[1] - keys))
    return torch.bmm(weights, held_values).view(rows, 1, heads, width), None


def _held(states: torch.Tensor) -> torch.Tensor:
    """(rows x heads, tokens, width) of (rows, heads, tokens, width), with the room that a cache keeps behind them."""
    rows, heads, tokens, width = states.shape
    room = states.stride(1) // width
    if states.stride() != (heads * room * width, room * width, width, 1):
        return states.reshape(rows * heads, tokens, width)
    return states.as_strided((rows * heads, room, width), (room * width, width, 1))


AttentionInterface.register(NAME, grouped_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
