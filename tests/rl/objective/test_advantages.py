"""The push of each run of a group, by hand."""

import math

import numpy as np
import pytest

from agent.trajectory import Malformed, Reply, Turn
from rl.objective.advantages import (
    add_noise,
    as_array,
    compute_step_credit,
    dgrpo,
    dr_grpo,
    grpo,
    has_signal,
    surprise,
    taura,
    weigh_group,
)
from rl.rewards.preset import load_preset


def test_grpo_by_hand() -> None:
    # 1, 1, 0, 0: mean .5, deviation of a sample sqrt(1/3) = .57735
    assert grpo(as_array((1, 1, 0, 0))) == pytest.approx(np.array([0.5, 0.5, -0.5, -0.5]) / (math.sqrt(1 / 3) + 1e-4))


def test_dr_grpo_leaves_the_deviation_out() -> None:
    assert dr_grpo(as_array((3, 1, 0, 0))) == pytest.approx([2, 0, -1, -1])


@pytest.mark.parametrize("advantage", [grpo, dr_grpo, dgrpo])
def test_a_run_that_does_not_count_is_pushed_nowhere_and_moves_nobody(advantage: object) -> None:
    with_it = advantage(as_array((1, None, 0)))  # type: ignore[operator]
    without = advantage(as_array((1, 0)))  # type: ignore[operator]
    assert with_it[1] == 0.0
    assert with_it[[0, 2]] == pytest.approx(without)


@pytest.mark.parametrize("advantage", [grpo, dr_grpo, dgrpo])
@pytest.mark.parametrize("rewards", [(1, 1, 1), (None, None), (1, None), (1,)])
def test_a_group_without_differences_pushes_nothing(advantage: object, rewards: tuple[float | None, ...]) -> None:
    assert advantage(as_array(rewards)) == pytest.approx(np.zeros(len(rewards)))  # type: ignore[operator]
    assert not has_signal(as_array(rewards))


def test_dgrpo_pushes_hard_groups_at_full_weight() -> None:
    hard, easy = as_array((1, 0, 1, 0)), as_array((2, 2, 2, 2 - 1e-9))
    assert dgrpo(hard) == pytest.approx(grpo(hard))  # mean .5: clip(1.5, 0, 1) = 1
    assert dgrpo(easy) == pytest.approx(grpo(easy) / 2, abs=1e-5)  # mean 2: clip(0) = 0


def test_noise_tells_equal_runs_apart_and_not_those_that_do_not_count() -> None:
    preset = load_preset("tinyllava-video-r1")
    pushed = preset.advantages((1.0, 1.0, None, 1.0), np.random.default_rng(0))
    assert pushed[2] == 0.0
    assert len(set(pushed)) == 4
    assert np.abs(pushed).max() < 0.1


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    noise = add_noise(np.zeros(20_000), 0.02, np.random.default_rng(0))
    assert noise.std() == pytest.approx(0.02, rel=0.03)
    assert noise.mean() == pytest.approx(0.0, abs=1e-3)


def test_taura_gives_unsure_turns_more() -> None:
    # mean of 1, 3, 2 is 2
    first, second = taura(np.array([1.0, -1.0]), ((1.0, 3.0), (2.0,)))
    assert first == pytest.approx([0.5, 1.5])
    assert second == pytest.approx([-1.0])


def test_taura_without_any_doubt_weighs_all_alike() -> None:
    assert taura(np.array([1.0]), ((0.0, 0.0),))[0] == pytest.approx([1.0, 1.0])


def test_surprise_is_the_mean_over_sampled_tokens() -> None:
    turn = Turn("", Malformed("", ""), reply=Reply("x", token_ids=(1, 2), logprobs=(math.log(0.5), math.log(0.25))))
    assert surprise(turn) == pytest.approx(1.5 * math.log(2))
    assert surprise(Turn("", Malformed("", ""))) is None


def test_runs_of_the_same_worth_push_by_exactly_nothing() -> None:
    for same in (0.1, 0.7, 1 / 3):
        assert not grpo(as_array((same,) * 3)).any()
        assert not dr_grpo(as_array((same, None, same, same))).any()


def test_a_turn_gets_what_it_and_those_after_it_have_earned() -> None:
    # mean of 1, 0, 0, 3 is 1, deviation sqrt((0 + 1 + 1 + 4) / 3) = sqrt(2)
    first, none, second = compute_step_credit(((1.0, 0.0), None, (0.0, 3.0)), epsilon=0.0)
    assert first == pytest.approx([-1 / math.sqrt(2), -1 / math.sqrt(2)])
    assert none is None
    assert second == pytest.approx([1 / math.sqrt(2), 2 / math.sqrt(2)])
    assert compute_step_credit(((1.0, 0.0), (0.0, 3.0)), is_scaled=False) == ((-1.0, -1.0), (1.0, 2.0))
    assert compute_step_credit(((0.1, 0.1), (0.1,))) == ((0.0, 0.0), (0.0,))


def test_easy_groups_weigh_less_along_a_line() -> None:
    assert [weigh_group(as_array(a), 0.5) for a in ((0, 0), (1, 0), (1, 1))] == [1.0, 0.75, 0.5]
    assert weigh_group(as_array((1, None)), 0.0) == 0.0
    assert weigh_group(as_array((1, 1)), 1.0) == weigh_group(as_array((None, None)), 0.0) == 1.0
