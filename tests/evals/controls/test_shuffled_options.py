"""Options change places and answers find back; a policy that follows places is caught."""

from hypothesis import given
from hypothesis import strategies as st

from agent.trajectory import Answer, Question
from evals.controls.catalogue import CONTROLS
from evals.controls.control import ControlledQuestion
from evals.controls.shuffled_options import Flips, count_flips
from evals.controls.subject import ControlSubject
from evals.example import Example
from evals.scoring.scoring import score_answer

SHUFFLED = CONTROLS["shuffled-options"]


def asked_of(count: int, question_id: str = "q") -> tuple[ControlledQuestion, ...]:
    options = tuple(f"option {number}" for number in range(count))
    return SHUFFLED.plan([ControlSubject(Question("v", "which?", options, question_id), options[0])]).asked


def test_four_options_come_in_three_orders_and_each_stands_in_every_place_but_its_own() -> None:
    asked = asked_of(4)
    assert [one.question.id for one in asked] == ["q~1", "q~2", "q~3"]
    for option in range(4):
        places = [one.question.options.index(f"option {option}") for one in asked]
        assert sorted([option, *places]) == [0, 1, 2, 3]


def test_two_options_have_one_other_order_and_none_has_none() -> None:
    assert [one.question.options for one in asked_of(2)] == [("option 1", "option 0")]
    plan = SHUFFLED.plan([ControlSubject(Question("v", "what?", (), "q"), "x")])
    assert (plan.asked, plan.left_out) == ((), {"q": "it has no options"})


@given(st.integers(2, 9), st.integers(0, 8))
def test_an_answer_goes_back_to_the_same_words_and_the_score_stays(count: int, chosen: int) -> None:
    chosen %= count
    options = tuple(f"option {number}" for number in range(count))
    example = Example(Question("v", "which?", options, "q"), "option 1")
    for asked in asked_of(count):
        place = asked.question.options.index(f"option {chosen}")
        said = Answer(f"option {chosen}", place)
        assert asked.restore_option(said).option == chosen
        assert score_answer(asked.example(example), said) == score_answer(example, asked.restore_option(said))


def test_no_option_and_one_that_does_not_exist_stay_what_they_are() -> None:
    (asked, *_) = asked_of(4)
    for answer in (Answer("", None, not_shown=True), Answer("", 9), Answer("", -1)):
        assert asked.restore_option(answer) == answer


def test_a_policy_that_follows_the_words_never_flips_and_one_that_follows_the_letter_always() -> None:
    asked = (*asked_of(4, "q1"), *asked_of(4, "q2"))
    words = {one.question.id: Answer("", one.question.options.index("option 2")) for one in asked}
    letter = {one.question.id: Answer("", 0) for one in asked}
    assert count_flips(asked, words) == Flips(2, 0)
    assert count_flips(asked, letter) == Flips(2, 2)
    assert count_flips(asked, letter).share == 1.0


def test_questions_without_an_answer_in_some_order_do_not_count() -> None:
    asked = asked_of(4)
    some = {"q~1": Answer("", 0), "q~2": None}
    assert count_flips(asked, some) == Flips(0, 0)
    assert count_flips(asked, some).share is None


def test_not_shown_is_an_answer_like_any_other() -> None:
    asked = asked_of(3)
    both = {"q~1": Answer("", not_shown=True), "q~2": Answer("", asked[1].question.options.index("option 1"))}
    assert count_flips(asked, both) == Flips(1, 1)
    assert count_flips(asked, {name: Answer("", not_shown=True) for name in both}) == Flips(1, 0)
