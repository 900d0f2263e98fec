"""Each claim of an answer is held against the record, and so is every time that it names."""

from dataclasses import replace

import pytest

from agent.rendering.grounding import UNREAD
from agent.trajectory import (
    Answer,
    Calls,
    Evidence,
    Link,
    Question,
    Result,
    Statement,
    Step,
    ToolCall,
    Trajectory,
    Turn,
    VideoFacts,
)
from evals.scoring.claims import check_answer, read_times
from tools.observation import FrameRef, Observation

ON = Evidence(10.0, 12.0, ("t1c1",))
OFF = Evidence(50.0, 51.0, note="nothing was looked at here")


def run(answer: Answer, thought: str = "", question: str = "What happens?") -> Trajectory:
    call = ToolCall("t1c1", "select_frames", {"start": 10, "stop": 14, "count": 3})
    frames = tuple(FrameRef(seconds, 90, 160) for seconds in (10.0, 12.0, 14.0))
    looked = Step(Turn("", Calls((call,))), (Result("t1c1", Observation("", frames)),))
    start = Trajectory(Question("v", question), VideoFacts("h", 60.0, 160, 90))
    return replace(start, steps=(looked, Step(Turn(thought, answer))))


def test_each_claim_has_its_own_verdict() -> None:
    claims = (Statement("a", (ON,)), Statement("b", (OFF,)), Statement("c"), Statement("d", (OFF, ON)))
    found = check_answer(run(Answer("all of it", claims=claims, evidence=(ON, OFF)))).claims
    assert [(one.text, one.verdict) for one in found] == [
        ("a", "on record"),
        ("b", "not on record"),
        ("c", "no evidence"),
        ("d", "on record"),
    ]
    assert found[1].why == "nothing was looked at here"


def test_words_read_off_a_shown_picture_are_on_record_and_others_are_not() -> None:
    read = replace(ON, quote="EXIT", note=UNREAD, frames=(FrameRef(10.0, 90, 160),))
    assert [one.verdict for one in check_answer(run(Answer("EXIT", evidence=(read,)))).claims] == ["on record"]
    unseen = replace(read, frames=())
    assert [one.verdict for one in check_answer(run(Answer("EXIT", evidence=(unseen,)))).claims] == ["not on record"]


def test_links_are_claims_and_an_answer_without_parts_is_one() -> None:
    chain = (Link("first", "", (ON,)), Link("second", "so"))
    assert [one.verdict for one in check_answer(run(Answer("x", chain=chain))).claims] == ["on record", "no evidence"]
    assert [one.text for one in check_answer(run(Answer("x", evidence=(ON,)))).claims] == ["x"]
    assert check_answer(run(Answer("not shown", not_shown=True))).claims == ()


@pytest.mark.parametrize(
    ("said", "invented"),
    [
        ("It falls at 0:11.", ()),
        ("It falls at 11.5 s.", ()),
        ("It falls at 40 seconds.", (40.0,)),
        ("It falls at 1:40.", (100.0,)),
        ("It falls at 12-13 s, not at 30 s.", (30.0,)),
        ("Five men at 7:9 in 2015.", ()),
    ],
)
def test_a_time_at_which_nothing_was_looked_at_is_invented(said: str, invented: tuple[float, ...]) -> None:
    assert check_answer(run(Answer("x", evidence=(ON,)), said)).invented_seconds == invented
    assert check_answer(run(Answer(said, evidence=(ON,)))).invented_seconds == invented


def test_times_of_the_question_are_not_the_answers_own() -> None:
    found = check_answer(run(Answer("It falls at 40 s.", evidence=(ON,)), question="What happens at 0:40?"))
    assert found.named_seconds == ()


def test_times_are_read_in_each_way_of_writing_them() -> None:
    assert set(read_times("1:05, 1:02:03, 12.5 s, 3 secs and 10–20 s")) == {65.0, 3723.0, 12.5, 3.0, 10.0, 20.0}
