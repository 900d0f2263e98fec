"""Questions about a class of things: which they are, and how they are answered with a detector and without."""

from typing import Any

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.policies.lite import LitePolicy
from agent.policies.lite_rules.reading import read_question
from agent.trajectory import Answer, Question, Trajectory, VideoFacts
from tools.observation import Finding, FrameRef, MissingPartError, Observation

FACTS = VideoFacts("0" * 32, 60.0, 640, 360)


def things(count: int, in_all: int | None = None, score: float = 0.8) -> tuple[Finding, ...]:
    found = tuple(
        Finding("thing", 3.5 + i, 9.0 + i, "dog", score, (0.1, 0.1, 0.2, 0.2)) for i in range(in_all or count)
    )
    facts = (Finding("fact", 0.0, 60.0, f"at once: {count} dog"),)
    return (*found, *facts, *(() if in_all is None else (Finding("fact", 0.0, 60.0, f"in all: {in_all} dog"),)))


class Detecting:
    """Tools of which one detects the given things, or is missing."""

    specs = ()

    def __init__(self, found: tuple[Finding, ...] | None) -> None:
        self.found = found
        self.called: list[tuple[str, dict[str, Any]]] = []

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        self.called.append((name, arguments))
        if name != "detect":
            return Observation("", (FrameRef(1.0, 252, 448),))
        if self.found is None:
            raise MissingPartError("the detector is not here: run `agent pull detector`")
        return Observation("", (), self.found)

    def picture(self, ref: FrameRef) -> bytes | None:
        return None


def answered(text: str, tools: Detecting, options: tuple[str, ...] = ()) -> Answer:
    ended = run_graph(Trajectory(Question("v.mp4", text, options), FACTS), RunContext(LitePolicy(), tools))
    assert not ended.error, ended.error
    assert ended.answer is not None
    return ended.answer


@pytest.mark.parametrize(
    ("text", "name", "form"),
    [
        ("How many people are there?", "person", "count"),
        ("How many people are visible at 20 seconds?", "person", "count"),
        ("Is there a dog in the video?", "dog", "presence"),
        ("Is there a hot dog?", "hot dog", "presence"),
        ("Are there any cars?", "car", "presence"),
        ("When does the first car appear?", "car", "when"),
    ],
)
def test_what_is_asked_of_a_class(text: str, name: str, form: str) -> None:
    asked = read_question(Question("v.mp4", text), 60.0).thing
    assert asked is not None
    assert (asked.name, asked.form) == (name, form)


@pytest.mark.parametrize(
    "text",
    [
        "How many people wear red jackets?",
        "How many people does he say were there?",
        "How many times does a dog appear?",
        "How many men are there?",
        "Is there a clock on the wall?",
        "Is the car red?",
        "Is there no dog?",
        "Is there a sign?",
        "What colour is the car?",
    ],
)
def test_what_a_detector_alone_can_t_answer_is_no_such_question(text: str) -> None:
    assert read_question(Question("v.mp4", text), 60.0).thing is None


def test_a_count_is_the_most_at_once_and_says_so_where_more_were_followed() -> None:
    assert answered("How many dogs are there?", Detecting(things(2, 2))).text == "2"
    assert answered("How many dogs are there?", Detecting(things(2, 5))).text == "2 at once at most, 5 followed in all"
    assert answered("How many dogs are there?", Detecting(things(2))).text == "2 at once at most"
    assert answered("How many dogs are there?", Detecting(things(2, 2)), ("one", "two")).option == 1


def test_presence_and_the_first_second_come_with_boxes() -> None:
    there = answered("Is there a dog?", Detecting(things(1, 1)))
    assert (there.text, there.evidence[0].box) == ("yes", (0.1, 0.1, 0.2, 0.2))
    assert answered("Is there a dog?", Detecting(things(1, 1)), ("no", "yes")).option == 1
    assert answered("When does a dog appear?", Detecting(things(2, 2))).text == "3.5 seconds"


def test_that_none_is_found_is_no_proof_that_there_is_none() -> None:
    none = (Finding("fact", 0.0, 60.0, "at once: 0 dog"),)
    unsure = answered("Is there a dog?", Detecting(none))
    assert unsure.cannot_tell
    assert "The detector finds no dog" in unsure.text
    assert answered("Is there a dog?", Detecting(none), ("yes", "no")).option == 1


def test_a_thing_of_a_low_score_is_not_claimed() -> None:
    unsure = answered("Is there a dog?", Detecting(things(1, 1, score=0.5)))
    assert unsure.cannot_tell
    assert "What may be a dog at 3.5 s is doubtful (score 0.50)." in unsure.text
    assert answered("How many dogs are there?", Detecting(things(1, 1, score=0.5))).cannot_tell
    assert answered("Is there a dog?", Detecting(things(1, 1, score=0.5)), ("no", "yes")).option == 1


def test_without_a_detector_it_goes_on_as_usual_and_says_what_would_help() -> None:
    tools = Detecting(None)
    answer = answered("Is there a dog?", tools)
    assert answer.cannot_tell
    assert answer.text.endswith("It would help, but the detector is not here: run `agent pull detector`.")
    assert "search_text" in {name for name, _ in tools.called}


def test_the_seconds_that_are_named_are_those_looked_at() -> None:
    tools = Detecting(things(1, 1))
    answered("How many dogs are visible at 20 seconds?", tools)
    assert ("detect", {"query_class": "dog", "start": 18.5, "stop": 21.5}) in tools.called
