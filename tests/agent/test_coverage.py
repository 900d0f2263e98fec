"""Coverage arithmetic, each expected number worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest

from agent.coverage import CoveredSpan, Span, compute_coverage, format_mmss
from agent.trajectory import Calls, Question, Result, Step, ToolCall, Trajectory, Turn, VideoFacts
from tools.observation import FrameRef, Observation

DURATION = 80.0


def trajectory(*calls: tuple[str, dict[str, Any], list[float]], is_error: bool = False) -> Trajectory:
    made = tuple(ToolCall(f"t1c{i}", name, arguments) for i, (name, arguments, _) in enumerate(calls))
    results = tuple(
        Result(call.id, Observation("", frames=tuple(FrameRef(t, 360, 640) for t in times), is_error=is_error))
        for call, (_, _, times) in zip(made, calls, strict=True)
    )
    steps = (Step(Turn("", Calls(made)), results),)
    return Trajectory(
        Question("v.mp4", "What?"), VideoFacts("h", DURATION, 640, 360, has_speech_track=True), steps=steps
    )


def test_frames_of_a_sparse_sweep_stand_for_a_few_seconds_each_and_not_for_the_time_between() -> None:
    # 20 s apart: 2 s on either side of each of 4 frames
    coverage = compute_coverage(trajectory(("overview", {}, [10, 30, 50, 70])))
    assert coverage.looked == tuple(CoveredSpan(t - 2.0, t + 2.0, 20.0) for t in (10, 30, 50, 70))
    assert coverage.looked_share == pytest.approx(16 / 80)
    assert coverage.close_share == 0.0
    assert coverage.unseen_share == pytest.approx(0.8)
    assert coverage.sentence == "Seen: 20 % of 01:20.0, in 4 frames (each stands for at most 4 s)."


def test_an_even_sweep_that_is_dense_enough_covers_its_whole_window() -> None:
    # 4 s apart: halfway to the next one is all that each may stand for
    coverage = compute_coverage(trajectory(("overview", {}, [2.0 + 4 * i for i in range(20)])))
    assert coverage.looked == (CoveredSpan(0.0, 80.0, 4.0),)
    assert coverage.looked_share == 1.0


def test_twelve_frames_of_an_hour_are_not_all_of_it() -> None:
    hour = trajectory(("overview", {}, [150 + 300 * i for i in range(12)]))
    hour = replace(hour, facts=replace(hour.facts, duration_seconds=3600.0))
    assert compute_coverage(hour).looked_share == pytest.approx(12 * 4 / 3600)
    assert compute_coverage(hour).sentence.startswith("Seen: 1 % of 1:00:00, in 12 frames")


def test_search_hits_stand_for_a_second_each_and_not_for_the_time_between_them() -> None:
    coverage = compute_coverage(trajectory(("search_frames", {"query": "a dog"}, [10, 30])))
    assert coverage.looked == (CoveredSpan(9.5, 10.5, 1.0), CoveredSpan(29.5, 30.5, 1.0))
    assert coverage.searched == (Span(0.0, 9.5), Span(10.5, 29.5), Span(30.5, 80.0))
    assert coverage.indexed == (Span(0.0, 80.0),)
    assert coverage.looked_share == pytest.approx(2 / 80)
    assert coverage.unseen_share == pytest.approx(0.0)


def test_where_two_calls_looked_the_finer_spacing_counts() -> None:
    coverage = compute_coverage(
        trajectory(("overview", {}, [29, 69]), ("select_frames", {"start": 28, "stop": 30}, [28.5, 29.5]))
    )
    assert coverage.looked == (
        CoveredSpan(27.0, 28.0, 40.0),
        CoveredSpan(28.0, 30.0, 1.0),
        CoveredSpan(30.0, 31.0, 40.0),
        CoveredSpan(67, 71, 40),
    )
    assert coverage.close_share == pytest.approx(2 / 80)


def test_searched_by_picture_read_and_heard_are_told_apart() -> None:
    coverage = compute_coverage(
        trajectory(
            ("search_frames", {"query": "x", "stop": 40}, []),
            ("search_text", {"start": 60}, []),
            ("read_speech", {}, []),
        )
    )
    assert (coverage.indexed, coverage.read, coverage.heard) == (
        (Span(0.0, 40.0),),
        (Span(60.0, 80.0),),
        (Span(0.0, 80.0),),
    )
    assert coverage.sentence == (
        "No frame was looked at. Searched by picture: 50 %. Read for text: 25 %. Heard: 100 %."
    )
    told = coverage.as_data()
    assert (told["indexed_share"], told["read_share"], told["heard_share"]) == (0.5, 0.25, 1.0)


def test_what_has_no_sound_was_not_heard() -> None:
    silent = trajectory(("read_speech", {}, []))
    silent = replace(silent, facts=replace(silent.facts, has_speech_track=False))
    assert compute_coverage(silent).heard == ()


def test_a_search_counts_only_what_it_says_that_it_covered_and_its_gap_is_told() -> None:
    found = trajectory(("search_text", {"start": 20}, []))
    (step,) = found.steps
    seen = Observation("", covered=((0.0, 30.0), (50.0, 60.0)), gaps=("Only half is read.",))
    found = replace(found, steps=(replace(step, results=(replace(step.results[0], observation=seen),)),))
    coverage = compute_coverage(found)
    assert coverage.read == (Span(20.0, 30.0), Span(50.0, 60.0))
    assert coverage.sentence.endswith("Read for text: 25 %. None of this: 75 %. Only half is read.")


def test_a_frame_at_the_end_does_not_reach_past_the_end() -> None:
    coverage = compute_coverage(trajectory(("zoom", {"seconds": 79.9}, [79.9])))
    assert coverage.looked == (CoveredSpan(79.4, 80.0, 1.0),)
    assert coverage.searched == ()


def test_a_speech_window_is_searched_and_not_looked_at() -> None:
    coverage = compute_coverage(trajectory(("read_speech", {"start": 10, "stop": 30}, [])))
    assert coverage.looked == ()
    assert coverage.searched == (Span(10.0, 30.0),)
    assert coverage.unseen_share == pytest.approx(0.75)
    assert coverage.sentence == "No frame was looked at. Heard: 25 %. None of this: 75 %."


def test_reading_text_at_a_moment_covers_one_second() -> None:
    assert compute_coverage(trajectory(("read_text", {"seconds": 12.0}, []))).searched == (Span(11.5, 12.5),)


def test_a_failed_call_covers_nothing() -> None:
    coverage = compute_coverage(trajectory(("overview", {}, []), ("read_speech", {"start": 90}, []), is_error=True))
    assert (coverage.looked, coverage.searched) == ((), ())
    assert coverage.sentence == "Nothing of the video was looked at or searched."


def test_a_window_outside_the_video_and_nonsense_arguments_cover_nothing_wrong() -> None:
    assert compute_coverage(trajectory(("search_speech", {"start": 90, "stop": 99}, []))).searched == ()
    whole = (Span(0.0, DURATION),)
    assert compute_coverage(trajectory(("search_speech", {"start": "x", "stop": float("nan")}, []))).searched == whole


def test_uneven_gaps_of_one_sweep_stay_one_span() -> None:
    coverage = compute_coverage(trajectory(("select_frames", {}, [0.5, 1.5, 2.54, 3.5])))
    assert len(coverage.looked) == 1


def test_a_video_of_no_length_has_no_share_of_anything() -> None:
    empty = Trajectory(Question("v.mp4", "What?"), VideoFacts("h", 0.0, 640, 360))
    assert compute_coverage(empty).looked_share == 0.0


def test_a_little_less_than_everything_is_not_called_everything() -> None:
    coverage = compute_coverage(trajectory(("select_frames", {}, [t + 0.3 for t in range(80)])))
    assert "over 99 %" in coverage.sentence


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00.0"),
        (5, "00:05.0"),
        (59.96, "01:00.0"),  # rounding carries into the minute
        (75.25, "01:15.2"),
        (3599.94, "59:59.9"),
        (3599.96, "1:00:00"),  # and into the hour
        (3661, "1:01:01"),
        (-0.01, "00:00.0"),
        (-1.5, "-00:01.5"),
    ],
)
def test_seconds_read_as_minutes_and_seconds(seconds: float, text: str) -> None:
    assert format_mmss(seconds) == text
