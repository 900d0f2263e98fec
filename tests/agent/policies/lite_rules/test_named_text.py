"""Text that a question names: found on screen it decides, missing from it there is no answer."""

from dataclasses import replace
from typing import Any

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.policies.lite import LitePolicy
from agent.policies.lite_rules.lines import FoundLine
from agent.policies.lite_rules.named_text import is_saying
from agent.policies.lite_rules.reading import find_written_text
from agent.trajectory import Answer, Question, Trajectory, VideoFacts
from tools.observation import UNREADABLE, UNREADABLE_LETTERS, Box, Finding, FrameRef, Observation
from tools.toolbox import TOOL_NAMES

UPPER_LEFT: Box = (0.1, 0.1, 0.3, 0.2)


class Findings:
    """Tools that bring the given findings, by tool; a tool named in `broken` is not installed."""

    specs = ()

    def __init__(self, broken: str = "", gaps: tuple[str, ...] = (), **by_tool: tuple[Finding, ...]) -> None:
        self.by_tool = by_tool
        self.broken = broken
        self.gaps = gaps

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        assert name in TOOL_NAMES
        if name == self.broken:
            return Observation(f"{name} is not installed", is_error=True)
        return Observation("", (FrameRef(1.0, 252, 448),), self.by_tool.get(name, ()), gaps=self.gaps)

    def picture(self, ref: FrameRef) -> bytes | None:
        return None


def played(
    text: str, options: tuple[str, ...], tools: Findings, file_gaps: tuple[str, ...] = ()
) -> tuple[Answer, Trajectory]:
    facts = VideoFacts("0" * 32, 60.0, 640, 360, has_speech_track=True, gaps=file_gaps)
    ended = run_graph(Trajectory(Question("v.mp4", text, options), facts), RunContext(LitePolicy(), tools))
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
        ("Where is the word Выход?", "Выход"),
        ("Is the word मुख्य मार्ग on the sign?", "मुख्य मार्ग"),
        # a noun in capitals need not be written anywhere
        ("What colour is the NASA rocket?", None),
        ("Who holds the sign in Rome?", None),
    ],
)
def test_text_that_a_question_says_is_written_somewhere(text: str, named: str | None) -> None:
    assert find_written_text(text) == named


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


@pytest.mark.parametrize(("name", "options"), [("HARBOR", ()), ("HARBOR", ("yes", "no")), ("Выход", ("No", "Yes"))])
def test_a_text_is_not_missing_where_something_could_not_be_read_or_seen(name: str, options: tuple[str, ...]) -> None:
    question = f'Is the word "{name}" on screen?'
    hidden = "There is text that can't be read at 3.00-5.00 s."
    for tools, file_gaps in ((Findings(gaps=(hidden,)), ()), (Findings(), (hidden,))):
        answer, _ = played(question, options, tools, file_gaps)
        assert (answer.cannot_tell, answer.not_shown, answer.option) == (True, False, None)
        assert hidden in answer.text


def test_what_could_not_be_read_goes_with_i_cant_tell_with_its_box() -> None:
    tools = Findings(gaps=("There is text",), search_text=(replace(read("", 3.0, 5.0), doubt=UNREADABLE),))
    answer, _ = played('Is the word "HARBOR" on screen?', (), tools)
    item = answer.evidence[0]
    assert (item.start_seconds, item.box, item.note) == (3.0, UPPER_LEFT, UNREADABLE)


def test_a_doubtful_reading_that_may_be_the_text_leaves_it_open() -> None:
    for guess, is_open in (("HARB0B", True), ("KETTLE", False)):
        tools = Findings(search_text=(replace(read(guess, 3.0, 5.0), doubt="this may be misread"),))
        answer, _ = played('Is the word "HARBOR" on screen?', (), tools)
        assert (answer.cannot_tell, answer.not_shown) == (is_open, not is_open)


def test_options_in_letters_that_nobody_can_read_are_not_guessed_among() -> None:
    unread = Finding("fact", 0.0, 60.0, UNREADABLE_LETTERS + "Выходвхд")
    answer, _ = played("Which word is on the sign?", ("Вход", "Выход"), Findings(search_text=(unread,)))
    assert answer.cannot_tell
    # of options that can be read one is still chosen
    answer, _ = played("Which word is on the sign?", ("ENTRY", "EXIT"), Findings(search_text=(unread,)))
    assert answer.option is not None


