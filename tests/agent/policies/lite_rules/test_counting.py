"""How often something appears: showings of a text, mentions in speech, peaks of a search."""

from typing import Any

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.policies.lite import LitePolicy
from agent.trajectory import Answer, Question, Trajectory, VideoFacts
from tools.observation import Finding, FrameRef, Observation
from tools.toolbox import TOOL_NAMES

FACTS = VideoFacts("0" * 32, 60.0, 640, 360, has_speech_track=True)


class Findings:
    """Tools that bring the given findings, by tool."""

    specs = ()

    def __init__(self, **by_tool: tuple[Finding, ...]) -> None:
        self.by_tool = by_tool

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        assert name in TOOL_NAMES
        return Observation("", (FrameRef(1.0, 252, 448),), self.by_tool.get(name, ()))

    def picture(self, ref: FrameRef) -> bytes | None:
        return None


def played(text: str, options: tuple[str, ...], **by_tool: tuple[Finding, ...]) -> Answer:
    ended = run_graph(
        Trajectory(Question("v.mp4", text, options), FACTS), RunContext(LitePolicy(), Findings(**by_tool))
    )
    assert not ended.error, ended.error
    assert ended.answer is not None
    return ended.answer


def read(start: float, stop: float) -> Finding:
    return Finding("text", start, stop, "HARBOR", 0.99, (0.1, 0.1, 0.3, 0.2))


def seen(start: float, score: float) -> Finding:
    return Finding("moment", start, start + 1.0, "dog", score)


@pytest.mark.parametrize(
    ("options", "answer"), [((), "2"), (("one", "two", "three"), "two"), (("once", "twice"), "twice")]
)
def test_showings_of_a_text_are_counted_and_shown(options: tuple[str, ...], answer: str) -> None:
    found = played("How many times does the word HARBOR appear?", options, search_text=(read(3, 5), read(20, 22)))
    assert found.text == answer
    assert [item.start_seconds for item in found.evidence] == [3, 20]


def test_a_showing_with_a_failed_reading_in_it_is_one() -> None:
    found = played("How often is the word HARBOR shown?", (), search_text=(read(3, 5), read(5.5, 7), read(20, 22)))
    assert found.text == "2"


def test_a_line_in_which_a_word_is_said_twice_counts_twice() -> None:
    lines = (
        Finding("speech", 1.0, 2.0, "Freedom, and again freedom!"),
        Finding("speech", 5.0, 6.0, "No freedoms here."),
        Finding("speech", 8.0, 9.0, "So: freedom."),
    )
    found = played("How many times does he say the word freedom?", (), read_speech=lines, search_speech=lines)
    assert found.text == "3"
    assert len(found.evidence) == 2


def test_a_thing_is_counted_where_its_score_leaves_the_background_and_with_little_confidence() -> None:
    background = [seen(4.0 * i, score) for i, score in enumerate([0.1, 0.12, 0.11, 0.1, 0.09, 0.1, 0.11])]
    # 30 and 31 s are one appearance
    moments = (*background, seen(30.0, 0.5), seen(31.0, 0.48), seen(45.0, 0.45))
    found = played("How many times does the dog appear?", (), search_frames=moments)
    assert found.text == "2"
    assert found.confidence is not None
    assert found.confidence <= 0.3


def test_nothing_found_is_not_zero_times() -> None:
    assert played("How many times does the dog appear?", ()).cannot_tell


def test_how_many_of_a_thing_is_no_question_of_how_often() -> None:
    line = Finding("text", 3.0, 5.0, "Apples left: 12", 0.99, (0.1, 0.1, 0.3, 0.2))
    assert played("How many apples are left?", (), search_text=(line,)).text == "12"
