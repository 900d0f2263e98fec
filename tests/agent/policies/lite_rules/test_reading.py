"""What a question asks for."""

import pytest

from agent.policies.lite_rules.reading import AskedSpan, ParsedQuestion, extract_subject, parse_span, read_question
from agent.trajectory import Question


def reading(text: str, *options: str, duration: float = 120.0) -> ParsedQuestion:
    return read_question(Question("v.mp4", text, options), duration)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("What happens at about 40 seconds?", AskedSpan(38.5, 41.5)),
        ("What does the clock show exactly 1 minute into the video?", AskedSpan(59.5, 61.0)),
        ("What is said at 1:05?", AskedSpan(63.5, 66.5)),
        ("Who enters between 10 and 20 seconds?", AskedSpan(10.0, 20.0)),
        ("What is on the table in the first 5 seconds?", AskedSpan(0.0, 5.0)),
        ("What is on the table in the last 5 seconds?", AskedSpan(115.0, 120.0)),
        ("What is shown in the very last second?", AskedSpan(119.0, 120.0)),
        ("Who leaves near the end?", AskedSpan(90.0, 120.0)),
        ("What stands there at the start?", AskedSpan(0.0, 36.0)),
        ("Who is the man in the coat?", None),
        # what a clock shows is not where in the video it is
        ("When does the clock show 05:00?", None),
        # a length of time that people talk about is no moment of the video
        ("How many years of work are mentioned?", None),
    ],
)
def test_where_in_time_a_question_points(text: str, span: AskedSpan | None) -> None:
    assert reading(text).span == span


def test_a_moment_past_the_end_is_not_pointed_at() -> None:
    assert reading("What happens at 500 seconds?", duration=60.0).span is None


@pytest.mark.parametrize(
    ("text", "options", "wants"),
    [
        ("In which interval does it rain?", ("0-10 s", "10-20 s"), "interval"),
        ("When is the cut?", ("at about 2 s", "at about 7.5 s"), "interval"),
        ("Which time does the clock show?", ("03:00", "04:00"), "thing"),
        ("In which order do they appear?", ("cat, dog", "dog, cat"), "order"),
        ("What is shown first?", ("a cat", "a dog"), "order"),
        ("What colour is the car?", ("dark red", "blue"), "colour"),
        ("From which side does it come?", ("left", "right"), "place"),
        ("In which quarter of the picture is the cup?", ("top left", "bottom right"), "place"),
        ("How many times does it ring?", ("once", "3 times"), "times"),
        ("How often is a cup shown?", (), "times"),
        ("How often does he come?", ("rarely", "every day"), "thing"),
        ("Does he jump?", ("yes", "no, he falls"), "yes or no"),
        ("Is it upright?", ("portrait", "landscape"), "orientation"),
        ("What is on the table?", ("a cup", "a plate"), "thing"),
        ("How many cats are there?", (), "number"),
        ("Which version is installed?", (), "version"),
        ("Which date is on the poster?", (), "date"),
        ("When does it start?", (), "time"),
        ("What does the sign say?", (), "words"),
        ("Which words are written on the wall?", (), "words"),
        ("Which company does she work for?", (), "name"),
        ("What is the e-mail address?", (), "email"),
        ("¿Cuál es el correo electrónico?", (), "email"),
        ("网址是什么?", (), "website"),
        ("What is the water level?", (), "number"),
    ],
)
def test_what_kind_of_thing_answers_a_question(text: str, options: tuple[str, ...], wants: str) -> None:
    assert reading(text, *options).wants == wants


@pytest.mark.parametrize(
    ("text", "sense"),
    [
        ("What does she say about the weather?", "speech"),
        ("Which city is mentioned by the speaker?", "speech"),
        ("What is written on the sign?", "text"),
        ("How does the caption describe the dog?", "text"),
        ("What does the man hold?", "picture"),
    ],
)
def test_which_sense_is_tried_first(text: str, sense: str) -> None:
    assert reading(text).senses[0] == sense


@pytest.mark.parametrize(
    ("text", "senses"),
    [
        ("What does the sign say?", ("text",)),
        ("What does the sign behind the man say?", ("text",)),
        ("In the second scene, what does the banner say about parking?", ("text",)),
        ("Which price does the poster mention?", ("text",)),
        ("What number is on the jersey?", ("text",)),
        ("What does it say on the label?", ("text",)),
        ("Which word appears?", ("text",)),
        ("What does the narrator say about the sign?", ("speech",)),
        ("What does the man with the sign say?", ("speech",)),
        ("What is said when the sign appears?", ("speech",)),
        ("What did he say the price was?", ("speech",)),
        ("Does the man mention a price?", ("speech",)),
        ("What does it say next to the door?", ("speech", "text")),
        ("Which city is mentioned?", ("speech", "text")),
        ("Who is speaking?", ("speech", "text")),
        ("What do the subtitles say?", ("text", "speech")),
        ("Was sagt das Schild?", ("text",)),
        ("Welchen Preis nennt das Plakat?", ("text",)),
        ("Was sagt der Sprecher über das Schild?", ("speech",)),
        ("Was sagen die Untertitel?", ("text", "speech")),
        ("¿Qué precio dice el cartel?", ("text",)),
        ("¿Qué dice el hombre sobre el cartel?", ("speech",)),
        ("¿Qué dice en la puerta?", ("speech", "text")),
        ("Que dit le panneau ?", ("text",)),
        ("Combien de personnes mentionne-t-il ?", ("speech",)),
        ("Que disent les sous-titres ?", ("text", "speech")),
        ("Какую цену упоминает плакат?", ("text",)),
        ("Что говорит диктор о вывеске?", ("speech",)),
        ("红色的牌子说什么?", ("text",)),
        ("他说牌子上是什么?", ("speech",)),
    ],
)
def test_a_sense_that_the_question_names_is_the_only_one(text: str, senses: tuple[str, ...]) -> None:
    assert reading(text).senses == senses


@pytest.mark.parametrize(
    ("text", "is_heard"),
    [
        ("Which fruit appears in the video?", False),
        ("Which fruit can be seen at the end?", False),
        ("Which fruit does he want?", True),
        ("Which mountain has he seen?", True),
        ("Welche Frucht ist zu sehen?", False),
        ("¿Qué fruta aparece en el video?", False),
        ("Quel fruit voit-on ?", False),
        ("Какой фрукт виден?", False),
        ("视频里出现了什么水果?", False),
    ],
)
def test_what_is_to_be_seen_is_not_heard(text: str, is_heard: bool) -> None:
    assert ("speech" in reading(text).senses) == is_heard
    assert "picture" in reading(text).senses


def test_the_subject_leaves_out_times_and_what_is_asked() -> None:
    assert extract_subject("What colour is the car at about 3.5 seconds?") == "car"


def test_an_option_that_is_no_time_has_no_span() -> None:
    assert parse_span("a red car", 60) is None
    assert parse_span("0:30", 60) == AskedSpan(29.5, 30.5)


@pytest.mark.parametrize(
    ("text", "shot"),
    [
        ("Who signs the last slide?", -1),
        ("What colour is the second slide?", 2),
        ("What stands behind the house in the first, wide shot?", 1),
        ("Who comes second?", None),
    ],
)
def test_a_shot_named_by_its_number(text: str, shot: int | None) -> None:
    assert reading(text).shot == shot
