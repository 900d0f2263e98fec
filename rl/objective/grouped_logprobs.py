"""Log-probabilities of a padded batch, with what its prompts share computed once: a group asks one question."""

from collections.abc import Sequence
from typing import Any

import torch

from rl.finetune.rows import TrainingConversation
from rl.objective.logprobs import chosen, entropies

PLACE = "place"
"""The entry of a batch that tells where each row stood when it was drawn."""
_LEFT_OUT_TOKENS = 2
"""Of a row that stands in for a run which is not trained on (`rl.grpo.rows`); among others, it would share nothing."""


def batch_scores(
    model: Any,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    completion: int,
    temperature: float,
    wanted: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, completion) natural logarithms of probabilities, and entropies in nats without gradient; 0 elsewhere.

    Args:
        model: a causal language model that only reads, with or without a peft adapter.
        input_ids: (rows, tokens); prompts padded on the left, completions on the right.
        attention_mask: (rows, tokens), 1 where there is a token.
        completion: how many tokens the longest completion has, with which every row ends.
        temperature: that was sampled with.
        wanted: (rows, completion), 1 for the tokens that are scored; None is all. Most of a row is what tools said, and
            each scored token has a number for every word there is.
    """
    seen = attention_mask.bool()
    is_wanted = seen.clone()
    is_wanted[:, :-completion] = False
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
    for family in families(rows, prompts):
        members = [rows[number] for number in family]
        found = chosen(model, members)
        logits = found.logits / temperature
        lengths = [sum(row.is_policy) for row in members]
        told = torch.split(logits.log_softmax(-1).gather(-1, found.ids[:, None])[:, 0], lengths)
        for number, of_row, entropy in zip(family, told, torch.split(entropies(logits), lengths), strict=True):
            logps[number], unsure[number] = of_row, entropy
    place = is_wanted[:, -completion:]
    return _placed(torch.cat(logps), place), _placed(torch.cat(unsure), place)


def families(rows: Sequence[TrainingConversation], prompts: Sequence[int]) -> list[list[int]]:
    """The numbers of rows that have most in common, to be computed together; those alone are one family.

    Runs of a question that began with the same turn share it, with what came back, and not only the prompt.

    Args:
        rows: as they are scored.
        prompts: tokens of the prompt of each.
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
    return [family for family in found if len(family) > 1] + ([alone] if alone else [])


def _placed(values: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """The values, in order, where `place` is; 0 elsewhere."""
    return values.new_zeros(place.shape).masked_scatter(place, values)


def in_order(batches: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The batches of a step with the rows of a group together again; TRL mixes them, which changes no sum of theirs."""
    places = torch.cat([batch[PLACE] for batch in batches])
    order = places.argsort()

    def arranged(name: str) -> list[Any]:
        values = [batch[name] for batch in batches]
        if not isinstance(values[0], torch.Tensor) or values[0].ndim == 0:
            return values
        return list(torch.split(torch.cat(values)[order], [len(value) for value in values]))

    columns = {name: arranged(name) for name in batches[0]}
    return [{name: column[number] for name, column in columns.items()} for number in range(len(batches))]
