"""Questions by number: the same ones for everybody, easy ones first, and nothing that is held out."""

import random

import pytest

from evals.composed.held_out import split_of
from evals.composed.recipe import Split
from rl.data.curriculum import ComposedQuestions, ComposedTask, Curriculum

ALL = Curriculum(1, 5)


def posed(split: Split, count: int = 40) -> list[ComposedTask]:
    questions = ComposedQuestions(3, split=split, curriculum=ALL)
    return [questions.compose_question(number, number / count) for number in range(count)]


def met(questions: list[ComposedTask]) -> set[str]:
    """Everything that a policy could learn by heart: needles on screen or in options, and clips."""
    needles = {needle.name for one in questions for needle in one.episode.plan.recipe.needles}
    named = {name for one in questions for name in (one.episode.plan.ghost.needle.name, *one.episode.plan.absent_names)}
    return needles | named | {segment.clip for one in questions for segment in one.episode.plan.recipe.segments}


def test_the_same_number_gives_the_same_question_and_the_same_pictures() -> None:
    first, second = (ComposedQuestions(3, curriculum=ALL).compose_question(7, 0.5) for _ in range(2))
    assert first.example == second.example
    assert first.episode.plan == second.episode.plan
    assert (first.episode.painter.picture(4.0) == second.episode.painter.picture(4.0)).all()


def test_no_name_and_no_clip_is_on_both_sides() -> None:
    train, heldout = met(posed("train")), met(posed("heldout"))
    assert not train & heldout
    assert {split_of(name) for name in train} == {"train"}
    assert {split_of(name) for name in heldout} == {"heldout"}


def test_no_number_is_a_question_twice() -> None:
    ids = [one.example.question.id for one in posed("train")]
    assert len(set(ids)) == len(ids)


def test_the_curriculum_goes_from_thirty_seconds_and_one_needle_to_ten_minutes_and_six() -> None:
    rng = random.Random(0)
    early, late = ([ALL.level(progress, rng) for _ in range(400)] for progress in (0.0, 1.0))
    assert set(early) == {1}
    assert late.count(5) > 200
    assert set(late) == {1, 2, 3, 4, 5}
    first, last = (ComposedQuestions(1, curriculum=Curriculum(n, n)).compose_question(0).episode.plan for n in (1, 5))
    assert (first.recipe.seconds, len(first.recipe.needles)) == (30.0, 1)
    assert (last.recipe.seconds, len(last.recipe.needles)) == (600.0, 6)


def test_to_a_policy_that_reads_no_sign_is_asked() -> None:
    questions = ComposedQuestions(0, view="words")
    assert not [n for n in range(60) if "sign" in questions.compose_question(n).asked.text]


@pytest.mark.parametrize("levels", [(0, 1), (3, 2), (1, 6)])
def test_levels_that_are_not_there_are_refused(levels: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="need 1 <= first <= last <= 5"):
        Curriculum(*levels)


def test_words_are_two_tools_without_a_picture() -> None:
    one = ComposedQuestions(0, view="words").compose_question(0)
    with one.tools("words") as tools:
        assert [spec.name for spec in tools.specs] == ["caption", "read_text"]
        assert tools.call("caption", {"start": 0, "stop": 30}).frames == ()