@pytest.mark.parametrize(("options", "yes", "no"), [((), "yes", None), (("No", "Yes"), "Yes", "No")])
def test_whether_a_text_is_there_is_answered_by_whether_it_is_read(
    options: tuple[str, ...], yes: str, no: str | None
) -> None:
    tools = Findings(search_text=(read("ORCHARD", 4.0, 6.0),))
    answer, _ = played('Is the word "ORCHARD" shown?', options, tools)
    assert (answer.text, answer.evidence[0].start_seconds) == (yes, 4.0)
    answer, _ = played('Is the word "HARBOR" shown?', options, tools)
    assert answer.text == no if no else answer.not_shown


def test_whether_a_word_is_said_is_answered_by_whether_it_is_heard() -> None:
    said = Finding("speech", 3.0, 5.0, "The kettle is on.", 0.9)
    doubted = replace(said, text="Thank you.", start_seconds=9.0, doubt="nobody may have spoken")
    answer, _ = played('Is the word "kettle" said?', (), Findings(read_speech=(said,)))
    assert (answer.text, answer.evidence[0].quote) == ("yes", "The kettle is on.")
    answer, _ = played('Is the word "tram" said?', (), Findings(read_speech=(said,)))
    assert answer.not_shown
    answer, _ = played('Is the word "tram" said?', (), Findings(read_speech=(said, doubted)))
    assert answer.cannot_tell
    answer, _ = played('Is the word "tram" said?', (), Findings(broken="read_speech"))
    assert answer.cannot_tell


def test_letters_of_another_script_that_look_the_same_are_the_same_text() -> None:
    answer, _ = played('Is the word "МЕТРО" shown?', (), Findings(search_text=(read("METPO", 4.0, 6.0),)))
    assert answer.text == "yes"


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


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GATE 12", "GATE 123"),
        ("GATE 12", "GATE 112"),
        ("12", "123"),
        ("ROOM 1", "ROOM 10"),
        ("MARCH 1", "MARCH 10"),
        ("10:30", "10:31"),
        ("AT 10:30", "AT 10:30:15"),
        ("VERSION 1.2", "VERSION 1.2.3"),
        ("12345", "12346"),
        ("$5", "5 %"),
        ("$1.50", "€1.50"),
        ("5 OF 12", "12 OF 5"),
        ("PLATFORM 7A", "PLATFORM 7B"),
        ("GATE A", "GATE B"),
        ("PLAN B", "PLAN BUDGET"),
        ("COME IN", "COME INSIDE"),
        ("NO SMOKING", "SMOKING ROOM"),
        ("WAY OUT", "WAY IN"),
        ("ART FAIR", "PART FAIR"),
    ],
)
def test_a_number_and_a_short_word_are_matched_whole(name: str, text: str) -> None:
    assert not is_saying(line(text), name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("GATE 12", "TO GATE 12"),
        ("GATE 12", "GATE12"),
        ("10 KM", "10KM"),
        ("ROOM TEN", "ROOM 10"),
        ("10,000 STEPS", "10000 STEPS"),
        ("5", "$5"),
        ("ORCHARD", "0RCHARD"),
        ("FRESH ORANGES", "FRESHORANGES DAILY"),
        ("FRESH ORANGES", "FRESHORANGESDAILY"),
        ("THE OLD MILL", "OLD MILL"),
        ("GATE A", "GATE A"),
        ("BREAKING NEWS", "BREAKNG NEWS"),
        ("ORANGE CRATES", "ORANGE CRATE"),
    ],
)
def test_what_differs_by_spaces_articles_or_a_misread_letter_is_the_same_text(name: str, text: str) -> None:
    assert is_saying(line(text), name)


@pytest.mark.parametrize(
    ("text", "is_claimed"), [("GATE 12", False), ("ENTRY", False), ("GATE 1234", True), ("GATE", False), ("3", True)]
)
def test_a_text_of_which_most_is_read_is_not_called_absent(text: str, is_claimed: bool) -> None:
    name = "NO ENTRY" if text == "ENTRY" else "GATE 123"
    answer, _ = played(f'Is the word "{name}" shown?', (), Findings(search_text=(read(text, 1.0, 2.0),)))
    assert (answer.not_shown, answer.cannot_tell) == (is_claimed, not is_claimed)


def line(text: str) -> FoundLine:
    return FoundLine(text, 0.0, 1.0, False, "t1c1")
