"""What prompts begin with is computed once, and one query is attended with two plain products: nothing else changes."""

from typing import Any

import pytest
import torch
from transformers import DynamicCache

from agent.policies.local import cpu_attention
from agent.policies.local.preallocated_cache import preallocate
from agent.policies.local.shared_prefix import WORTH_TOKENS, count_shared_tokens, has_full_attention, prefill_unique


@pytest.fixture(scope="module")
def model() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 96, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 6}
    return LlamaForCausalLM(LlamaConfig(vocab_size=97, num_key_value_heads=2, head_dim=16, **sizes)).eval()


@pytest.mark.parametrize("mask", [None, "seen", "added"])
@torch.inference_mode()
def test_one_query_sees_what_the_usual_attention_sees(mask: str | None) -> None:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    torch.manual_seed(1)
    module = torch.nn.Module()
    module.num_key_value_groups, module.is_causal = 3, True  # type: ignore[assignment]
    query, key, value = torch.randn(4, 6, 1, 16), torch.randn(4, 2, 9, 16), torch.randn(4, 2, 9, 16)
    seen = torch.ones(4, 1, 1, 9, dtype=torch.bool)
    seen[1, ..., :3] = False
    given = {None: None, "seen": seen, "added": torch.zeros(4, 1, 1, 9).masked_fill(~seen, -1e9)}[mask]
    ours, _ = cpu_attention.compute_grouped_attention(module, query, key, value, given)
    usual, _ = sdpa_attention_forward(module, query, key, value, given)
    assert torch.allclose(ours, usual, atol=1e-6)


@pytest.mark.parametrize("is_trained", [True, False])
def test_many_queries_see_and_learn_what_they_usually_do(is_trained: bool) -> None:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    torch.manual_seed(2)
    module = torch.nn.Module()
    module.num_key_value_groups, module.is_causal = 3, True  # type: ignore[assignment]
    queries, keys = 300, 340  # more than a block of queries, behind a cache
    seen = torch.ones(2, 1, queries, keys, dtype=torch.bool).tril(keys - queries)
    seen[1, ..., :7] = False
    given = torch.randn(2, 6, queries, 16), torch.randn(2, 2, keys, 16), torch.randn(2, 2, keys, 16)
    told = torch.randn(2, queries, 6, 16)

    def outcome(attention: Any, dtype: torch.dtype) -> list[torch.Tensor]:
        parts = [part.to(dtype, copy=True).requires_grad_() for part in given]
        with torch.set_grad_enabled(is_trained):
            out, _ = attention(module, *parts, seen)
        if not is_trained:
            return [out.float()]
        out.backward(told.to(dtype))
        return [out.float(), *(part.grad.float() for part in parts if part.grad is not None)]

    exact = outcome(sdpa_attention_forward, torch.float32)
    ours = outcome(cpu_attention.compute_grouped_attention, torch.bfloat16)
    usual = outcome(sdpa_attention_forward, torch.bfloat16)
    assert len(ours) == (4 if is_trained else 1)
    for one, other, true in zip(ours, usual, exact, strict=True):
        assert (one - true).norm() < 1.5 * (other - true).norm() < 0.02 * true.norm()


def test_prompts_share_all_but_one_token_at_most() -> None:
    long = list(range(WORTH_TOKENS + 5))
    assert count_shared_tokens([[*long, 1], [*long, 2]]) == len(long)
    assert count_shared_tokens([long, long]) == len(long) - 1  # something is left to be computed
    assert count_shared_tokens([long[: WORTH_TOKENS - 1], long]) == 0  # not worth it
    assert count_shared_tokens([long]) == 0  # nobody to share with


class Counting:
    """A model that counts the rows that go through it."""

    def __init__(self, model: Any) -> None:
        self._model, self.config, self.device = model, model.config, model.device
        self.rows: list[int] = []

    def base_model(self, input_ids: torch.Tensor, **named: Any) -> Any:
        self.rows.append(len(input_ids))
        return self._model.base_model(input_ids=input_ids, **named)


@torch.inference_mode()
def test_a_batch_that_shares_its_beginning_writes_what_each_row_writes_alone(model: Any) -> None:
    beginning = torch.arange(40) % 97
    ends = [torch.tensor(end) for end in ([5, 6, 7], [8], [9, 10, 11, 12, 13], [5, 6, 7])]  # two prompts are the same
    alone = [
        model.generate(
            ids := torch.cat([beginning, end])[None],
            attention_mask=torch.ones_like(ids),
            max_new_tokens=8,
            do_sample=False,
            pad_token_id=0,
        )[0, -8:]
        for end in ends
    ]
    longest = max(map(len, ends))
    padding = [torch.zeros(longest - len(end), dtype=torch.long) for end in ends]
    ids = torch.stack([torch.cat([beginning, pad, end]) for pad, end in zip(padding, ends, strict=True)])
    mask = torch.stack(
        [torch.cat([beginning * 0 + 1, pad, end * 0 + 1]) for pad, end in zip(padding, ends, strict=True)]
    )
    cpu_attention.use_grouped_attention(model)
    read = Counting(model)
    cache = prefill_unique(read, ids, mask, len(beginning))
    assert read.rows == [1, 3]  # the beginning, and each different prompt once
    together = model.generate(
        ids, attention_mask=mask, past_key_values=cache, max_new_tokens=8, do_sample=False, pad_token_id=0
    )
    assert [row[-8:].tolist() for row in together] == [row.tolist() for row in alone]


@torch.inference_mode()
def test_a_cache_with_room_holds_what_one_without_holds() -> None:
    torch.manual_seed(2)
    plain, spacious = DynamicCache(), DynamicCache()
    parts = [torch.randn(3, 2, length, 4) for length in (5, 1, 1, 300, 1)]  # more than there is room for
    plain.update(parts[0], -parts[0], 0)
    spacious.update(parts[0], -parts[0], 0)
    preallocate(spacious)
    for part in parts[1:]:
        expected, found = plain.update(part, -part, 0), spacious.update(part, -part, 0)
        assert torch.equal(found[0], expected[0])
        assert torch.equal(found[1], expected[1])
    one, *_ = parts
    spacious.batch_select_indices(torch.tensor([2, 0]))
    keys, _ = spacious.update(one[:2, :, :1], one[:2, :, :1], 0)
    assert torch.equal(keys[:, :, :-1], plain.layers[0].keys[[2, 0]])
    assert spacious.get_seq_length() == plain.get_seq_length() + 1


def test_a_model_with_a_window_shares_nothing(model: Any) -> None:
    from transformers import MistralConfig, MistralForCausalLM

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    windowed = MistralForCausalLM(MistralConfig(vocab_size=97, num_key_value_heads=2, sliding_window=16, **sizes))
    assert has_full_attention(model)
    assert not has_full_attention(windowed)
