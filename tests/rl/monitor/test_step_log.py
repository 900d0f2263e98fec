"""What the seconds of a step went into, on a clock that is moved by hand."""

from pathlib import Path

import pytest

from rl.monitor.log import PARTS, own_share, rollout_share
from rl.monitor.page import PAGE
from rl.monitor.step_log import PageKeeper, StepClock, format_step
from rl.monitor.stopwatch import StageSeconds
from tests.rl.logged import log_of
from tests.rl.monitor.test_stopwatch import HandClock


class SlowClock(HandClock):
    """A second passes each time that somebody looks."""

    def __call__(self) -> float:
        self.seconds += 1
        return self.seconds


def test_the_parts_of_a_step_are_all_of_it() -> None:
    clock = HandClock()
    step = StepClock(clock)
    clock.seconds += 100  # between steps: not counted
    step.begin()
    clock.seconds += 1  # our own
    with step.syncing():
        clock.seconds += 2
    clock.seconds += 20  # of playing, of which the model worked 15 and all waited 1.5
    step.played(StageSeconds(generate=15.0, tools=3.5, idle=1.5))
    with step.waiting():
        clock.seconds += 4
    clock.seconds += 0.5  # judging
    step.end_batch()
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
    assert format_step(3, 9, row) == (
        "step 3/9  score 0.25  loss 0.5  10.0 s: generate 6.0, tools 0.5, log-probabilities 1.0, update 2.0, sync -, "
        "idle 0.5 (our own code 5.0%)"
    )


def test_the_page_takes_a_hundredth_of_the_time_at_most(tmp_path: Path) -> None:
    """It takes a second to write, so that it rests for 99; an alarm does not wait for that."""
    clock = SlowClock()
    keep = PageKeeper(tmp_path, clock)
    written = []
    for step in range(1, 5):
        keep(log_of(step), is_wanted=step == 3)
        written.append(f"step {step} ·" in (tmp_path / PAGE).read_text())
        clock.seconds += 10 if step < 3 else 100
    assert written == [True, False, True, True]
