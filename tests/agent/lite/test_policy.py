"""lite as a player: it always ends, it says "not shown" when nothing is there, and it decides from what it is shown."""

from typing import Any

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.policies.lite import LitePolicy
from agent.trajectory import Limits, Question, Stop, Trajectory, VideoFacts
from tools.observation import UNREADABLE, Box, Finding, FrameRef, Observation
from tools.toolbox import PULLED_TOOLS, TOOL_NAMES

FACTS = VideoFacts("0" * 32, 60.0, 640, 360, has_speech_track=True)
QUESTIONS = (
    ("What does the sign say?", ()),
    ("What does she say about the weather?", ()),
    ("When does the clock show 05:00?", ()),
    ("What is on the table?", ()),
    ("Which company makes the car?", ()),
    ("Who signs the last slide?", ()),
    ("How many cats are there?", ("one", "two")),
    ("What colour is the coat at about 20 seconds?", ("red", "blue")),
    ("From which side does it come?", ("left", "right")),
    ("In which order do they come?", ("a, b", "b, a")),
    ("What is shown first?", ("a cat", "a dog")),
    ("When is the cut?", ("0-10 s", "20-30 s")),
    ("Does he jump?", ("yes", "no")),
    ("Is it upright?", ("portrait", "landscape")),
)


class Findings:
    """Tools that bring the given findings, by tool."""

    def __init__(self, **by_tool: tuple[Finding, ...]) -> None:
        self.by_tool = by_tool
        self.called: list[str] = []

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        assert name in (*TOOL_NAMES, *PULLED_TOOLS)
        self.called.append(name)
        return Observation("", (FrameRef(1.0, 252, 448),), self.by_tool.get(name, ()))


def played(text: str, options: tuple[str, ...], tools: Findings, **limits: Any) -> Trajectory:
    start = Trajectory(Question("v.mp4", text, options), FACTS, limits=Limits(**limits))
    ended = run_graph(start, RunContext(LitePolicy(), tools))
    assert not ended.error, ended.error
    return ended


@pytest.mark.parametrize(("text", "options"), QUESTIONS)
def test_it_ends_of_its_own_accord_when_nothing_is_found(text: str, options: tuple[str, ...]) -> None:
    ended = played(text, options, Findings())
    assert ended.stop is Stop.ANSWERED
    assert ended.answer is not None
    if options:
        assert ended.answer.option is not None
    else:
        # no look could have established that what they ask for is absent: small print may be missed
        is_open = ("What is on the table?", "Which company makes the car?", "What does the sign say?")
        cannot_know = text in (*is_open, "Who signs the last slide?")
        assert (ended.answer.not_shown, ended.answer.cannot_tell) == (not cannot_know, cannot_know)
        assert not any(item.quote for item in ended.answer.evidence)


@pytest.mark.parametrize(("text", "options"), QUESTIONS)
def test_it_answers_at_once_when_an_answer_is_due(text: str, options: tuple[str, ...]) -> None:
    tools = Findings()
    ended = played(text, options, tools, max_turns=1)
    assert ended.answer is not None
    assert tools.called == []


def test_screen_text_is_quoted_with_its_time_and_box() -> None:
    line = Finding("text", 12.0, 15.0, "NO ENTRY", 0.99, (0.1, 0.1, 0.4, 0.2))
    ended = played("What does the sign say?", (), Findings(search_text=(line,)))
    assert ended.answer is not None
    assert ended.answer.text == "NO ENTRY"
    (evidence,) = ended.answer.evidence
    assert (evidence.start_seconds, evidence.stop_seconds, evidence.quote) == (12.0, 15.0, "NO ENTRY")
    assert evidence.box == (0.1, 0.1, 0.4, 0.2)


@pytest.mark.parametrize(("boxes", "parts"), [((), 0), (((0.35, 0.1, 0.6, 0.2),), 2), (((0.05, 0.46, 0.2, 0.5),), 2)])
def test_only_parts_that_hold_text_not_surely_read_are_read_enlarged(boxes: tuple[Box, ...], parts: int) -> None:
    sure = [
        Finding("text", 12.0, 45.0, f"Sunrise {word}", 0.99, (0.7, 0.8, 0.9, 0.9)) for word in ("road", "farm", "lane")
    ]
    doubtful = [Finding("text", 12.0, 45.0, "", 0.5, box, doubt=UNREADABLE) for box in boxes]
    ended = played("Which word is on the sign?", (), Findings(search_text=(*sure, *doubtful)))
    assert sum(call.name == "read_text" for call in ended.calls) == parts


def test_where_no_text_was_read_every_part_is_read_enlarged() -> None:
    ended = played("Which word is on the sign?", (), Findings())
    assert sum(call.name == "read_text" for call in ended.calls) == 6


