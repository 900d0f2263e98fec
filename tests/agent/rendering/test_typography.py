"""Answers in headings, bold type, display mathematics and boxes are the answers in them, and nothing else is."""

import pytest

from agent.rendering.answer_parser import find_option
from agent.rendering.typography import strip_typography
from agent.trajectory import Question
from evals.scoring.published.clean_text import strict_letter

ASKED = Question("v.mp4", "Which?", ("boat", "box", "red lantern", "dog"))
SET_C = [
    "### Final Answer:\n$$\\boxed{C}$$",
    "## Answer: C",
    "**Answer:** C",
    "**Final answer: C**",
    "$$\\boxed{C}$$",
    "$\\boxed{\\text{C}}$",
    "\\[\\boxed{\\mathrm{C}}\\]",
    "\\( \\boxed{C} \\)",
    "$$\n\\boxed{\\textbf{(C)}}\n$$",
    "\\boxed{{C}}",
    "\\boxed{C}.",
    "**C**",
    "__C__",
    "`C`",
    "*C*",
    "The answer is: C",
    "Ｃ",
    "（Ｃ）",
    "**Answer：Ｃ**",
]


@pytest.mark.parametrize("said", SET_C)
def test_an_answer_is_found_in_what_it_is_set_in(said: str) -> None:
    assert find_option(said, ASKED) == 2
    assert strict_letter(said, 4) == "C"


@pytest.mark.parametrize("said", ["$$\\boxed{C. red lantern}$$", "**red lantern**", "### Answer:\nC. red lantern"])
def test_words_of_an_option_are_found_too(said: str) -> None:
    assert find_option(said, ASKED) == 2


MORE = [
    "\\boxed{A} or \\boxed{C}",
    "$$\\boxed{C}$$ but A is possible",
    "**A** and **C**",
    "*A* man, *C*",
    "\\boxed{C",
    "\\boxed{}",
    "$$",
    "###",
    "Final Answer:",
    "answer C or D",
    "A man walks",
    "\\frac{C}{D}",
]


@pytest.mark.parametrize("said", MORE)
def test_more_than_one_letter_or_none_is_no_answer(said: str) -> None:
    assert find_option(said, ASKED) is None
    assert strict_letter(said, 4) == ""


@pytest.mark.parametrize("said", ["$5 and $6", "2 * 3 * 4", '{"answer": "C"}', "the answer", "a < b", "#1", "x_1_"])
def test_other_texts_stay_as_they_are(said: str) -> None:
    assert strip_typography(said) == said


def test_a_hostile_text_ends_soon() -> None:
    assert strip_typography("\\boxed{" * 50_000 + "C" + "}" * 50_000).startswith("\\boxed{")
