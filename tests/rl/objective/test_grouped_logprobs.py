"""A batch whose prompts are shared is scored as each of its rows would be scored alone, gradients too."""

from typing import Any

import pytest
import torch

from rl.finetune.rows import TrainingConversation
from rl.objective.grouped_logprobs import PLACE, group_families, restore_order, score_batch

PROMPT, PAD = list(range(1, 41)), 0
COMPLETIONS = ([50, 51, 52, 53], [60, 61], [70, 71, 72, 73, 74])


@pytest.fixture
def model() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    return LlamaForCausalLM(LlamaConfig(vocab_size=97, num_key_value_heads=2, **sizes))


def batch(prompts: list[list[int]], completions: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor, int]:
    """As TRL pads it."""
    left, right = max(map(len, prompts)), max(map(len, completions))
    pairs = list(zip(prompts, completions, strict=True))
    ids = [[PAD] * (left - len(p)) + p + c + [PAD] * (right - len(c)) for p, c in pairs]
    mask = [[0] * (left - len(p)) + [1] * (len(p) + len(c)) + [0] * (right - len(c)) for p, c in pairs]
    return torch.tensor(ids), torch.tensor(mask), right


def alone(model: Any, prompt: list[int], completion: list[int], temperature: float) -> torch.Tensor:
    logits = model(torch.tensor([prompt + completion])).logits[0, len(prompt) - 1 : -1] / temperature
    return logits.log_softmax(-1)  # type: ignore[no-any-return]


def test_rows_are_scored_as_they_would_be_alone(model: Any) -> None:
    prompts = [PROMPT, [*PROMPT, 45], PROMPT]
    logps, entropy = score_batch(model, *batch(prompts, list(COMPLETIONS)), temperature=0.7)
    (logps**2).sum().backward()
    ours = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    expected = [alone(model, p, c, 0.7) for p, c in zip(prompts, COMPLETIONS, strict=True)]
    chosen = [scores.gather(1, torch.tensor(c)[:, None])[:, 0] for scores, c in zip(expected, COMPLETIONS, strict=True)]
    for row, (scores, logp) in enumerate(zip(expected, chosen, strict=True)):
        assert torch.allclose(logps[row, : len(logp)], logp, atol=1e-5)
        assert torch.allclose(entropy[row, : len(logp)], -(scores.exp() * scores).sum(-1), atol=1e-5)
        assert not logps[row, len(logp) :].any()
    torch.stack([(logp**2).sum() for logp in chosen]).sum().backward()
    for mine, weight in zip(ours, model.parameters(), strict=True):
        assert torch.allclose(mine, weight.grad, atol=1e-4)


def test_runs_that_began_alike_are_computed_together() -> None:
    def row(*completion: int) -> TrainingConversation:
        return TrainingConversation((*PROMPT, *completion), (*[False] * len(PROMPT), *[True] * len(completion)))

    rows = [row(1, 2, 3, 4), row(9, 9, 9, 9), row(1, 2, 3, 7), row(1, 2, 8, 8), row(5, 5, 5, 5)]
    assert group_families(rows, [len(PROMPT)] * 5) == [[0, 2, 3], [1, 4]]


def test_runs_of_a_question_share_at_least_its_prompt() -> None:
    def row(first: int, *completion: int) -> TrainingConversation:
        prompt = (first, *PROMPT)
        return TrainingConversation((*prompt, *completion), (*[False] * len(prompt), *[True] * len(completion)))

    rows = [row(91, 1, 2), row(92, 1, 2), row(91, 5, 6), row(93, 7, 8), row(92, 9, 9), row(94, 1, 1)]
    assert group_families(rows, [len(PROMPT) + 1] * 6) == [[0, 2], [1, 4], [3, 5]]


def test_only_what_is_wanted_is_scored(model: Any) -> None:
    completions = [[50, 51, 52, 53, 54, 55], [50, 51, 52, 53, 60], [70, 71], [50, 51, 52, 53, 61, 62]]
    given = batch([PROMPT] * 4, completions)
    wanted = torch.zeros(4, 6)
    wanted[[0, 0, 1, 3], [4, 5, 4, 4]] = 1
    everything = [scores * wanted for scores in score_batch(model, *given, temperature=0.9)]
    (everything[0] ** 2).sum().backward()
    expected = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    found = score_batch(model, *given, 0.9, wanted)
    for ours, theirs in zip(found, everything, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
        assert ours.count_nonzero() == 4
    (found[0] ** 2).sum().backward()
    for weight, theirs in zip(model.parameters(), expected, strict=True):
        assert torch.allclose(weight.grad, theirs, atol=1e-4)


def test_what_runs_share_of_their_completions_is_scored_for_each(model: Any) -> None:
    completions = [[50, 51, 52, 53], [50, 51, 52, 60], [70, 71], [50, 51, 52, 53]]
    prompts = [PROMPT] * 4
    logps, _ = score_batch(model, *batch(prompts, completions), temperature=1.0)
    (logps**3).sum().backward()
    ours = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    expected = [
        alone(model, p, c, 1.0).gather(1, torch.tensor(c)[:, None])[:, 0]
        for p, c in zip(prompts, completions, strict=True)
    ]
    for row, logp in enumerate(expected):
        assert torch.allclose(logps[row, : len(logp)], logp, atol=1e-5)
    torch.stack([(logp**3).sum() for logp in expected]).sum().backward()
    for mine, weight in zip(ours, model.parameters(), strict=True):
        assert torch.allclose(mine, weight.grad, atol=1e-3, rtol=1e-4)


def test_a_row_that_is_left_out_scores_nothing_and_takes_no_sharing_away(model: Any) -> None:
    ids, mask, right = batch([PROMPT, [3], PROMPT], [COMPLETIONS[0], [3], COMPLETIONS[2]])
    logps, _ = score_batch(model, ids, mask, right, 1.0)
    assert not logps[1].any()
    with_it = logps[[0, 2]]
    without, _ = score_batch(model, *batch([PROMPT, PROMPT], [COMPLETIONS[0], COMPLETIONS[2]]), 1.0)
    assert torch.equal(with_it, without)


def test_where_all_rows_are_left_out_there_is_still_a_gradient(model: Any) -> None:
    logps, _ = score_batch(model, *batch([[3], [3]], [[3], [3]]), 1.0)
    (logps * 0).sum().backward()
    assert all(weight.grad is not None for weight in model.parameters())


def test_rows_of_a_group_come_together_again() -> None:
    mixed = [
        {PLACE: torch.tensor([2, 0]), "ids": torch.tensor([[22], [20]]), "tokens": torch.tensor(7), "none": None},
        {PLACE: torch.tensor([3, 1]), "ids": torch.tensor([[23], [21]]), "tokens": torch.tensor(7), "none": None},
    ]
    ordered = restore_order(mixed)
    assert [batch["ids"].tolist() for batch in ordered] == [[[20], [21]], [[22], [23]]]
    assert [(int(batch["tokens"]), batch["none"]) for batch in ordered] == [(7, None), (7, None)]
