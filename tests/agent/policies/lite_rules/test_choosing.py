"""Choices that words on screen settle, and those that they don't."""

from dataclasses import replace

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.policies.lite import LitePolicy
from agent.trajectory import Answer, Question, Trajectory, VideoFacts
from tests.agent.policies.lite_rules.findings import Findings
from tools.observation import Finding

FACTS = VideoFacts("0" * 32, 20.0, 640, 360)
PRICES = {"Lamp": "34.00", "Chair": "89.50", "Rug": "120", "Vase": "15.20"}


def chosen(text: str, *options: str, **found: tuple[Finding, ...]) -> Answer:
    question = Question("v.mp4", text, options=options)
    ended = run_graph(Trajectory(question, FACTS), RunContext(LitePolicy(), Findings(**found)))
    assert not ended.error, ended.error
    assert ended.answer is not None
    return ended.answer


def written(text: str, left: float, top: float) -> Finding:
    return Finding("text", 0.0, 20.0, text, 0.95, (left, top, left + 0.2, top + 0.08))


LIST = tuple(
    finding
    for row, (thing, price) in enumerate(PRICES.items())
    for finding in (written(thing, 0.1, 0.1 + 0.2 * row), written(price, 0.6, 0.1 + 0.2 * row))
)


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("Which of these costs the most?", "Rug"),
        ("Which one has the highest price?", "Rug"),
        ("Which of these is the cheapest?", "Vase"),
        ("Which thing is not on the list?", "Mirror"),
        ("Which of these isn't written there?", "Mirror"),
    ],
)
def test_values_are_compared_and_what_is_missing_is_found(text: str, option: str) -> None:
    others = ("Lamp", "Chair", "Rug", "Vase") if option != "Mirror" else ("Lamp", "Mirror", "Chair", "Vase")
    answer = chosen(text, *others, search_text=LIST)
    assert answer.text == option
    assert (answer.confidence or 0) > 0.5


def test_what_has_no_value_is_not_compared() -> None:
    without = tuple(replace(finding, text="sold out") if finding.text == "34.00" else finding for finding in LIST)
    assert (chosen("Which of these costs the most?", *PRICES, search_text=without).confidence or 0) <= 0.5


def test_words_that_name_every_option_settle_nothing() -> None:
    board = (written("OTTERS 4", 0.1, 0.1), written("BADGERS 4", 0.6, 0.1))
    answer = chosen("Which team has the ball?", "Otters", "Badgers", search_text=board)
    assert (answer.confidence or 0) <= 0.6


def test_what_is_merely_spoken_of_settles_nothing_of_what_is_shown() -> None:
    said = (Finding("speech", 1.0, 3.0, "I bought a melon.", 0.9),)
    assert (chosen("What did he buy?", "a melon", "a plum", search_speech=said).confidence or 0) > 0.5
    assert (chosen("Which fruit appears?", "a melon", "a plum", search_speech=said).confidence or 0) <= 0.5


def test_no_picture_has_a_say_in_what_is_said() -> None:
    looks = (Finding("moment", 5.0, 5.0, "a plum", 0.9),)
    assert chosen("What does she hold?", "a melon", "a plum", search_frames=looks).text == "a plum"
    said = chosen("What does she say she bought?", "a melon", "a plum", search_frames=looks)
    assert (said.option, said.evidence) == (0, ())
