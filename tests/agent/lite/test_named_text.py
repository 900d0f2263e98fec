"""Text that a question names: found on screen it decides, missing from it there is no answer."""

from typing import Any

import pytest

from agent.backends.lite import LitePolicy
from agent.graph import Players, run
from agent.lite.reading import written_in
from agent.trajectory import Answer, Question, Trajectory, VideoFacts
from tools.observation import Box, Finding, FrameRef, Observation
from tools.toolbox import TOOL_NAMES

UPPER_LEFT: Box = (0.1, 0.1, 0.3, 0.2)


class Findings:
    """Tools that bring the given findings, by tool; a tool named in `broken` is not installed."""

    specs = ()

    def __init__(self, broken: str = "", **by_tool: tuple[Finding, ...]) -> None:
        self.by_tool = by_tool
        self.broken = broken

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        assert name in TOOL_NAMES
        if name == self.broken:
            return Observation(f"{name} is not installed", is_error=True)
        return Observation("", (FrameRef(1.0, 252, 448),), self.by_tool.get(name, ()))

    def picture(self, ref: FrameRef) -> bytes | None:
        return None


def played(text: str, options: tuple[str, ...], tools: Findings, seconds: float = 60.0) -> tuple[Answer, Trajectory]:
    facts = VideoFacts("0" * 32, seconds, 640, 360, has_speech_track=True)
    ended = run(Trajectory(Question("v.mp4", text, options), facts), Players(LitePolicy(), tools))
    assert not ended.error, ended.error
    assert ended.answer is not None
    return ended.answer, ended


def read(text: str, start: float, stop: float, box: Box = UPPER_LEFT) -> Finding:
    return Finding("text", start, stop, text, 0.99, box)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("What colour is the board with the word ORCHARD?", "ORCHARD"),
        ("Who stands beside the sign that says NO ENTRY?", "NO ENTRY"),
        ("When is the caption 'An unlucky bird' shown?", "An unlucky bird"),
        ("word ORCHARD", "ORCHARD"),
        ("What does the sign say?", None),
        ("Which word is on the tag?", None),
        # a noun in capitals need not be written anywhere
        ("What colour is the NASA rocket?", None),
        ("Who holds the sign in Rome?", None),
    ],
)
def test_text_that_a_question_says_is_written_somewhere(text: str, named: str | None) -> None:
    assert written_in(text) == named


def test_a_word_among_the_options_that_is_on_screen_beats_what_the_picture_may_show() -> None:
    tools = Findings(
        search_text=(read("ORCHARD", 4.0, 6.0),), search_frames=(Finding("moment", 9.0, 10.0, "bell", 0.5),)
    )
    answer, _ = played("Which of these appears?", ("word HARBOR", "bell", "word ORCHARD"), tools)
    assert answer.text == "word ORCHARD"


@pytest.mark.parametrize("options", [(), ("red", "blue")])
def test_a_question_about_a_text_that_is_nowhere_has_no_answer(options: tuple[str, ...]) -> None:
    answer, _ = played("What colour is the board with the word HARBOR?", options, Findings())
    assert answer.not_shown


def test_of_options_that_are_all_texts_and_all_missing_none_is_chosen() -> None:
    answer, _ = played("Which of these appears?", ("word HARBOR", "word ORCHARD"), Findings())
    assert answer.not_shown


def test_which_of_these_does_not_appear_is_the_text_that_is_missing() -> None:
    tools = Findings(search_text=(read("ORCHARD", 4.0, 6.0),))
    answer, _ = played("Which of these does not appear?", ("word ORCHARD", "word HARBOR"), tools)
    assert answer.text == "word HARBOR"


def test_a_text_is_not_missing_where_nothing_can_read() -> None:
    tools = Findings(broken="search_text")
    answer, _ = played("What colour is the board with the word HARBOR?", ("red", "blue"), tools)
    assert not answer.not_shown


def test_a_text_is_not_missing_from_a_video_too_long_to_be_read_closely() -> None:
    answer, _ = played("What colour is the board with the word HARBOR?", ("red", "blue"), Findings(), seconds=900.0)
    assert not answer.not_shown


def test_a_letter_misread_is_still_the_text() -> None:
    tools = Findings(search_text=(read("0RCHARD", 4.0, 6.0),))
    answer, _ = played("During which interval is the word ORCHARD on screen?", ("0-3 s", "4-7 s", "8-11 s"), tools)
    assert answer.text == "4-7 s"


def test_where_a_text_is_tells_where_the_thing_is_that_carries_it() -> None:
    tools = Findings(search_text=(read("ORCHARD", 4.0, 6.0, (0.7, 0.1, 0.9, 0.2)),))
    options = ("bottom left", "top left", "top right", "bottom right")
    answer, _ = played("In which quarter of the picture is the word ORCHARD?", options, tools)
    assert answer.text == "top right"


@pytest.mark.parametrize("options", [(), ("blue", "purple", "red")])
def test_the_colour_of_a_board_is_looked_for_in_the_box_of_its_text(options: tuple[str, ...]) -> None:
    colours = (
        Finding("colour", 4.5, 5.5, "purple", 0.8, UPPER_LEFT),
        Finding("colour", 4.5, 5.5, "red", 0.1, UPPER_LEFT),
    )
    tools = Findings(search_text=(read("ORCHARD", 4.0, 6.0),), caption=colours)
    answer, ended = played("What colour is the board with the word ORCHARD?", options, tools)
    assert answer.text == "purple"
    (look,) = (call.arguments for call in ended.calls if call.name == "caption")
    assert look["box"] == list(UPPER_LEFT)
    assert 4.0 <= look["start"] < look["stop"] <= 6.0


def test_what_the_question_names_is_no_answer_to_it() -> None:
    tools = Findings(search_text=(read("MUSEUM", 4.0, 6.0), read("COTTON", 4.0, 6.0, (0.4, 0.1, 0.5, 0.2))))
    answer, _ = played("Which word is on the tag beside the word MUSEUM?", (), tools)
    assert answer.text == "COTTON"
