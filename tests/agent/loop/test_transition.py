"""The one rule of the game, against a toolbox of three drawn tools."""

import time
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from agent.limits import find_reached_limit
from agent.loop.transition import step
from agent.trajectory import (
    Answer,
    Calls,
    Limits,
    Malformed,
    Question,
    Stop,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
    from_json,
    to_json,
)
from tools.deadline import is_time_up
from tools.observation import FrameRef, Observation, ToolError

FACTS = VideoFacts("0" * 32, 60.0, 640, 360)


class DrawnTools:
    """`look` shows the frames of the given seconds, `miss` is the model's mistake, `bug` is ours, `meet` needs two."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.barrier = Barrier(2, timeout=5)

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        self.ran.append(name)
        if name == "miss":
            raise ToolError(f"need 0 <= start < stop <= 60, got {arguments.get('said', '[70, 80)')}")
        if name == "bug":
            raise ZeroDivisionError("ours")
        if name == "meet":
            self.barrier.wait()
        seconds = arguments.get("seconds", [])
        return Observation(f"saw {seconds}", tuple(FrameRef(float(s), 360, 640) for s in seconds))


def start(options: tuple[str, ...] = (), **limits: Any) -> Trajectory:
    return Trajectory(Question("v.mp4", "what?", options), FACTS, limits=Limits(**limits))


def calls(*wanted: tuple[str, dict[str, Any]], turn: int = 1) -> Turn:
    made = tuple(ToolCall(f"t{turn}c{i}", name, args) for i, (name, args) in enumerate(wanted, 1))
    return Turn("", Calls(made))


def answer(text: str = "a cat", **kw: Any) -> Turn:
    return Turn("", Answer(text, **kw))


def test_an_answer_ends_the_trajectory_as_answered() -> None:
    after = step(start(), answer(), DrawnTools())
    assert after.stop is Stop.ANSWERED
    assert after.answer is not None
    assert after.answer.text == "a cat"


def test_nothing_can_be_added_to_an_ended_trajectory() -> None:
    after = step(start(), answer(), DrawnTools())
    with pytest.raises(ValueError, match="has ended"):
        step(after, answer(), DrawnTools())


def test_the_models_mistake_is_text_it_reads_next() -> None:
    after = step(start(), calls(("miss", {})), DrawnTools())
    assert after.stop is None
    assert after.results[0].observation.is_error
    assert "got [70, 80)" in after.results[0].observation.text


def test_what_a_tool_quotes_of_an_endless_mistake_is_cut() -> None:
    after = step(start(), calls(("miss", {"said": "x" * 100_000})), DrawnTools())
    (result,) = after.results
    assert result.observation.text.startswith("need 0 <= start < stop <= 60, got xxx")
    assert result.observation.text.endswith("x… (100034 letters)")
    assert len(result.observation.text) < 2100


def test_our_bug_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        step(start(), calls(("bug", {})), DrawnTools())


def test_calls_of_one_turn_run_at_the_same_time() -> None:
    # `meet` returns only if two of them are inside it at once
    after = step(start(), calls(("meet", {"seconds": [1]}), ("meet", {"seconds": [2]})), DrawnTools())
    assert [r.observation.text for r in after.results] == ["saw [1]", "saw [2]"]


def test_a_repeated_call_is_answered_from_the_trajectory_and_said_to_be_a_repeat() -> None:
    tools = DrawnTools()
    after = step(start(), calls(("look", {"seconds": [1]})), tools)
    after = step(after, calls(("look", {"seconds": [1]}), turn=2), tools)
    assert tools.ran == ["look"]
    assert after.results[1].repeat_of == "t1c1"
    assert after.results[1].observation.text.startswith("You called this before")


def test_the_same_call_twice_in_one_turn_runs_once() -> None:
    tools = DrawnTools()
    after = step(start(), calls(("look", {"seconds": [1]}), ("look", {"seconds": [1]})), tools)
    assert tools.ran == ["look"]
    assert after.results[1].repeat_of == "t1c1"


def test_a_malformed_turn_is_corrected_and_three_in_a_row_end_it() -> None:
    trajectory = start(max_malformed=3)
    for _ in range(3):
        assert trajectory.stop is None
        trajectory = step(trajectory, Turn("", Malformed("?", "no closing tag")), DrawnTools())
    assert "no closing tag" in trajectory.steps[0].notice
    assert trajectory.stop is Stop.MALFORMED


def test_an_answer_outside_the_options_is_malformed() -> None:
    after = step(start(options=("a", "b")), answer("c"), DrawnTools())
    assert after.stop is None
    assert "2 options" in after.steps[0].notice


def test_not_shown_is_a_legal_answer_to_a_multiple_choice_question() -> None:
    after = step(start(options=("a", "b")), answer("not shown", not_shown=True), DrawnTools())
    assert after.stop is Stop.ANSWERED


def test_i_cant_tell_is_a_legal_answer_to_a_multiple_choice_question() -> None:
    after = step(start(options=("a", "b")), answer("I can't tell.", cannot_tell=True), DrawnTools())
    assert after.stop is Stop.ANSWERED


def test_an_answer_does_not_claim_and_disclaim_at_once() -> None:
    with pytest.raises(ValueError, match="not both"):
        Answer("", not_shown=True, cannot_tell=True)


def test_the_last_turn_is_kept_for_the_answer() -> None:
    trajectory = start(max_turns=2)
    trajectory = step(trajectory, calls(("look", {"seconds": [1]})), DrawnTools())
    assert "turn limit is reached" in trajectory.steps[0].notice
    ended = step(trajectory, answer(), DrawnTools())
    assert ended.stop is Stop.TURN_LIMIT
    assert ended.answer is not None


def test_an_opening_look_is_taken_where_only_one_turn_is_left_for_the_answer() -> None:
    look = replace(calls(("look", {"seconds": [1]})), is_opening=True)
    opened = step(start(max_turns=1), look, DrawnTools())
    assert opened.stop is None
    assert opened.results[0].observation.frames
    assert "give your best answer now" in opened.steps[-1].notice
    assert step(opened, answer(), DrawnTools()).stop is Stop.TURN_LIMIT


def test_calls_after_the_limit_are_not_run_and_end_it_without_an_answer() -> None:
    tools = DrawnTools()
    trajectory = step(start(max_turns=2), calls(("look", {"seconds": [1]})), tools)
    ended = step(trajectory, calls(("look", {"seconds": [2]}), turn=2), tools)
    assert tools.ran == ["look"]
    assert (ended.stop, ended.answer) == (Stop.TURN_LIMIT, None)


def test_frames_past_the_limit_are_held_back_and_said_to_be() -> None:
    after = step(start(max_frames=3), calls(("look", {"seconds": [1, 2, 3, 4, 5]})), DrawnTools())
    assert [f.seconds for f in after.frames_seen] == [1, 2, 3]
    assert "2 frames are not shown" in after.results[0].observation.text
    assert find_reached_limit(after) is Stop.FRAME_LIMIT


def test_a_frame_seen_twice_counts_once() -> None:
    after = step(start(max_frames=3), calls(("look", {"seconds": [1, 2]})), DrawnTools())
    after = step(after, calls(("look", {"seconds": [2, 3]}), turn=2), DrawnTools())
    assert [f.seconds for f in after.frames_seen] == [1, 2, 3]


def test_call_ids_must_be_new() -> None:
    after = step(start(), calls(("look", {"seconds": [1]})), DrawnTools())
    again = step(after, calls(("look", {"seconds": [2]})), DrawnTools())
    assert isinstance(again.steps[1].turn.move, Malformed)


def test_a_step_changes_nothing_in_what_it_was_given() -> None:
    before = start()
    text = to_json(before)
    step(before, calls(("look", {"seconds": [1]})), DrawnTools())
    assert to_json(before) == text


def test_a_trajectory_survives_json() -> None:
    after = step(start(), calls(("look", {"seconds": [1]}), ("miss", {})), DrawnTools())
    after = step(replace(after, error="x"), answer(confidence=0.5), DrawnTools())
    back = from_json(to_json(after))
    # seconds spent are floats: JSON keeps them exactly
    assert back == after


def test_a_file_that_is_no_trajectory_is_refused_in_one_sentence() -> None:
    with pytest.raises(ValueError, match="not a saved trajectory: at question"):
        from_json("{}")


@pytest.mark.parametrize("options", [("a",), ("a", "a")])
def test_one_option_or_equal_options_are_refused(options: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="option"):
        Question("v.mp4", "what?", options)


class SlowTools:
    """`sleep` takes its seconds and looks at no clock; `obey` stops at the deadline with what it has."""

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        begun = time.monotonic()
        while time.monotonic() - begun < arguments["seconds"] and not (name == "obey" and is_time_up()):
            time.sleep(0.01)
        return Observation(f"{name} is done", gaps=("not all was looked at",) if is_time_up() else ())


@pytest.mark.clock
def test_a_tool_that_ignores_the_time_limit_is_left_behind_and_the_others_count() -> None:
    begun = time.monotonic()
    after = step(
        start(max_seconds=2.0),
        calls(("sleep", {"seconds": 6.0}), ("obey", {"seconds": 6.0}), ("obey", {"seconds": 0.0})),
        SlowTools(),
    )
    assert time.monotonic() - begun < 3.0
    ignored, obeyed, quick = (result.observation for result in after.results)
    assert ignored.is_error
    assert ignored.gaps == ("sleep was not done when the time for it was over.",)
    assert (obeyed.text, obeyed.gaps) == ("obey is done", ("not all was looked at",))
    assert quick.gaps == ()
    assert "time limit" in after.steps[-1].notice
    assert after.seconds == pytest.approx(time.monotonic() - begun, abs=0.3)


@pytest.mark.clock
def test_calls_that_wait_for_a_worker_count_as_long_as_they_took_together() -> None:
    begun = time.monotonic()
    after = step(start(), calls(*(("sleep", {"seconds": 0.2 + number / 1000}) for number in range(6))), SlowTools())
    assert 0.4 <= after.seconds <= time.monotonic() - begun


def test_what_passed_before_the_first_turn_counts_against_the_time_limit() -> None:
    assert find_reached_limit(replace(start(max_seconds=5.0), opening_seconds=4.9)) is Stop.TIME_LIMIT
    assert find_reached_limit(replace(start(max_seconds=50.0), opening_seconds=4.9)) is None
