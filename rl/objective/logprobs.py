"""Log-probabilities of the tokens that a policy chose, and the imitation loss made of them.

The prefix that all rows share, as the system message, is computed once: exact, since causal attention gives each token
the same whatever comes after it, and the gradient of each row flows back into the prefix. For models of text only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from agent.policies.local.shared_prefix import count_shared_tokens, has_full_attention, prefill_prefix
from rl.finetune.rows import TrainingConversation

_TOKENS_AT_ONCE = 256
"""Tokens whose entropy is computed at once: 50 MB for a vocabulary of 50,000."""


@dataclass(frozen=True)
class Loss:
    """Summed imitation loss of a batch, and the number of its tokens."""

    total: torch.Tensor
    """Negative log-likelihood in nats, a scalar, summed over the policy's tokens."""
    tokens: int
    """Number of the policy's tokens."""


@dataclass(frozen=True)
class Chosen:
    """The policy's tokens of a batch, concatenated, with their logits."""

    logits: torch.Tensor
    """Logits from which each token was chosen, (tokens, vocabulary) float32."""
    ids: torch.Tensor
    """Token ids, (tokens,) int64."""


def policy_loss(model: Any, rows: Sequence[TrainingConversation]) -> Loss:
    """The summed imitation loss of the rows, computed in one batch.

    Args:
        model: a causal language model of transformers, with or without a peft adapter.
        rows: each with a policy token at some place behind the first.
    """
    found = compute_policy_logits(model, rows)
    return Loss(functional.cross_entropy(found.logits, found.ids, reduction="sum"), len(found.ids))


def compute_policy_logits(model: Any, rows: Sequence[TrainingConversation]) -> Chosen:
    """The policy's tokens of the rows and their logits; arguments as in `policy_loss`."""
    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    device = causal.get_input_embeddings().weight.device
    shared = count_shared_tokens([row.ids for row in rows]) if has_full_attention(causal) else 0
    ids, mask, wanted = (part.to(device) for part in _pad_rows(rows))
    beginning = prefill_prefix(causal, rows[0].ids[:shared], len(rows)) if shared else None
    hidden = causal.base_model(
        input_ids=ids[:, shared:],
        attention_mask=mask,
        past_key_values=None if beginning is None else beginning.cache,
        use_cache=beginning is not None,
    ).last_hidden_state  # (rows, rest, width)
    if beginning is not None:
        hidden = torch.cat([beginning.hidden.expand(len(rows), -1, -1), hidden], 1)
    logits = causal.get_output_embeddings()(hidden[:, :-1][wanted[:, 1:]])  # of the wanted tokens alone
    return Chosen(logits.float(), ids[:, 1:][wanted[:, 1:]])


def entropies(logits: torch.Tensor) -> torch.Tensor:
    """Entropies in nats, (tokens,), without gradient, of logits (tokens, vocabulary)."""
    with torch.no_grad():
        parts = [part.log_softmax(-1) for part in torch.split(logits.detach(), _TOKENS_AT_ONCE)]
        return torch.cat([-(part.exp() * part).sum(-1) for part in parts])


def _pad_rows(rows: Sequence[TrainingConversation]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ids, attention mask and loss mask of the rows, each (rows, longest), padded on the right."""
    longest = max(len(row.ids) for row in rows)
    ids, mask = torch.zeros(len(rows), longest, dtype=torch.long), torch.zeros(len(rows), longest, dtype=torch.long)
    wanted = torch.zeros(len(rows), longest, dtype=torch.bool)
    for number, row in enumerate(rows):
        length = len(row.ids)
        ids[number, :length] = torch.tensor(row.ids)
        wanted[number, :length] = torch.tensor(row.is_policy)
        mask[number, :length] = 1
    return ids, mask, wanted
