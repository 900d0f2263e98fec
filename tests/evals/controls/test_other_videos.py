"""A question never meets its own video; the right answer is "not shown" only where nothing says otherwise."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.trajectory import Answer, Question
from evals.controls.catalogue import CONTROLS
from evals.controls.subject import ControlSubject
from evals.example import Example
from evals.scoring.scoring import score_answer

WRONG, OPEN = CONTROLS["wrong-video"], CONTROLS["unanswerable"]


def about(
    video: str, number: int, text: str = "", answer: str | None = "x", things: tuple[str, ...] = ()
) -> ControlSubject:
    question = Question(video, text or f"What about {video} {number}?", (), f"{video}#{number}")
    return ControlSubject(question, answer, things=frozenset(things))


@given(st.lists(st.integers(0, 9), min_size=2).filter(lambda videos: len(set(videos)) > 1))
def test_no_question_keeps_its_video_and_each_video_is_used_by_one_other(videos: list[int]) -> None:
    subjects = [about(f"v{video}", number) for number, video in enumerate(videos)]
    own = {s.question.id: s.question.video for s in subjects}
    plan = WRONG.plan(subjects)
    moved = {(own[asked.of], asked.question.video) for asked in plan.asked}
    assert [asked.of for asked in plan.asked] == list(own)
    assert all(before != after for before, after in moved)
    assert len(moved) == len({before for before, _ in moved}) == len({after for _, after in moved})
    assert all(own[asked.video_of or ""] == asked.question.video for asked in plan.asked)


def test_it_is_the_same_wrong_video_every_time_and_in_every_order() -> None:
    subjects = [about(f"v{n}", n) for n in range(8)]
    there = {asked.of: asked.question.video for asked in WRONG.plan(subjects).asked}
    assert there == {asked.of: asked.question.video for asked in WRONG.plan(subjects[::-1]).asked}


def test_one_video_alone_has_no_other() -> None:
    plan = WRONG.plan([about("v", 1), about("v", 2)])
    assert plan.asked == ()
    assert plan.left_out["v#1"] == "the set has only one video"


def test_the_wrong_video_keeps_the_answer_and_loses_the_evidence() -> None:
    asked = WRONG.plan([about("a", 1), about("b", 1)]).asked[0]
    example = Example(about("a", 1).question, "x", evidence_seconds=(1.0, 2.0))
    scored = asked.example(example)
    assert (scored.answer, scored.evidence_seconds, scored.question.video) == ("x", None, "b")


def test_what_the_other_video_does_not_answer_is_right_as_not_shown() -> None:
    mine, other = about("a", 1, "What colour is the teapot?", "red"), about("b", 1, "What is written?", "EXIT")
    (asked, _) = OPEN.plan([mine, other]).asked
    example = asked.example(Example(mine.question, "red"))
    assert (asked.question.video, asked.video_of, asked.is_answerable) == ("b", "b#1", False)
    assert score_answer(example, Answer("", not_shown=True)).value == 1.0
    assert score_answer(example, Answer("red")).value == 0.0


def test_a_video_that_may_answer_is_not_taken() -> None:
    mine = about("a", 1, "What colour is the teapot?", "red")
    for other in (
        about("b", 1, "What colour is the  Teapot?", "blue"),  # asked there too
        about("b", 1, "What is the carpet?", "Red"),  # the same answer
        about("b", 1, "What is written?", "EXIT", ("bell", "teapot")),  # the thing itself is there
    ):
        assert "every other video" in OPEN.plan([mine, other]).left_out["a#1"]
    fits = about("c", 1, "What is written?", "EXIT", ("teapots", "pot"))
    assert OPEN.plan([mine, fits]).asked[0].question.video == "c"


def test_what_has_no_answer_anyway_is_left_out() -> None:
    plan = OPEN.plan([about("a", 1, answer=None), about("b", 1, answer="y")])
    assert "not shown even in its own" in plan.left_out["a#1"]
    assert [asked.of for asked in plan.asked] == ["b#1"]


def test_a_question_keeps_its_words_and_options() -> None:
    mine = about("a", 1)
    asked = OPEN.plan([mine, about("b", 1, answer="y")]).asked[0]
    assert replace(asked.question, video="a") == mine.question
