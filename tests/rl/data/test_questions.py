"""What a training file can say of its questions."""

import pytest

from rl.data.questions import PosedQuestions, open_questions


def asked(data: str, count: int = 4) -> list[str]:
    opened = open_questions(data, count)
    assert isinstance(opened, PosedQuestions)
    return [example.question.text for example in opened.examples.values()]


def test_the_same_words_give_the_same_questions_and_another_seed_gives_others() -> None:
    assert len(set(asked("composed"))) == 4
    assert asked("composed") == asked("composed,seed=0,first=1,last=1,view=words")
    assert asked("composed") != asked("composed,seed=1")


def test_only_the_wanted_families_are_asked_in_the_same_order() -> None:
    whens = asked("composed,families=when")
    assert all(text.startswith("During which interval") for text in whens)
    some = asked("composed,families=read+when", 12)
    assert {text.split()[0] for text in some} == {"During", "Which"}
    assert [text for text in some if text.startswith("During")] == whens[: sum(t.startswith("During") for t in some)]


def test_a_curriculum_goes_up_among_the_wanted_families_too() -> None:
    opened = open_questions("composed,first=1,last=3,families=when", 12)
    lengths = [one.episode.plan.recipe.seconds for one in opened._posed.values()]  # type: ignore[attr-defined]
    assert lengths[0] == 30
    assert max(lengths) == max(lengths[-4:]) > 60


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("composed,families=dance", "no family 'dance': there are which, read"),
        ("composed,view=smells", "no view 'smells'"),
        ("composed,first=one", "whole numbers"),
        ("composed,last=9", "first <= last <= 5"),
        ("composed,colour=red", "has no 'colour'"),
        (
            "composed,families=order",
            "only 0 of 4 questions are of the families order",
        ),  # of three needles, from level 2
    ],
)
def test_what_cannot_be_asked_is_told(data: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        open_questions(data, 4)
