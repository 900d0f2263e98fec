"""Tokens are drawn with the probabilities asked for, and the probability that is kept is the one drawn with."""

import math
from collections import Counter

import pytest
import torch

from agent.policies.local.token_sampling import RowSampler, SamplingParams, StopAt, cut_at_stop

LOGITS = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
CPU = torch.device("cpu")


def draws(draw: SamplingParams, count: int, never: tuple[int, ...] = ()) -> tuple[list[int], list[float]]:
    """Tokens of so many rows with seeds of their own, and their log-probabilities."""
    sampler = RowSampler([SamplingParams(draw.temperature, draw.top_p, seed) for seed in range(count)], never, CPU)
    chosen = sampler(torch.zeros(count, 1, dtype=torch.long), LOGITS.repeat(count, 1)).argmax(1).tolist()
    return chosen, [row[0] for row in sampler.logprobs]


# by hand: 0.5 ** 2 / (0.25 + 0.09 + 0.0225 + 0.0025) = 0.685 and so on at half the temperature;
# at top_p 0.7 the first two make up 0.8 and share all of it
EXPECTED = {
    SamplingParams(1.0, 1.0, 0): (0.5, 0.3, 0.15, 0.05),
    SamplingParams(0.5, 1.0, 0): (0.685, 0.247, 0.062, 0.007),
    SamplingParams(1.0, 0.7, 0): (0.625, 0.375, 0.0, 0.0),
    SamplingParams(1.0, 0.5, 0): (1.0, 0.0, 0.0, 0.0),
}


@pytest.mark.parametrize("draw", EXPECTED)
def test_tokens_come_as_often_as_they_are_probable(draw: SamplingParams) -> None:
    chosen, logprobs = draws(draw, 4000)
    counts = Counter(chosen)
    for token, probability in enumerate(EXPECTED[draw]):
        # four standard deviations of 4000 draws
        assert counts[token] / 4000 == pytest.approx(probability, abs=4 * math.sqrt(0.25 / 4000))
    for token, logprob in zip(chosen, logprobs, strict=True):
        assert math.exp(logprob) == pytest.approx(EXPECTED[draw][token], abs=6e-4)


def test_at_temperature_0_the_most_probable_comes_with_the_models_own_probability() -> None:
    chosen, logprobs = draws(SamplingParams(0.0, 0.1, 0), 5)
    assert chosen == [0] * 5
    assert logprobs == pytest.approx([math.log(0.5)] * 5)


def test_what_is_never_sampled_leaves_its_share_to_the_others() -> None:
    chosen, logprobs = draws(SamplingParams(1.0, 1.0, 0), 200, never=(0,))
    assert 0 not in chosen
    first = next(p for token, p in zip(chosen, logprobs, strict=True) if token == 1)
    assert math.exp(first) == pytest.approx(0.6)


def test_the_words_before_the_first_stop_string_are_kept() -> None:
    assert cut_at_stop("one<b>two<a>three", ("<a>", "<b>")) == "one"
    assert cut_at_stop("one", ("<a>",)) == "one"


@pytest.mark.parametrize("may_leave", [True, False])
def test_half_of_the_rows_leave_together(may_leave: bool) -> None:
    stop = StopAt(("<a>",), (9,), lambda ids: "".join(map(str, ids)), 2, 10, may_leave=may_leave)
    written = torch.zeros(10, 3, dtype=torch.long)
    written[:4, 2] = 9
    written[:, 0] = 9  # the prompt's ends are nobody's
    assert stop(written, written).tolist() == [True] * 4 + [False] * 6
    written = torch.cat([written, written[:, :1] * 0 + 5], 1)
    written[4, 3] = 9
    assert stop(written, written).tolist() == [True] * 5 + [may_leave] * 5
    assert stop.lengths == [1] * 4 + [2] + [None] * 5
    stop.keep(range(5, 10))
    written[5, 3] = 9
    assert stop(written[5:], written[5:]).tolist() == [True] + [False] * 4  # too few to be worth it


def test_a_sampler_goes_on_with_the_rows_it_keeps() -> None:
    whole, part = (RowSampler([SamplingParams(1.0, 1.0, seed) for seed in range(6)], (), CPU) for _ in range(2))
    ids, logits = torch.zeros(6, 1, dtype=torch.long), LOGITS.repeat(6, 1)
    for sampler in (whole, part):
        sampler(ids, logits)
    part.keep([1, 4])
    assert whole(ids, logits)[[1, 4]].equal(part(ids[:2], logits[:2]))
    assert part.logprobs == [whole.logprobs[1], whole.logprobs[4]]
