"""What the seconds of a step went into, on a clock that is moved by hand."""

import pytest

from rl.log_rows import PARTS, own_share, rollout_share
from rl.step_log import StepClock, line_of
from rl.stopwatch import Split
from tests.rl.test_stopwatch import HandClock


def test_the_parts_of_a_step_are_all_of_it() -> None:
    clock = HandClock()
    step = StepClock(clock)
    clock.seconds += 100  # between steps: not counted
    step.begin()
    clock.seconds += 1  # our own
    with step.syncing():
        clock.seconds += 2
    clock.seconds += 20  # of playing, of which the model worked 15 and all waited 1.5
    step.played(Split(generate=15.0, tools=3.5, idle=1.5))
    with step.waiting():
        clock.seconds += 4
    clock.seconds += 0.5  # judging
    step.drawn()
    clock.seconds += 6
    step.scored()
    clock.seconds += 8
    assert step.end() == {
        "generate": 15.0,
        "tools": 1 + (20 - 15 - 1.5) + 0.5,
        "log-probabilities": 6.0,
        "update": 8.0,
        "sync": 2.0,
        "idle": 1.5 + 4,
    }


def test_a_step_without_an_engine_has_not_measured_what_is_brought_to_one() -> None:
    clock = HandClock()
    step = StepClock(clock)
    clock.seconds += 3
    assert step.end() == {**dict.fromkeys(PARTS, 0.0), "update": 3.0, "sync": None}


def test_shares_of_a_step_are_read_off_its_row() -> None:
    row = {"step": 1, "seconds/generate": 6.0, "seconds/tools": 0.5, "seconds/log-probabilities": 1.0}
    row |= {"seconds/update": 2.0, "seconds/sync": None, "seconds/idle": 0.5}
    assert own_share(row) == pytest.approx(0.05)
    assert rollout_share(row) == pytest.approx(0.7)
    assert own_share({"step": 1, "seconds/generate": 6.0}) is None


def test_a_line_has_every_part_and_a_dash_for_what_was_not_measured() -> None:
    row = {"step": 3, "score": 0.25, "loss": 0.5, "seconds/generate": 6.0, "seconds/tools": 0.5, "seconds/sync": None}
    row |= {"seconds/log-probabilities": 1.0, "seconds/update": 2.0, "seconds/idle": 0.5}
    assert line_of(3, 9, row) == (
        "step 3/9  score 0.25  loss 0.5  10.0 s: generate 6.0, tools 0.5, log-probabilities 1.0, update 2.0, sync -, "
        "idle 0.5 (our own code 5.0%)"
    )
