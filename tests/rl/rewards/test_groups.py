"""How the worth of a group is shared out over runs and turns."""

import math
from dataclasses import replace

import numpy as np
import pytest

from agent.trajectory import Reply, Stop, Trajectory
from rl.rewards.groups import Credit, check_preset, score_groups
from rl.rewards.preset import load_preset
from rl.rewards.preset_file import Group
from tests.rl.cases import OPEN, RIGHT, WRONG, broken, run


def doubting(trajectory: Trajectory, *doubts: float) -> Trajectory:
    """The run, each of its turns drawn with a probability of exp(-doubt) a token, of which it has two."""
    steps = [
        replace(step, turn=replace(step.turn, reply=_drawn(step.turn.reply, doubt)))
        for step, doubt in zip(trajectory.steps, doubts, strict=True)
    ]
    return replace(trajectory, steps=tuple(steps))


def _drawn(reply: Reply | None, doubt: float) -> Reply:
    assert reply is not None
    return replace(reply, token_ids=(1, 2), logprobs=(-doubt, -doubt))


def pushes(preset: str, runs: list[Trajectory], credit: Credit | None = None) -> tuple[tuple[float, ...] | None, ...]:
    return score_groups(
        load_preset(preset), [OPEN] * len(runs), runs, len(runs), np.random.default_rng(0), credit
    ).pushes


def test_all_turns_of_a_run_push_alike_unless_something_else_is_said() -> None:
    right, wrong = pushes("videokr", [run(*RIGHT), run(*WRONG)])
    # rewards 0.7 and 0.1 (ROUGE of one word is 2/3): half of 0.6 over 0.6 / sqrt(2) + 1e-4
    push = 0.3 / (0.6 / math.sqrt(2) + 1e-4)
    assert right == pytest.approx((push, push))
    assert wrong == pytest.approx((-push, -push))


def test_turns_of_doubt_weigh_more_for_any_preset() -> None:
    runs = [doubting(run(*RIGHT), 1.0, 3.0), doubting(run(*WRONG), 2.0, 2.0)]
    right, wrong = pushes("videokr", runs, Credit("taura"))
    push = 0.3 / (0.6 / math.sqrt(2) + 1e-4)
    assert right == pytest.approx((0.5 * push, 1.5 * push))
    assert wrong == pytest.approx((-push, -push))


def test_omniagent_says_so_itself() -> None:
    right, _ = pushes("omniagent", [doubting(run(*RIGHT), 1.0, 3.0), doubting(run(*WRONG), 2.0, 2.0)])
    assert right is not None
    assert right[1] == pytest.approx(3 * right[0])


def test_doubt_that_nobody_wrote_down_is_not_taken_for_none() -> None:
    with pytest.raises(ValueError, match="the engine that played tells none"):
        pushes("omniagent", [run(*RIGHT), run(*WRONG)])


def test_video_mtr_pays_each_turn_what_it_and_the_later_ones_have_earned() -> None:
    # right: the first turn 0.1 for its form + 0.5 for what it looked at, the second 0.1 + 0.9 for the answer; wrong:
    # 0.1 each. Mean 0.45, deviation sqrt((0.15^2 + 0.55^2 + 2 * 0.35^2) / 3)
    right, wrong = pushes("video-mtr", [run(*RIGHT), run(*WRONG)])
    std = math.sqrt((0.15**2 + 0.55**2 + 2 * 0.35**2) / 3) + 1e-4
    assert right == pytest.approx((0.70 / std, 0.55 / std))
    assert wrong == pytest.approx((-0.70 / std, -0.35 / std))


def test_steps_do_not_silently_drop_what_a_preset_does_to_advantages() -> None:
    sage = load_preset("sage")
    check_preset(sage, Credit("steps"))
    for group in (Group(noise=0.1), Group(advantage="dgrpo")):
        bent = replace(sage, recipe=sage.recipe.model_copy(update={"group": group}))
        with pytest.raises(ValueError, match="weighs or blurs its advantages"):
            check_preset(bent, Credit("steps"))


def test_who_does_not_count_pushes_nothing_and_changes_nothing() -> None:
    for preset in ("videokr", "video-mtr"):
        two = pushes(preset, [run(*RIGHT), run(*WRONG)])
        three = pushes(preset, [run(*RIGHT), broken(Stop.CRASHED), run(*WRONG)])
        assert three[1] is None
        assert (three[0], three[2]) == two


def test_easy_groups_weigh_less_for_any_preset() -> None:
    hard = [run(*RIGHT), run(*WRONG), run(*WRONG), run(*WRONG)]
    plain, weighed = pushes("videokr", hard), pushes("videokr", hard, Credit("alike", easy_weight=0.5))
    for before, after in zip(plain, weighed, strict=True):
        assert before is not None
        assert after == pytest.approx([0.875 * one for one in before])  # a quarter is right