def test_doubtful_speech_is_never_an_answer() -> None:
    said = Finding("speech", 3.0, 5.0, "Thank you for watching.", 0.3, no_speech=0.8, doubt="nobody may have spoken")
    ended = played("What does the man say?", (), Findings(read_speech=(said,), search_speech=(said,)))
    assert ended.answer is not None
    # somebody may have said something
    assert ended.answer.cannot_tell
    assert "3.0 s" in ended.answer.text


def test_doubtful_text_is_never_an_answer() -> None:
    read = Finding("text", 3.0, 5.0, "EX O O 4Z", 0.83, (0.1, 0.1, 0.4, 0.2), doubt="this may be misread")
    ended = played("What does the sign say?", (), Findings(search_text=(read,), read_text=(read,)))
    assert ended.answer is not None
    assert ended.answer.cannot_tell


def test_words_that_have_nothing_to_do_with_the_question_are_given_without_being_sure_of_them() -> None:
    said = tuple(Finding("speech", t, t + 2, text, 0.9) for t, text in ((3.0, "The kettle is on."), (7.0, "Sit down.")))
    ended = played("Who is mentioned in the tax return?", (), Findings(read_speech=said, search_speech=said))
    assert ended.answer is not None
    assert ended.answer.confidence is not None
    assert ended.answer.confidence < 0.5


def test_a_yes_or_no_about_the_picture_is_not_made_up() -> None:
    label = Finding("label", 3.0, 5.0, "dog", 0.9)
    ended = played("Is there a dog on the lawn?", (), Findings(caption=(label,)))
    assert ended.answer is not None
    assert ended.answer.cannot_tell


def test_what_the_limits_left_no_time_to_look_at_is_not_said_to_be_absent() -> None:
    ended = played('Is the word "ORCHARD" shown?', (), Findings(), max_turns=1)
    assert ended.answer is not None
    assert ended.answer.cannot_tell


def test_the_second_of_two_shots_is_looked_up_before_anything_is_searched_in_it() -> None:
    shots = (Finding("shot", 0.0, 20.0), Finding("shot", 20.0, 60.0))
    tools = Findings(list_shots=shots)
    ended = played("What is written on the second slide?", (), tools)
    assert tools.called[0] == "list_shots"
    searched = [call.arguments for call in ended.calls if call.name == "search_text"]
    assert searched
    assert searched[0]["start"] == 20.0


def test_an_event_belongs_to_the_interval_in_which_it_begins() -> None:
    change = Finding("change", 24.0, 31.0, "left", 0.5, (0.0, 0.2, 0.3, 0.8))
    ended = played("When does the door open?", ("0-10 s", "20-30 s", "30-40 s"), Findings(find_changes=(change,)))
    assert ended.answer is not None
    assert ended.answer.option == 1
    assert ended.answer.evidence[0].start_seconds == 24.0


def test_the_first_thing_to_enter_decides_where_it_enters() -> None:
    first = Finding("change", 5.0, 6.0, "top right", 0.3, (0.8, 0.0, 1.0, 0.2))
    stronger = Finding("change", 9.0, 12.0, "bottom left", 0.5, (0.0, 0.8, 0.2, 1.0))
    options = ("bottom left", "top right")
    ended = played("From which corner does it first enter?", options, Findings(find_changes=(stronger, first)))
    assert ended.answer is not None
    assert ended.answer.option == 1


def test_a_choice_is_sure_where_words_settle_it_and_unsure_where_it_rests_on_pictures() -> None:
    moment = Finding("moment", 20.0, 20.04, "fish", 0.3)
    colours = (Finding("colour", 20.0, 22.0, "red", 1.0), Finding("colour", 20.0, 22.0, "blue", 0.0))
    seen = played("What colour is the fish?", ("red", "blue"), Findings(search_frames=(moment,), caption=colours))
    line = Finding("text", 20.0, 22.0, "Apples left: 12", 0.9, (0.1, 0.1, 0.4, 0.2))
    read = played("How many apples are left?", ("12", "40"), Findings(search_text=(line,)))
    assert seen.answer is not None
    assert read.answer is not None
    assert (seen.answer.text, seen.answer.confidence) == ("red", 0.45)
    assert (read.answer.text, read.answer.confidence) == ("12", 0.93)


def test_the_words_on_the_thing_of_the_asked_colour_are_meant_in_any_of_the_six_languages() -> None:
    red = Finding("colour", 0.0, 1.0, "red", 1.0, (0.1, 0.3, 0.4, 0.8))
    texts = tuple(
        Finding("text", 0.0, 60.0, word, 1.0, (x, 0.5, x + 0.1, 0.55)) for x, word in ((0.2, "CREW"), (0.7, "PRESS"))
    )
    for question in ("What is written on the red jacket?", "Was steht auf der roten Jacke?", "红色的衣服上写着什么?"):
        ended = played(question, (), Findings(search_text=texts[::-1], caption=(red,)))
        assert ended.answer is not None
        assert ended.answer.text == "CREW"
