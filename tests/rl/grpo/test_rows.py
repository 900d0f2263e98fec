"""What of a run a loss sees."""

from dataclasses import replace

import pytest

from agent.rendering.tokens import Tokens
from agent.trajectory import Malformed, Question, Reply, Step, Stop, Trajectory, Turn
from rl.grpo.rows import make_row
from rl.sampling.sampler import Rollout
from tests.agent.painted import FACTS

ENDED = Trajectory(Question("v", "What?"), FACTS, stop=Stop.MALFORMED)
# prompt 1 2, reply 3 4, brought 5, reply 6
TOKENS = Tokens(
    (1, 2, 3, 4, 5, 6),
    (False, False, True, True, False, True),
    (None, None, -0.5, -0.25, None, -1.0),
    (False,) * 6,
)
NOTHING = ((9,), (9,), (0,))


def parts(rollout: Rollout, max_tokens: int = 6, *, mask_cut: bool = True) -> tuple[tuple[int, ...], ...]:
    row = make_row(rollout, 9, max_tokens, mask_cut=mask_cut)
    return row.prompt, row.completion, row.mask


def cut(is_cut: bool) -> Trajectory:
    return replace(ENDED, steps=(Step(Turn("", Malformed("", ""), reply=Reply("x", is_cut=is_cut))),))


def test_the_completion_begins_with_the_first_reply_and_what_tools_brought_is_masked() -> None:
    assert parts(Rollout(ENDED, TOKENS)) == ((1, 2), (3, 4, 5, 6), (1, 1, 0, 1))
    assert make_row(Rollout(ENDED, TOKENS), 9, 6).logprobs == (-0.5, -0.25, 0.0, -1.0)


def test_a_run_that_is_too_long_counts_for_nothing() -> None:
    assert parts(Rollout(ENDED, TOKENS), max_tokens=5) == NOTHING


def test_a_run_whose_last_reply_was_cut_counts_for_nothing_unless_it_is_wanted() -> None:
    assert parts(Rollout(cut(True), TOKENS)) == NOTHING
    assert parts(Rollout(cut(True), TOKENS), mask_cut=False) == parts(Rollout(ENDED, TOKENS))
    assert parts(Rollout(cut(False), TOKENS)) == parts(Rollout(ENDED, TOKENS))


def test_a_run_that_crashed_counts_for_nothing() -> None:
    for stop in (Stop.CRASHED, Stop.POLICY_FAILED):
        assert parts(Rollout(replace(ENDED, stop=stop), TOKENS)) == NOTHING
    assert parts(Rollout(ENDED, None)) == NOTHING


def test_what_a_turn_is_worth_stands_on_its_own_tokens_and_on_no_others() -> None:
    row = make_row(Rollout(ENDED, TOKENS), 9, 6)
    assert row.spread_over_tokens((0.5, -2.0)) == (0.5, 0.5, 0.0, -2.0)
    assert row.spread_over_tokens(None) == (0.0,) * 4
    assert make_row(Rollout(ENDED, None), 9, 6).spread_over_tokens((1.0,)) == (0.0,)
    with pytest.raises(ValueError, match="has 2 replies, and there are 1 numbers"):
        row.spread_over_tokens((1.0,))


def test_of_turns_that_are_left_out_nothing_is_chosen() -> None:
    row = make_row(Rollout(ENDED, TOKENS), 9, 6)
    assert row.mask_turns(1).mask == (0, 0, 0, 1)
    assert row.mask_turns(1).spread_over_tokens((-2.0,)) == (0.0, 0.0, 0.0, -2.0)
    assert row.mask_turns(1).completion == row.completion
    assert not row.mask_turns(2).is_trained_on
