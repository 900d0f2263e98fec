"""Log-probabilities of a padded batch, in which prefixes that rows share are computed once."""

from collections.abc import Sequence
from typing import Any

import torch

from rl.finetune.rows import TrainingConversation
from rl.objective.logprobs import compute_policy_logits, entropies

PLACE = "place"
"""Key of a batch under which each row has its place in the step as sampled."""
_LEFT_OUT_TOKENS = 2
"""Length of a row that stands in for a run which is not trained on (`rl.grpo.rows`); it has no prefix to share."""


def score_batch(
    model: Any,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    completion: int,
    temperature: float,
    wanted: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Natural log-probabilities and, without gradient, entropies in nats, both (rows, completion); 0 where not wanted.

    Args:
        model: a causal language model that only reads, with or without a peft adapter.
        input_ids: (rows, tokens); prompts padded on the left, completions on the right.
        attention_mask: (rows, tokens), 1 where there is a token.
        completion: tokens of the longest completion, with which every row ends.
        temperature: temperature of sampling, by which logits are divided.
        wanted: (rows, completion), 1 for the tokens that are scored; None is all. Most of a row are
            observations, and each scored token takes a row of logits over the vocabulary.
    """
    seen = attention_mask.bool()
    is_wanted = seen.clone()
    is_wanted[:, :-completion] = False
    is_wanted &= input_ids < model.get_output_embeddings().weight.shape[0]  # ids of pictures are never sampled
    begins = is_wanted.int().argmax(1).tolist()
    if wanted is not None:
        is_wanted[:, -completion:] &= wanted.bool()
    counts = seen.sum(1) > _LEFT_OUT_TOKENS
    if not counts.any():  # a graph is needed all the same
        counts = torch.ones_like(counts)
    is_wanted &= counts[:, None]
    rows = [
        TrainingConversation(tuple(ids[here].tolist()), tuple(flags[here].tolist()))
        for ids, here, flags, is_counted in zip(input_ids, seen, is_wanted, counts, strict=True)
        if is_counted
    ]
    prompts = [
        int(here[:begin].sum()) for here, begin, is_counted in zip(seen, begins, counts, strict=True) if is_counted
    ]
    logps, unsure = [torch.empty(0)] * len(rows), [torch.empty(0)] * len(rows)
    for family in group_families(rows, prompts):
        members = [rows[number] for number in family]
        found = compute_policy_logits(model, members)
        logits = found.logits / temperature
        lengths = [sum(row.is_policy) for row in members]
        told = torch.split(logits.log_softmax(-1).gather(-1, found.ids[:, None])[:, 0], lengths)
        for number, of_row, entropy in zip(family, told, torch.split(entropies(logits), lengths), strict=True):
            logps[number], unsure[number] = of_row, entropy
    place = is_wanted[:, -completion:]
    return _scatter(torch.cat(logps), place), _scatter(torch.cat(unsure), place)


def group_families(rows: Sequence[TrainingConversation], prompts: Sequence[int]) -> list[list[int]]:
    """Numbers of the rows that share most of their tokens, by family, to be computed together.

    Runs of a question that began with the same turn share it with its observation, and not only the prompt; the others
    of the question share that, and single ones are one family.

    Args:
        rows: the rows that are scored.
        prompts: number of prompt tokens of each row.
    """
    found: list[list[int]] = []
    for number, (row, first) in enumerate(zip(rows, prompts, strict=True)):
        wanted = first + (len(row.ids) - first) // 2
        mine = (family for family in found if row.ids[:wanted] == rows[family[0]].ids[:wanted])
        if (family := next(mine, None)) is not None:
            family.append(number)
        else:
            found.append([number])
    alone = [number for family in found if len(family) == 1 for number in family]
    asked: dict[tuple[int, ...], list[int]] = {}
    for number in alone:
        asked.setdefault(rows[number].ids[: prompts[number]], []).append(number)
    single = [number for family in asked.values() if len(family) == 1 for number in family]
    together = [family for family in (*found, *asked.values()) if len(family) > 1]
    return together + ([single] if single else [])


def _scatter(values: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Values, in order, at the places of the mask, in its shape; 0 elsewhere."""
    return values.new_zeros(place.shape).masked_scatter(place, values)


def restore_order(batches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The batches of a step with the rows of a group adjacent again, after TRL has shuffled them."""
    places = torch.cat([batch[PLACE] for batch in batches])
    order = places.argsort()

    def arranged(name: str) -> list[Any]:
        values = [batch[name] for batch in batches]
        if not isinstance(values[0], torch.Tensor) or values[0].ndim == 0:
            return values
        return list(torch.split(torch.cat(values)[order], [len(value) for value in values]))

    columns = {name: arranged(name) for name in batches[0]}
    return [{name: column[number] for name, column in columns.items()} for number in range(len(batches))]
