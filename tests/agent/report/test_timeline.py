"""The timeline's arithmetic: everything stays within the video, and labels have room."""

import pytest

from agent.coverage import compute_coverage
from agent.report.timeline import STRIP_SLOTS, Timeline, build_timeline
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Question,
    Result,
    Step,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
)
from tools.observation import Finding, FrameRef, Observation


def laid_out(duration: float, frames: list[float], evidence: tuple[Evidence, ...] = (), name: str = "zoom") -> Timeline:
    shots = (Finding("shot", 0.0, duration / 2), Finding("shot", duration / 2, duration))
    seen = Observation("", tuple(FrameRef(t, 36, 64) for t in frames), shots)
    look = Step(Turn("", Calls((ToolCall("t1c1", name, {}),))), (Result("t1c1", seen),))
    steps = (look, Step(Turn("", Answer("x", evidence=evidence))))
    trajectory = Trajectory(Question("v", "q"), VideoFacts("h", duration, 64, 36), steps=steps)
    return build_timeline(trajectory, compute_coverage(trajectory))


@pytest.mark.parametrize("duration", [0.4, 3.0, 55.1, 599.0, 3600.0, 7300.0, 90_000.0])
def test_time_labels_start_at_zero_and_are_few_enough_for_a_narrow_screen(duration: float) -> None:
    ticks = laid_out(duration, [0.1]).ticks
    assert ticks[0].x == "0.000%"
    assert 1 <= len(ticks) <= (7 if duration < 3600 else 5)
    assert float(ticks[-1].x.rstrip("%")) <= 89


def test_a_span_outside_the_video_is_cut_to_it() -> None:
    (band,) = laid_out(10.0, [1.0], (Evidence(8.0, 99.0),)).bands
    assert (band.x, band.width) == ("80.000%", "20.000%")


def test_the_film_strip_takes_the_whole_width_and_shows_gaps_where_nothing_was_looked_at() -> None:
    strip = laid_out(120.0, [5.0, 65.0]).strip
    assert sum(slot.share for slot in strip) == STRIP_SLOTS
    # frames in slots 0 and 6; a lone frame stands for one second and reaches no other slot
    assert [(slot.share, slot.frame is not None) for slot in strip] == [(1, True), (5, False), (1, True), (5, False)]


def test_a_frame_of_a_sweep_reaches_over_the_time_it_stands_for_and_no_further() -> None:
    # slots of 2 s, frames that stand for 4
    strip = laid_out(24.0, [2.0, 6.0, 10.0, 20.0], name="overview").strip
    assert [(slot.share, slot.frame and slot.frame.seconds) for slot in strip] == [
        (2, 2.0),
        (2, 6.0),
        (2, 10.0),
        (3, None),
        (2, 20.0),
        (1, None),
    ]


def test_lanes_come_in_reading_order_evidence_shots_seen_turns() -> None:
    lanes = laid_out(10.0, [1.0], (Evidence(1.0, 2.0),)).lanes
    assert [lane.label for lane in lanes] == ["Evidence", "Shots", "Seen", "Turn 1", "Turn 2"]
    assert [bar.kind for bar in lanes[1].bars] == ["shot odd", "shot"]
    assert len(lanes[3].marks) == 1
