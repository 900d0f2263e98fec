"""Evidence, tools and turns: what was looked at, what is cited, what it cost."""

from dataclasses import replace

import pytest

from agent.trajectory import Evidence, Question, Trajectory
from evals.example import Example
from rl.attacks import write_answer, write_look
from rl.data.references import TimedBox
from rl.rewards.aids import Aids
from rl.rewards.evidence import box_iou, sigma_at
from tests.rl.cases import CHOICE, RIGHT, UNPLACED, WRONG, run, value

OF_A_MOMENT = (
    "evidence_iou evidence_hit evidence_recall claims_right claims_inside claim_nearness last_window_iou "
    "best_window_f1 frames_jaccard frames_found frame_hit visits_f1 calls_right"
).split()


@pytest.mark.parametrize("name", OF_A_MOMENT)
def test_without_a_reference_moment_it_does_not_count(name: str) -> None:
    assert value(name, run(*RIGHT, example=UNPLACED), UNPLACED) is None


@pytest.mark.parametrize("name", OF_A_MOMENT)
def test_a_run_that_saw_and_cites_nothing_is_worth_nothing(name: str) -> None:
    assert value(name, run(write_answer("Paris"))) == 0.0


def test_a_span_over_the_whole_video_has_all_recall_and_little_overlap() -> None:
    wide = run(write_answer("Paris", (0, 120)))
    assert value("evidence_recall", wide) == value("evidence_hit", wide) == 1.0
    assert value("evidence_iou", wide) == pytest.approx(10 / 120)


def test_recall_counts_a_second_once() -> None:
    assert value("evidence_recall", run(write_answer("Paris", (40, 44), (42, 46), (60, 70)))) == pytest.approx(0.6)


def test_claims_are_matched_one_to_one() -> None:
    # 2 s of slack on either side of [40, 50]; the second claim of the same moment has nothing left to match
    assert value("claims_right", run(write_answer("Paris", (51, 60)))) == 1.0
    assert value("claims_right", run(write_answer("Paris", (53, 60)))) == 0.0
    assert value("claims_right", run(write_answer("Paris", (41, 42), (43, 44), (90, 95)))) == pytest.approx(1 / 3)


def test_claims_are_inside_by_their_middle() -> None:
    assert value("claims_inside", run(write_answer("Paris", (38, 44), (48, 54)))) == 0.5


def test_the_tolerance_shrinks_to_a_second() -> None:
    assert [sigma_at(progress) for progress in (0.0, 0.5, 0.74, 0.75, 1.0)] == pytest.approx([4.0, 2.0, 1.04, 1.0, 1.0])


def test_only_the_last_window_counts_for_longvt() -> None:
    assert value("last_window_iou", run(write_look(41, 49), write_look(71, 79), write_answer("Paris"))) == 0.0
    assert value(
        "last_window_iou", run(write_look(71, 79), write_look(41, 49), write_answer("Paris"))
    ) == pytest.approx(0.8)


def test_a_crop_counts_up_to_its_share_of_the_frame() -> None:
    looked = run(write_look(41, 49), write_answer("Paris"))
    [result] = looked.steps[0].results

    def cropped(box: tuple[float, float, float, float]) -> Trajectory:
        frames = (*result.observation.frames, replace(result.observation.frames[0], box=box))
        seen = replace(result, observation=replace(result.observation, frames=frames))
        return replace(looked, steps=(replace(looked.steps[0], results=(seen,)), *looked.steps[1:]))

    assert value("crops", looked) == 0.0, "whole frames are none"
    assert value("crops", cropped((0.0, 0.0, 0.5, 1.0))) == 1.0
    assert value("crops", cropped((0.0, 0.0, 0.7, 1.0))) == 0.0
    assert value("crops", cropped((0.0, 0.0, 0.7, 1.0)), most=0.7) == 1.0


def test_cited_frames_must_be_the_seen_ones() -> None:
    # seen in the reference: 41 43 45 47; cited: 41 43
    assert value("frames_jaccard", run(write_look(41, 49), write_answer("Paris", (41, 44)))) == 0.5


def test_found_frames_are_those_that_the_opening_looks_had_not_shown() -> None:
    opened = run(write_look(40, 48), write_look(48, 50), write_answer("Paris", (40, 50)))
    first = replace(opened.steps[0], turn=replace(opened.steps[0].turn, is_opening=True))
    # the opening shows 4 of 10 seconds, 6 are left; the call of its own shows 4 frames in the reference
    assert value("frames_found", replace(opened, steps=(first, *opened.steps[1:]))) == pytest.approx(4 / 6)


