"""When a training is stopped: rows made up, numbers worked out by hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from rl.monitor.alarms import Alarms, find_alarm
from rl.monitor.log import drop_undone, read_log, select_known

OFF = Alarms(
    counted=0, trained_on=0, tool_collapse=0, answer_collapse=0, unreadable=0, same_rewards=0, not_finite=False
)


def rows_of(name: str, values: Sequence[float | None]) -> list[dict[str, Any]]:
    """A row a step, from step 1; the measure is missing where it is None."""
    return [{"step": step} | ({} if v is None else {name: v}) for step, v in enumerate(values, start=1)]


def first_alarm(name: str, values: Sequence[float | None], alarms: Alarms) -> int | None:
    """The step after which it is stopped."""
    rows = rows_of(name, values)
    return next((n for n in range(1, len(rows) + 1) if find_alarm(rows[:n], alarms) is not None), None)


def only(**told: Any) -> Alarms:
    """One alarm alone."""
    return OFF.model_copy(update=told)


TOOLS = only(tool_collapse=0.5, steps=4)
CALLS = "runs/with_calls"


def test_tools_have_collapsed_when_their_average_is_below_a_share_of_what_it_was() -> None:
    # the first four: 0.8, so the bound is 0.4; averages of four from step 5 on: 0.7, 0.6, 0.5, 0.4 (not below), 0.3
    rates = [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.0]
    assert first_alarm(CALLS, rates, TOOLS) == 9


def test_a_step_without_a_call_is_no_collapse() -> None:
    assert first_alarm(CALLS, [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0], TOOLS) is None


def test_what_was_never_there_can_not_collapse() -> None:
    assert first_alarm(CALLS, [0.0] * 20, TOOLS) is None


def test_steps_that_did_not_measure_it_are_passed_over_and_set_off_nothing() -> None:
    rates = [0.8, None, 0.8, None, 0.8, None, 0.8, None, 0.0, None, 0.0, None, 0.0, None]
    # (0.8 + 0 + 0 + 0) / 4 = 0.2 at step 13; at step 11 it is 0.4, and the bound is 0.4
    assert first_alarm(CALLS, rates, TOOLS) == 13
    assert find_alarm(rows_of(CALLS, rates)[:14], TOOLS) is None


def test_a_collapse_says_what_was_seen_over_which_steps_and_what_turns_it_off() -> None:
    alarm = find_alarm(rows_of(CALLS, [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.0]), TOOLS)
    assert alarm is not None
    assert (
        "tools are hardly called any more: 30.00% of the runs over steps 6 to 9, against 80.00% over steps 1 to 4"
        in alarm.seen
    )
    assert "0.5 of that, 40.00%" in alarm.seen
    said = alarm.message("runs/mine", "checkpoint-9")
    assert said.startswith("ALARM after step 9: tools are hardly called any more")
    assert "rl.sft" in said
    assert "runs/mine/checkpoint-9" in said
    assert "`tool_collapse = 0` under [alarms]" in said
    assert "has no checkpoint yet; the same command begins anew" in alarm.message("runs/mine", "")


def test_replies_that_no_longer_stop_are_seen_though_calls_read_well() -> None:
    # a training that collapsed (two kinds of question at 3e-4, `rl/LOG.md`): the first four 0.910, averages of four in
    # the end 0.836 (step 10), 0.633, 0.406; the bound is 0.455
    answered = [0.984, 0.797, 0.938, 0.922, 0.875, 0.922, 0.828, 0.906, 0.953, 0.656, 0.016, 0.0, 0.031, 0.0]
    assert first_alarm("runs/answered", answered, only(answer_collapse=0.5, steps=4)) == 12
    assert first_alarm("runs/readable_turns", [0.9] * 10 + [0.5] * 4, Alarms(steps=4)) is None


def test_rewards_without_variance_count_in_a_row() -> None:
    alarms = only(same_rewards=3)
    assert first_alarm("groups/teaching", [0.0, 0.0, 0.25, 0.0, 0.0, 0.0, 1.0], alarms) == 6
    assert first_alarm("groups/teaching", [0.0, 0.0, 0.25, 0.0, 0.0], alarms) is None
    assert first_alarm("groups/teaching", [0.0, 0.0, None, 0.0], alarms) == 4


def test_turns_that_can_not_be_read_count_in_a_row() -> None:
    alarms = only(unreadable=0.5, steps=3)
    assert first_alarm("runs/readable_turns", [0.4, 0.4, 0.5, 0.4, 0.4, 0.1], alarms) == 6
    alarm = find_alarm(rows_of("runs/readable_turns", [0.5, 0.4, 0.3, 0.2]), alarms)
    assert alarm is not None
    assert "over steps 2 to 4 30.00% could, and in none of these steps 50.00%" in alarm.seen


@pytest.mark.parametrize("name", ["loss", "grad_norm"])
def test_a_number_that_is_none_stops_at_once_and_is_not_saved(name: str) -> None:
    alarms = only(not_finite=True)
    fine = {"step": 1, "loss": 0.0, "grad_norm": 0.0}
    assert find_alarm([fine], alarms) is None
    alarm = find_alarm([fine, {**fine, "step": 2, name: None}], alarms)
    assert alarm is not None
    assert not alarm.is_saved
    assert "step 2 is not a finite number" in alarm.seen
    assert alarm.off == "not_finite = false"


def test_a_gradient_that_nobody_measured_is_no_alarm() -> None:
    assert find_alarm([{"step": 1, "loss": 0.5}], only(not_finite=True)) is None


@pytest.mark.parametrize(
    "broken",
    [
        rows_of(CALLS, [1.0] * 20 + [0.0] * 20),
        rows_of("runs/answered", [1.0] * 20 + [0.0] * 20),
        rows_of("groups/teaching", [0.0] * 40),
        rows_of("runs/readable_turns", [0.0] * 40),
        rows_of("runs/counted", [0.0] * 3),
        rows_of("runs/trained_on", [0.0] * 3),
        [{"step": 1, "loss": None}],
    ],
)
def test_each_can_be_turned_off_and_is_on_by_default(broken: list[dict[str, Any]]) -> None:
    alarm = find_alarm(broken, Alarms())
    assert alarm is not None
    off = False if alarm.name == "not_finite" else 0
    assert alarm.off.partition(" = ")[2].lower() == str(off).lower()
    assert find_alarm(broken, Alarms.model_validate({alarm.name: off})) is None


def test_runs_that_break_off_or_are_left_out_stop_a_training_in_three_steps() -> None:
    assert first_alarm("runs/counted", [1.0, 0.4, 0.4, 0.5, 0.4, 0.4, 0.4], only(counted=0.5)) == 7
    assert first_alarm("runs/trained_on", [0.0, 0.0, 0.1, 0.0, 0.0, 0.0], only(trained_on=0.1)) == 6


def test_no_step_sets_off_nothing() -> None:
    assert find_alarm([], Alarms()) is None


def test_steps_that_were_played_again_replace_what_was_taken_back() -> None:
    rows = [{"step": n, "try": 1} for n in (1, 2, 3, 4)] + [{"step": n, "try": 2} for n in (3, 4, 5)]
    assert [(row["step"], row["try"]) for row in drop_undone(rows)] == [(1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]


def test_a_line_that_was_cut_off_is_left_out_and_a_broken_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    assert read_log(path) == []
    path.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    assert read_log(path) == [{"step": 1, "loss": 0.5}]
    path.write_text('{"step": 1}\n{"loss": 2}\n')
    with pytest.raises(ValueError, match=r"log\.jsonl, line 2: no step of a training"):
        read_log(path)


def test_what_is_no_number_was_not_measured() -> None:
    rows = [{"step": 1, "kl": 0.5}, {"step": 2}, {"step": 3, "kl": None}, {"step": 4, "kl": "high"}]
    assert select_known(rows, "kl") == [(1, 0.5)]
