"""Grouped-query attention in bfloat16 on a CPU, as plain products: keys are not copied to the heads that share them.

For one query, as in every step of generation, torch's fused attention takes nine times what two products take; for
many, with the gradient, 1.8 times. Other types than bfloat16 go to torch's attention.
"""

from typing import Any

import torch
from torch.nn import functional
from torch.utils.checkpoint import checkpoint
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from agent.policies.local.preallocated_cache import get_shared_prefix

NAME = "grouped_sdpa"
_QUERIES_AT_ONCE = 128
"""Queries of one block, few enough that their scores stay in a CPU's cache; a block leaves out the keys behind it."""


def use_grouped_attention(model: Any) -> None:
    """Makes a model of transformers compute its attention so."""
    AttentionInterface.register(NAME, compute_grouped_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    model.set_attn_implementation(NAME)


def compute_grouped_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **named: Any,
) -> tuple[torch.Tensor, None]:
    """Attention with the signature of transformers' attention functions.

    Args:
        module: the attention layer.
        query: (rows, heads, queries, width).
        key: (rows, shared heads, keys, width).
        value: (rows, shared heads, keys, width).
        attention_mask: (rows, 1, queries, keys), bool, True where a key is seen, or float, added to the scores.
        dropout: dropout of the weights; other than 0 goes to torch's attention.
        scaling: factor on the scores; None is one by the root of the width.
        named: further arguments for torch's attention.

    Returns:
        The attended values (rows, queries, heads, width), and None in the place of the weights.
    """
    if query.shape[2] == 1 and not torch.is_grad_enabled():
        return _attend_one_query(query, key, value, attention_mask, scaling), None
    seen = attention_mask if attention_mask is not None and attention_mask.dtype == torch.bool else None
    if dropout or seen is None or _get_product_dtype(query) != torch.bfloat16:
        usual: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **named
        )
        return usual
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    query, key, value = (part.to(torch.bfloat16) for part in (query * scale, key, value))
    return _attend_in_blocks(query, key, value, seen).transpose(1, 2).contiguous(), None


def _get_product_dtype(states: torch.Tensor) -> torch.dtype:
    kind = states.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype


def _attend_in_blocks(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """The attended values (rows, heads, queries, width), block by block. Weights are computed again for the gradient:
    they are too many to be kept."""
    done, places = [], torch.arange(1, seen.shape[-1] + 1, device=seen.device)
    for start in range(0, query.shape[2], _QUERIES_AT_ONCE):
        block = seen[:, :, start : start + _QUERIES_AT_ONCE]
        keys = max(1, int((block.any(2).any(1).any(0) * places).max()))  # a block of padding alone sees none
        parts = query[:, :, start : start + _QUERIES_AT_ONCE], key[:, :, :keys], value[:, :, :keys], block[..., :keys]
        done.append(
            checkpoint(_attend_block, *parts, use_reentrant=False) if torch.is_grad_enabled() else _attend_block(*parts)
        )
    return torch.cat(done, 2)


def _attend_block(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    rows, shared, keys, width = key.shape
    asked = query.reshape(rows * shared, -1, width)
    scores = torch.bmm(asked, key.reshape(-1, keys, width).transpose(1, 2)).view(*query.shape[:3], keys)
    # finite: the output of a padding query that sees nothing is not used, but must not be nan
    weights = scores.masked_fill_(~seen, torch.finfo(scores.dtype).min).softmax(-1)
    return torch.bmm(weights.view(len(asked), -1, keys), value.reshape(-1, keys, width)).view(query.shape)


def _attend_one_query(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None,
) -> torch.Tensor:
    """The attended values of one query each, (rows, 1, heads, width)."""
    rows, heads, _, width = query.shape
    keys = key.shape[2]
    scale = width**-0.5 if scaling is None else scaling
    held_keys, held_values = (
        _view_held(key),
        _view_held(value),
    )  # a product of a part of them would copy that part first
    asked = (query * scale).reshape(len(held_keys), -1, width)
    scores = torch.bmm(asked, held_keys.transpose(1, 2))[..., :keys].float().view(rows, heads, 1, keys)
    beginning = get_shared_prefix(key)
    if beginning is not None:
        first = _group_by_head(asked, rows) @ beginning.keys.transpose(1, 2)
        scores = torch.cat([_group_by_row(first, rows).view(rows, heads, 1, -1).float(), scores], -1)
    if attention_mask is not None:
        is_bool = attention_mask.dtype == torch.bool
        scores = scores.masked_fill(~attention_mask, -torch.inf) if is_bool else scores + attention_mask
    weights = scores.softmax(-1).to(value.dtype).view(len(held_values), -1, scores.shape[-1])
    behind = functional.pad(weights[..., -keys:], (0, held_values.shape[1] - keys))
    found = torch.bmm(behind, held_values)
    if beginning is not None:
        found += _group_by_row(_group_by_head(weights[..., :-keys], rows) @ beginning.values, rows)
    return found.view(rows, 1, heads, width)


def _group_by_head(states: torch.Tensor, rows: int) -> torch.Tensor:
    """States by head, (shared heads, rows x sharing, width) from (rows x shared heads, sharing, width)."""
    _, sharing, width = states.shape
    return states.view(rows, -1, sharing, width).transpose(0, 1).reshape(-1, rows * sharing, width)


def _group_by_row(states: torch.Tensor, rows: int) -> torch.Tensor:
    """States by row, (rows x shared heads, sharing, width) from (shared heads, rows x sharing, width)."""
    heads, _, width = states.shape
    return states.view(heads, rows, -1, width).transpose(0, 1).reshape(rows * heads, -1, width)


def _view_held(states: torch.Tensor) -> torch.Tensor:
    """States (rows x heads, tokens, width) from (rows, heads, tokens, width), with a cache's room behind them."""
    rows, heads, tokens, width = states.shape
    room = states.stride(1) // width
    if states.stride() != (heads * room * width, room * width, width, 1):
        return states.reshape(rows * heads, tokens, width)
    return states.as_strided((rows * heads, room, width), (room * width, width, 1))