def test_boxes_are_held_against_the_nearest_in_time() -> None:
    assert box_iou((0, 0, 0.5, 1), (0.25, 0, 0.75, 1)) == pytest.approx(0.25 / 0.75)
    assert box_iou((0, 0, 0.1, 0.1), (0.5, 0.5, 1, 1)) == 0.0
    aids = Aids(boxes=lambda example: (TimedBox(45.0, (0.0, 0.0, 0.5, 1.0)), TimedBox(60.0, (0.5, 0.0, 1.0, 1.0))))

    def cites(seconds: float) -> Trajectory:
        answered = run(write_answer("Paris"))
        step = answered.steps[-1]
        item = Evidence(seconds, seconds, box=(0.25, 0.0, 0.75, 1.0))
        move = replace(step.turn.move, evidence=(item,))  # type: ignore[type-var]
        return replace(answered, steps=(replace(step, turn=replace(step.turn, move=move)),))

    assert value("evidence_box_iou", cites(45.5), aids=aids) == pytest.approx(1 / 3)
    assert value("evidence_box_iou", cites(50.0), aids=aids) == 0.0  # five seconds from either
    assert value("evidence_box_iou", run(write_answer("Paris", (45, 46))), aids=aids) == 0.0
    assert value("evidence_box_iou", cites(45.5)) is None


def test_calls_are_right_by_what_they_show() -> None:
    assert value(
        "calls_right", run(write_look(41, 49), write_look(71, 79), write_look(3, 1), write_answer("Paris"))
    ) == pytest.approx(1 / 3)
    assert (
        value("calls_right", run(write_look(41, 49), write_look(41, 49), write_answer("Paris"))) == 0.5
    )  # a repeat is not right again


def test_a_second_answer_must_be_right_and_not_only_the_same() -> None:
    assert value("answer_from_evidence", run(*RIGHT, second="Paris")) == 1.0
    assert value("answer_from_evidence", run(*RIGHT, second="Rome")) == 0.0
    assert value("answer_from_evidence", run(*WRONG, second="Berlin")) == 0.0
    assert value("verified", run(*WRONG, second="Berlin")) == 1.0


def test_a_second_answer_to_options_is_read_as_an_option() -> None:
    chosen = run(write_look(41, 49), write_answer("B", (41, 49)), example=CHOICE, second="Paris")
    assert value("answer_from_evidence", chosen, CHOICE) == 1.0


def test_a_second_look_that_was_not_taken_does_not_count() -> None:
    assert value("answer_from_evidence", run(*RIGHT)) is None
    assert value("verified", run(*RIGHT)) is None


def test_an_answer_without_evidence_has_nothing_to_be_answered_from() -> None:
    assert value("answer_from_evidence", run(write_answer("Paris"))) == 0.0
    assert value("verified", run(write_answer("Paris"))) == 0.0


def test_a_refused_call_is_an_attempt_and_no_use() -> None:
    refused = run(write_look(9, 5), write_answer("Paris"))
    assert value("calls_tools", refused) == 1.0
    assert value("uses_tools", refused) == value("looks", refused) == 0.0
    assert value("tool_levels", refused) == 0.1
    assert value("failed_share", refused) == 1.0


def test_repeats_are_counted_over_distinct_calls() -> None:
    assert (
        value("repeat_ratio", run(write_look(1, 2), write_look(1, 2), write_look(3, 4), write_answer("Paris"))) == 0.5
    )
    assert value("repeat_ratio", run(write_answer("Paris"))) == 0.0


def test_calls_beyond_the_free_ones_cost() -> None:
    three = run(write_look(1, 2), write_look(3, 4), write_look(5, 6), write_answer("Paris"))
    assert value("calls_beyond", three) == -2.0
    assert value("calls_beyond", three, free=5) == 0.0
    assert value("frame_cost", three, full_at_frames=24) == 0.5


def test_the_name_of_the_file_in_a_thought_is_noticed() -> None:
    leaking = Example(Question("C:\\videos\\sign_paris.mp4", "Which city?"), "Paris")
    assert (
        value("names_the_file", run(write_answer("Paris", thought="It is sign_paris"), example=leaking), leaking) == 1.0
    )
    assert value("names_the_file", run(*RIGHT, example=leaking), leaking) == 0.0
    short = Example(Question("a.mp4", "Which city?"), "Paris")
    assert value("names_the_file", run(*RIGHT, example=short), short) == 0.0


def test_the_time_of_the_question_must_be_looked_at() -> None:
    assert value("asked_time_looked_at", run(*RIGHT)) == 1.0
    assert value("asked_time_looked_at", run(*WRONG)) == 0.0
    timeless = Example(Question("v.mp4", "Which city?"), "Paris")
    assert value("asked_time_looked_at", run(*RIGHT, example=timeless), timeless) == 0.0
    in_words = Example(Question("v.mp4", "Which city after 45 seconds?"), "Paris")
    assert value("asked_time_looked_at", run(*RIGHT, example=in_words), in_words) == 1.0


def test_a_rise_of_the_overlap_is_paid_once() -> None:
    twice = run(write_look(41, 49), write_look(41, 49), write_answer("Paris"))
    assert value("step_retrieval", twice) == 0.5
    assert value("step_retrieval", run(*RIGHT, example=UNPLACED), UNPLACED) is None
