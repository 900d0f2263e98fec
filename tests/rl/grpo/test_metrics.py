"""What a batch of runs tells: runs written down by hand, measures worked out on paper."""

from dataclasses import replace

import pytest

from agent.rendering.reply_parser import parse_reply
from agent.rendering.tokens import Tokens
from agent.trajectory import Reply, Stop, Trajectory
from rl.attacks import write_answer, write_look
from rl.grpo.metrics import RolloutSummary, ToldTurn, compute_metrics, summarize_rollout
from rl.grpo.rows import make_row
from rl.sampling.sampler import Rollout
from tests.rl.cases import OPEN, UNPLACED, run


def rollout_of(trajectory: Trajectory) -> Rollout:
    """Two tokens of a prompt, two that were sampled, one of a tool's."""
    flags = (False, False, True, True, False)
    return Rollout(trajectory, Tokens(tuple(range(5)), flags, (None,) * 5, (False,) * 5))


def told_of(*replies: str, score: float | None = None, placed: bool = True) -> RolloutSummary:
    example = OPEN if placed else UNPLACED
    rollout = rollout_of(run(*replies, example=example))
    return summarize_rollout(rollout, make_row(rollout, 0, 100), example, score)


RIGHT = told_of(write_look(41, 49), write_look(41, 49), write_look(45, 49), write_answer("Paris", (41, 49)), score=1.0)
"""Four turns, three calls, one of them made before; its evidence meets 40 to 50 s."""
MISSED = told_of("What?", write_look(71, 79), write_answer("Berlin", (71, 79)), score=0.25)
"""Three turns, the first of which can't be read."""
BLIND = told_of(write_answer("Paris"), score=0.5)
LOST = told_of("What?", "What?", "What?", score=0.0)
"""No answer."""


def test_a_batch_in_numbers() -> None:
    found = compute_metrics([RIGHT, MISSED, BLIND, LOST])
    assert found["runs/calls"] == (3 + 1 + 0 + 0) / 4
    assert found["runs/with_calls"] == 2 / 4
    assert found["runs/repeated_calls"] == 1 / 4
    assert found["runs/turns"] == (4 + 3 + 1 + 3) / 4
    assert found["runs/answered"] == 3 / 4
    assert found["runs/evidence_hit"] == pytest.approx(1 / 3)  # of the three that answer
    assert found["runs/readable_turns"] == (4 + 2 + 1 + 0) / 11
    assert found["runs/readable_turn_1"] == 2 / 4
    assert found["runs/readable_turn_2"] == pytest.approx(2 / 3)
    assert found["runs/readable_turn_3"] == pytest.approx(2 / 3)
    assert found["runs/readable_turn_4"] == 1.0
    assert "runs/readable_turn_5" not in found
    assert found["runs/sampled_share"] == pytest.approx(2 / 3)  # behind the prompt: two sampled, one brought
    assert (found["runs/counted"], found["runs/trained_on"]) == (1.0, 1.0)


def test_what_tools_are_worth_is_the_difference_of_both_kinds_of_runs() -> None:
    # with calls (1 + 0.25) / 2, without (0.5 + 0) / 2
    assert compute_metrics([RIGHT, MISSED, BLIND, LOST])["runs/tool_gap"] == pytest.approx(0.625 - 0.25)


@pytest.mark.parametrize("runs", [[RIGHT, MISSED], [BLIND, LOST], [RIGHT, replace(BLIND, score=None)]])
def test_where_one_kind_is_missing_tools_are_worth_nothing_known(runs: list[RolloutSummary]) -> None:
    assert "runs/tool_gap" not in compute_metrics(runs)


def test_where_the_moment_is_not_known_nothing_is_hit_or_missed() -> None:
    unplaced = told_of(write_look(41, 49), write_answer("Paris", (41, 49)), placed=False)
    assert unplaced.hits_evidence is None
    assert "runs/evidence_hit" not in compute_metrics([unplaced])
    assert compute_metrics([unplaced, RIGHT])["runs/evidence_hit"] == 1.0


def test_runs_that_do_not_count_are_in_no_mean() -> None:
    crashed = rollout_of(replace(run(write_look(71, 79)), stop=Stop.CRASHED))
    broken = summarize_rollout(crashed, make_row(crashed, 0, 100), OPEN, None)
    found, alone = compute_metrics([BLIND, broken]), compute_metrics([BLIND])
    assert found["runs/counted"] == 0.5
    assert {**found, "runs/counted": 0, "runs/trained_on": 0, "runs/sampled_share": 0} == {
        **alone,
        "runs/counted": 0,
        "runs/trained_on": 0,
        "runs/sampled_share": 0,
    }
    assert compute_metrics([broken]) == {"runs/counted": 0.0, "runs/trained_on": 0.0}


def test_lengths_are_those_of_replies_and_not_known_where_one_is_not() -> None:
    short, cut = ToldTurn(True, 0, 0, 10, False), ToldTurn(False, 0, 0, 50, True)
    silent = ToldTurn(True, 0, 0, None, False)
    one = replace(BLIND, turns=(short, cut))
    found = compute_metrics([one, replace(BLIND, turns=(short, silent))])
    assert found["runs/reply_tokens"] == pytest.approx(70 / 3)
    assert found["runs/sampled_tokens"] == 60.0
    assert found["runs/cut_replies"] == 1 / 4


def test_a_reply_that_was_cut_off_is_told() -> None:
    whole = run("What?")
    step = whole.steps[0]
    cut = replace(whole, steps=(replace(step, turn=parse_reply(Reply("What", is_cut=True), step.turn.usage, whole)),))
    rollout = rollout_of(cut)
    assert summarize_rollout(rollout, make_row(rollout, 0, 100), OPEN, None).turns == (ToldTurn(False, 0, 0, 1, True),)
