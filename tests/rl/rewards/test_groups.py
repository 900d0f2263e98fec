"""How the worth of a group is shared out over runs and turns."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.trajectory import Reply, Stop, Trajectory
from evals.example import Example
from rl.attacks import Believer
from rl.data.references import Need, TimedBox
from rl.rewards.aids import Aids
from rl.rewards.catalogue import REWARDS, STEP_REWARDS, get_reward
from rl.rewards.groups import Credit, ScoredGroups, check_needs, check_preset, score_groups, score_run
from rl.rewards.needs import HOW_TO_GIVE, NEEDS
from rl.rewards.preset import load_preset
from rl.rewards.preset_file import Group
from tests.rl.cases import MESSY, OPEN, RIGHT, UNPLACED, WRONG, broken, run


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
    return scored(preset, runs, credit).pushes


def scored(preset: str, runs: list[Trajectory], credit: Credit | None = None) -> ScoredGroups:
    recipe = load_preset(preset)
    shares = credit or Credit(recipe.recipe.group.turns)
    scores = [score_run(recipe, OPEN, one, shares) for one in runs]
    return score_groups(recipe, scores, len(runs), np.random.default_rng(0), shares)


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


def test_a_group_is_left_out_whole_where_a_run_that_ended_could_not_be_measured() -> None:
    """Without the second look the right runs of timesearch-r have no reward, and two wrong ones would be compared."""
    found = scored("timesearch-r", [run(*RIGHT), run(*RIGHT), run(*WRONG), run(*MESSY)])
    assert found.rewards == (None,) * 4
    assert found.pushes == (None,) * 4
    assert found.teaching == (False,)
    assert found.unmeasured == ("from_evidence",)
    assert found.measures["groups/measured"] == 0.0


def test_with_what_it_needs_the_same_group_pushes_right_runs_up() -> None:
    right, wrong, _ = pushes("timesearch-r", [run(*RIGHT, second="Paris"), run(*WRONG, second="Berlin"), run(*MESSY)])
    assert right is not None
    assert wrong is not None
    assert right[0] > 0
    assert right[0] > wrong[0]


@pytest.mark.parametrize(
    ("preset", "available", "why"),
    [
        ("ver", {"second look", "spans", "boxes"}, "'seen' is rated by a judge"),
        ("video-r2", {"spans"}, "'agrees' is rated by a judge"),
        ("timesearch-r", {"judge", "spans"}, "write verify = true under"),
        ("evidence_iou", {"judge", "second look"}, "compares with the seconds of the evidence"),
        ("evidence_box_iou", {"judge", "second look", "spans"}, "compares with the boxes of the evidence"),
    ],
)
def test_a_reward_that_nothing_here_can_measure_is_refused(
    preset: str, available: set[Need], why: str, tmp_path: Path
) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'paper = "x"\nformula_from = "ours"\n[[terms]]\nname = "gate"\noptional = true\n'
        f'reward = "{preset}"\n[[terms]]\nname = "answer"\nwhen = {{ gate = 0.5 }}'
    )
    wanted = load_preset(own if preset in NEEDS else preset)
    with pytest.raises(ValueError, match=why):
        check_needs(wanted, available)
    check_needs(wanted, set(HOW_TO_GIVE))


def test_what_only_an_optional_component_needs_is_not_asked_for() -> None:
    check_needs(load_preset("sleuth"), ())
    check_needs(load_preset("sage"), ())
    check_needs(load_preset("open-o3"), ())


GIVEN: dict[Need, Callable[[], tuple[Example, Trajectory, Aids]]] = {
    "judge": lambda: (OPEN, run(*RIGHT, second="Paris"), Aids(boxes=boxed)),
    "second look": lambda: (OPEN, run(*RIGHT), Aids(judge=Believer(), boxes=boxed)),
    "spans": lambda: (UNPLACED, run(*RIGHT, second="Paris", example=UNPLACED), Aids(judge=Believer(), boxes=boxed)),
    "boxes": lambda: (OPEN, run(*RIGHT, second="Paris"), Aids(judge=Believer())),
}


def boxed(_: Example) -> tuple[TimedBox, ...]:
    return (TimedBox(45.0, (0.1, 0.1, 0.4, 0.4)),)


@pytest.mark.parametrize("need", list(GIVEN))
def test_the_table_of_needs_is_what_the_rewards_do(need: Need) -> None:
    """Each reward that counts with everything, and not without this, is listed with it; and no other is."""
    whole = (OPEN, run(*RIGHT, second="Paris"), Aids(judge=Believer(), boxes=boxed))
    without = GIVEN[need]()

    def counts(name: str, given: tuple[Example, Trajectory, Aids]) -> bool:
        return get_reward(name, aids=given[2])(given[0], given[1]) is not None

    lost = {name for name in (*REWARDS, *STEP_REWARDS) if counts(name, whole) and not counts(name, without)}
    assert lost == {name for name, needs in NEEDS.items() if needs == need}
