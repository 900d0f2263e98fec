"""Log-probabilities of a padded batch without the columns that are padding in every row.

TRL pads all rows of a step to the longest one, before it cuts them into what goes through the model at once; so a row
of two tokens that stands in for a run without advantage would cost as much as the longest run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import pad

BY_COLUMN = ("mm_token_type_ids", "token_type_ids")
"""What else a model is given that has a column a token."""


@dataclass(frozen=True)
class Trim:
    """Columns that are left out of (rows, tokens): so many at the beginning and so many at the end."""

    first: int
    last: int

    def cut(self, values: torch.Tensor) -> torch.Tensor:
        """The columns that are left, of (rows, tokens)."""
        return values[:, self.first : values.size(1) - self.last]


def find_trim(attention_mask: torch.Tensor, completion: int) -> Trim:
    """The columns that are padding in every row; at least one prompt column and one of the completion are left.

    Args:
        attention_mask: (rows, tokens), 1 where there is a token; prompts padded on the left, completions on the right.
        completion: columns of the completion.
    """
    used = attention_mask.bool().any(0)
    prompt, answer = used[:-completion].int(), used[-completion:].int()
    first = int(prompt.argmax()) if prompt.any() else len(prompt) - 1
    last = int(answer.flip(0).argmax()) if answer.any() else completion - 1
    return Trim(first, last)


def score_trimmed(
    score: Callable[..., Any],
    model: Any,
    input_ids: torch.Tensor,
    attention_mask: torch.Tensor,
    completion: int,
    *arguments: Any,
    **named: Any,
) -> Any:
    """What `score` gives for the batch, (rows, completion) each, with 0 in columns that are padding in every row.

    Args:
        score: TRL's function of the model, ids, mask, columns of the completion, and more.
        model: the model.
        input_ids: (rows, tokens).
        attention_mask: (rows, tokens), 1 where there is a token.
        completion: columns of the completion.
        arguments: what else is given by place.
        named: what else is given by name.
    """
    trim = find_trim(attention_mask, completion)
    seen = {k: trim.cut(v) if k in BY_COLUMN and v is not None else v for k, v in named.items()}
    ids, mask = trim.cut(input_ids), trim.cut(attention_mask)
    logps, entropies, *rest = score(model, ids, mask, completion - trim.last, *arguments, **seen)
    return (pad(logps, (0, trim.last)), None if entropies is None else pad(entropies, (0, trim.last)), *rest)
