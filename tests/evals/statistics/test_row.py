"""A played question becomes a row with nothing made up."""

import pytest

from agent.trajectory import Answer, Question, Sample, Step, Stop, Trajectory, Turn, Usage, VideoFacts
from evals.example import Example
from evals.scoring.scoring import score
from evals.statistics.row import duration_label, row_of

EXAMPLE = Example(Question("v", "?", ("a", "b", "c"), "q1"), "a", needs=("zoom", "speech"), cluster="x")
USAGE = Usage(2.0, 900, 100, 0.5)


def played(answer: Answer | None, *, usage: Usage = USAGE, samples: tuple[Sample, ...] = ()) -> Trajectory:
    steps = (Step(Turn("", answer, usage)),) if answer else ()
    stop = Stop.ANSWERED if answer else Stop.TURN_LIMIT
    return Trajectory(EXAMPLE.question, VideoFacts("h", 130.0, 64, 36), "m", steps=steps, stop=stop, samples=samples)


def test_a_row_says_what_was_said_what_it_cost_and_what_it_is_sorted_by() -> None:
    trajectory = played(Answer("a", 0))
    row = row_of(EXAMPLE, trajectory, score(EXAMPLE, trajectory), groups=(("task", "OCR"),), run=2)
    assert (row.question, row.cluster, row.value, row.run, row.said, row.end) == ("q1", "x", 1.0, 2, "a", "answered")
    assert (row.options, row.is_answerable) == (3, True)
    assert (row.seconds, row.tokens, row.cost_usd, row.frames, row.turns) == (2.0, 1000, 0.5, 0, 1)
    assert row.groups == (
        ("duration", "2 to 15 min"),
        ("kind", "multiple choice"),
        ("needs", "zoom"),
        ("needs", "speech"),
        ("task", "OCR"),
    )


@pytest.mark.parametrize(
    ("answer", "end"), [(None, "nothing"), (Answer("", not_shown=True), "abstained"), (Answer("b", 1), "answered")]
)
def test_no_answer_is_no_abstention(answer: Answer | None, end: str) -> None:
    trajectory = played(answer)
    assert row_of(EXAMPLE, trajectory, score(EXAMPLE, trajectory)).end == end


def test_tokens_that_nobody_counted_are_none_and_not_0() -> None:
    trajectory = played(Answer("a", 0), usage=Usage(1.0))
    row = row_of(EXAMPLE, trajectory, score(EXAMPLE, trajectory))
    assert (row.tokens, row.cost_usd) == (None, None)


def test_a_question_asked_three_times_costs_all_three() -> None:
    trajectory = played(Answer("a", 0), samples=tuple(Sample(Answer("a", 0), 4, USAGE) for _ in range(3)))
    row = row_of(EXAMPLE, trajectory, score(EXAMPLE, trajectory))
    assert (row.seconds, row.tokens, row.cost_usd, row.frames) == (6.0, 3000, 1.5, 12)


def test_a_control_that_shows_another_video_keeps_the_duration_of_the_questions_own() -> None:
    trajectory = played(Answer("a", 0))
    row = row_of(EXAMPLE, trajectory, score(EXAMPLE, trajectory), duration_seconds=4000.0)
    assert ("duration", "an hour and more") in row.groups


def test_a_bound_belongs_to_the_longer_videos() -> None:
    bounds = {0.0: "under 2 min", 119.9: "under 2 min", 120.0: "2 to 15 min", 900.0: "15 to 60 min"}
    assert {seconds: duration_label(seconds) for seconds in bounds} == bounds
    assert duration_label(3600.0) == "an hour and more"
    with pytest.raises(ValueError, match="need a duration >= 0"):
        duration_label(-1.0)
