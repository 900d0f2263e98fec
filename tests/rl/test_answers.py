"""The answer reward is the benchmark's score, less what a policy could be taught to abuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.trajectory import Stop
from evals.example import Example
from evals.scoring.scoring import score
from rl.attacks import write_answer
from rl.rewards.aids import Aids, Aspect
from tests.rl.cases import CHOICE, COUNT, OPEN, QUESTION, UNSHOWN, broken, run, value


class Judge:
    """Says the same of everything, and counts how often it was asked."""

    def __init__(self, verdict: float | None) -> None:
        self.verdict, self.asked = verdict, 0

    def __call__(self, aspect: Aspect, example: object, trajectory: object, turn: int | None = None) -> float | None:
        self.asked += 1
        return self.verdict


def reward(text: str, example: Example = OPEN, name: str = "answer", **settings: object) -> float | None:
    return value(name, run(write_answer(text), example=example), example, **settings)


@pytest.mark.parametrize("text", ["Paris", "paris.", "The sign names Paris", "It is Paris", "Berlin", "not shown"])
def test_reward_and_benchmark_score_are_the_same(text: str) -> None:
    trajectory = run(write_answer(text))
    assert value("answer", trajectory) == score(OPEN, trajectory).value


@pytest.mark.parametrize("text", ["A", "B", "C. Oslo", "Paris", "not shown"])
def test_of_options_it_is_always_the_same(text: str) -> None:
    trajectory = run(write_answer(text), example=CHOICE)
    assert value("answer", trajectory, CHOICE) == value("letter", trajectory, CHOICE) == score(CHOICE, trajectory).value


@pytest.mark.parametrize("text", ["Paris London", "London Paris", "Paris France"])
def test_a_spare_word_that_the_score_lets_pass_is_not_paid(text: str) -> None:
    trajectory = run(write_answer(text))
    assert score(OPEN, trajectory).value == 1.0
    assert value("answer", trajectory) == 0.0


@pytest.mark.parametrize("text", ["Paris, London", "Paris or London", "Paris and London", "not Paris", "London"])
def test_what_the_score_refuses_the_reward_refuses_too(text: str) -> None:
    assert reward(text) == score(OPEN, run(write_answer(text))).value == 0.0


@given(st.lists(st.sampled_from("Paris London the sign names a Rome or , . not city 5 is".split()), max_size=6))
def test_the_reward_is_never_above_the_score_and_no_second_city_is_paid(words: list[str]) -> None:
    trajectory = run(write_answer(" ".join(words) or "nothing"))
    worth, scored = value("answer", trajectory), score(OPEN, trajectory).value
    assert worth in (0.0, scored)
    if worth:
        assert not {"London", "Rome", "5"} & set(words)


def test_candidates_of_the_question_are_not_free_words() -> None:
    asked = Example(type(QUESTION)("v.mp4", "Is the light red, green, blue or white?"), "green")
    assert score(asked, run(write_answer("red green"), example=asked)).value == 1.0
    assert reward("red green", asked) == 0.0
    assert reward("green", asked) == 1.0


def test_an_alias_is_as_right() -> None:
    example = Example(QUESTION, "Paris", ("City of Light",))
    assert reward("the city of light", example) == 1.0
    assert reward("Paris, City of Light", example) == 0.0


def test_not_shown_is_right_where_it_is_not_shown() -> None:
    assert reward("not shown", UNSHOWN) == 1.0
    assert reward("Paris", UNSHOWN) == 0.0


@pytest.mark.parametrize("stop", [Stop.CRASHED, Stop.POLICY_FAILED, Stop.INTERRUPTED, None])
def test_a_run_that_broke_off_does_not_count_even_if_it_had_answered(stop: Stop | None) -> None:
    assert value("answer", broken(stop)) is None
    assert score(OPEN, broken(stop)).value == 1.0  # the benchmark is milder


def test_open_questions_have_no_letter() -> None:
    assert reward("Paris", name="letter") is None


@pytest.mark.parametrize(
    ("text", "worth"),
    [("5", 1.0), ("five", 1.0), ("5.001", 1.0), ("5.01", 0.0), ("25", 0.0), ("4, 5", 0.0), ("many", 0.0)],
)
def test_numbers_are_compared_at_two_decimals(text: str, worth: float) -> None:
    assert reward(text, COUNT, "number") == worth


def test_numbers_within_a_tolerance() -> None:
    assert reward("5.2", COUNT, "number", tolerance=0.05) == 1.0  # 0.2 of at most 0.25
    assert reward("5.3", COUNT, "number", tolerance=0.05) == 0.0


def test_a_text_with_a_number_in_it_is_no_number() -> None:
    assert reward("Paris", name="number") is None
    assert reward("5", Example(QUESTION, "he waits 5 minutes outside"), "number") is None


def test_relative_closeness_and_accuracy_by_hand() -> None:
    assert reward("6", COUNT, "relative_closeness") == pytest.approx(0.8)  # |6 - 5| / 5 = 0.2
    assert reward("12", COUNT, "relative_closeness") == 0.0
    # 0.2 < 1 - t for t = .5 .55 .6 .65 .7 .75 : six of ten (0.2 < 0.2 fails at .8)
    assert reward("6", COUNT, "relative_accuracy") == pytest.approx(0.6)
    assert reward("some", COUNT, "relative_accuracy") == 0.0


def test_a_span_is_read_from_the_words_or_the_evidence() -> None:
    asked = Example(QUESTION, "40 - 50 seconds")
    assert reward("45 - 55 seconds", asked, "span_iou") == pytest.approx(5 / 15)
    assert value("span_iou", run(write_answer("there", (40, 60)), example=asked), asked) == pytest.approx(0.5)
    assert reward("there", asked, "span_iou") == 0.0
    assert reward("Paris", name="span_iou") is None


def test_words_read_off_the_screen_by_their_error_rate() -> None:
    asked = Example(QUESTION, "no parking here today")
    assert reward("no parking today", asked, "word_accuracy") == pytest.approx(0.75)
    assert reward("a b c d e f g h i", asked, "word_accuracy") == 0.0


def test_kinds_are_told_from_the_reference() -> None:
    assert reward("5", COUNT, "answer_by_kind") == 1.0
    assert reward("B", CHOICE, "answer_by_kind") == 1.0
    text = Example(QUESTION, "no parking here today", needs=("read_text",))
    assert reward("no parking today", text, "answer_by_kind") == pytest.approx(0.75)
    assert reward("Paris Rome", name="answer_by_kind") == pytest.approx((2 / 3 + 0 + 2 / 3) / 3)
    assert reward("not shown", UNSHOWN, "answer_by_kind") == 1.0


def test_early_answers_are_worth_more() -> None:
    from rl.attacks import write_look

    trajectory = run(write_look(41, 49), write_look(42, 48), write_answer("Paris"))
    assert value("answer_early", trajectory) == pytest.approx(0.8)
    assert value("answer_early", run(write_answer("Berlin"))) == 0.0


def test_a_judge_is_asked_only_about_open_answers_that_fail() -> None:
    judge = Judge(0.5)
    aids = Aids(judge=judge)
    assert value("answer_or_judge", run(write_answer("Paris")), aids=aids) == 1.0
    assert value("answer_or_judge", run(write_answer("A"), example=CHOICE), CHOICE, aids) == 0.0
    assert value("answer_or_judge", run(*("?",) * 3), aids=aids) == 0.0
    assert judge.asked == 0
    assert value("answer_or_judge", run(write_answer("the French capital")), aids=aids) == 0.5


def test_a_judge_that_is_down_does_not_look_like_a_wrong_answer() -> None:
    assert value("answer_or_judge", run(write_answer("Lutetia")), aids=Aids(judge=Judge(None))) is None
    assert value("answer_or_judge", run(write_answer("Lutetia"))) == 0.0
