"""Columns that are padding in every row are not computed, and what is found of the others is the same."""

from typing import Any

import torch

from rl.objective.padding import Trim, find_trim, score_trimmed

MASK = torch.tensor([[0, 0, 1, 1, 1, 1, 0, 0], [0, 1, 1, 1, 1, 0, 0, 0]])
"""Prompts of two and three tokens, completions of two and one in four columns."""


def test_columns_that_no_row_uses_are_found_at_both_ends() -> None:
    assert find_trim(MASK, 4) == Trim(1, 2)
    assert find_trim(MASK[:1], 4) == Trim(2, 2)
    assert find_trim(torch.ones(2, 8), 4) == Trim(0, 0)
    assert find_trim(torch.zeros(2, 8), 4) == Trim(3, 3), "something is left for the model"


def test_a_model_is_given_the_other_columns_and_its_numbers_stand_where_they_stood() -> None:
    ids, seen = torch.arange(16).reshape(2, 8), list[Any]()

    def score(model: Any, ids: torch.Tensor, mask: torch.Tensor, kept: int, *rest: Any, **named: Any) -> Any:
        seen.extend((ids, mask, kept, rest, named))
        return ids[:, -kept:].float(), None, None

    kinds = torch.arange(16).reshape(2, 8) * 10
    given: dict[str, Any] = {"mm_token_type_ids": kinds, "token_type_ids": None, "num_images": [1, 0]}
    logps, entropies, rest = score_trimmed(score, None, ids, MASK, 4, 2, **given)
    assert (entropies, rest) == (None, None)
    assert seen[0].tolist() == ids[:, 1:6].tolist()
    assert seen[1].tolist() == MASK[:, 1:6].tolist()
    assert seen[2:4] == [2, (2,)]
    assert seen[4]["mm_token_type_ids"].tolist() == kinds[:, 1:6].tolist()
    assert (seen[4]["token_type_ids"], seen[4]["num_images"]) == (None, [1, 0])
    assert logps.tolist() == [[4.0, 5.0, 0.0, 0.0], [12.0, 13.0, 0.0, 0.0]]
    both = score_trimmed(lambda *_, **__: (logps[:, :2], logps[:, :2], 0), None, ids, MASK, 4)
    assert [one.shape for one in both[:2]] == [(2, 4), (2, 4)]
