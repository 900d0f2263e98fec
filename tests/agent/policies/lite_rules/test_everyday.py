"""The questions that everybody asks, in six languages, and what becomes of them in others."""

from dataclasses import replace
from typing import Any

import pytest

from agent.loop.graph import RunContext, run_graph
from agent.policies.lite import LitePolicy
from agent.policies.lite_rules.languages import detect_language, load_languages
from agent.policies.lite_rules.reading import read_question
from agent.trajectory import Answer, Question, Trajectory, VideoFacts
from tests.agent.policies.lite_rules.findings import Findings
from tools.observation import Finding, Observation, ToolError

FACTS = VideoFacts("0" * 32, 83.0, 640, 360, has_speech_track=True)


def answered(text: str, **findings: tuple[Finding, ...]) -> Answer:
    ended = run_graph(Trajectory(Question("v.mp4", text), FACTS), RunContext(LitePolicy(), Findings(**findings)))
    assert not ended.error, ended.error
    assert ended.answer is not None
    return ended.answer


class Failing(Findings):
    """Tools that fail."""

    def call(self, name: str, arguments: dict[str, Any]) -> Observation:
        raise ToolError("the time is up")


def shown(text: str, start: float = 5.0, top: float = 0.1) -> Finding:
    return Finding("text", start, start + 6.0, text, 0.95, (0.1, top, 0.5, top + 0.08))


SAID = (
    Finding("speech", 3.0, 6.0, "The kettle was made in 1931.", 0.9),
    Finding("speech", 7.0, 9.0, "Nobody knows who painted it.", 0.9),
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("What does the sign say?", "en"),
        ("Was steht auf dem Schild?", "de"),
        ("¿Qué dice el cartel?", "es"),
        ("Que dit le panneau ?", "fr"),
        ("Что написано на вывеске?", "ru"),
        ("牌子上写着什么?", "zh"),
        ("Jusqu'où va ce train ?", "fr"),
        ("D’où vient l’oiseau ?", "fr"),
        ("Qu'annonce-t-il ?", "fr"),
        ("S'arrête-t-elle ?", "fr"),
        ("N'entend-on rien ?", "fr"),
        ("Est-ce gratuit ?", "fr"),
        ("Wie geht's?", "de"),
        ("What's O'Hara's number?", "en"),
        ("Where's the exit at 7 o'clock?", "en"),
        ("Dov'è l'uscita?", None),
        ("Quant'è l'entrata?", None),
        ("Cos'è scritto sull'insegna?", None),
        ("Quan s'obre l'hotel?", None),
        ("Quem dirige o coro?", None),
        ("Cosa dice il cartello?", None),
        ("Wat staat er op het bord?", None),
        ("何と書いてありますか", None),
        ("Що написано на вивісці?", None),
        ("ماذا تقول اللافتة؟", None),
    ],
)
def test_the_language_of_a_question(text: str, code: str | None) -> None:
    language = detect_language(text)
    assert (language and language.code) == code


@pytest.mark.parametrize(
    ("text", "wants"),
    [
        ("How long does this last?", "length"),
        ("How long must it cool down?", "number"),
        ("How long does it keep in the fridge?", "number"),
        ("What is the duration of the clip?", "length"),
        ("What is the duration of the crossing?", "thing"),
        ("Wie lange dauert der Umbau?", "number"),
        ("Wie lange dauert der Film?", "length"),
        ("¿Cuánto dura la obra?", "number"),
        ("Combien de temps dure la traversée ?", "number"),
        ("Сколько длится поездка?", "number"),
        ("修桥要多长时间?", "number"),
        ("这个影片有多长?", "length"),
        ("What size is the tent?", "name"),
    ],
)
def test_what_has_a_length_or_size_of_its_own_is_not_the_file(text: str, wants: str) -> None:
    assert read_question(Question("v.mp4", text), 60.0).wants == wants


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Combien d'oranges y a-t-il ?", ("oranges",)),
        ("Quel est le prix de l’entrée ?", ("prix", "entrée")),
        ("What's the name of O'Hara's boat?", ("name", "O'Hara's", "boat")),
    ],
)
def test_what_is_asked_for_is_bare_of_what_is_written_with_it(text: str, asked: tuple[str, ...]) -> None:
    assert read_question(Question("v.mp4", text), 60.0).asked == asked


def test_every_language_asks_for_the_same_things() -> None:
    tables = {code: (set(language.wants), set(language.places)) for code, language in load_languages().items()}
    assert all(table == tables["en"] for table in tables.values())


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("How long is this video?", "83.0 s (1:23)"),
        ("Wie lang ist das Video?", "83.0 s (1:23)"),
        ("¿Cuánto dura el vídeo?", "83.0 s (1:23)"),
        ("Quelle est la durée de la vidéo ?", "83.0 s (1:23)"),
        ("Сколько длится видео?", "83.0 s (1:23)"),
        ("视频有多长?", "83.0 s (1:23)"),
        ("What resolution is this?", "640x360 pixels"),
    ],
)
def test_what_the_file_says(text: str, answer: str) -> None:
    assert answered(text).text == answer


@pytest.mark.parametrize("text", ["Transcribe this video.", "Was wird gesagt?", "¿Qué se dice?", "他说了什么?"])
def test_a_transcript_is_all_that_is_said(text: str) -> None:
    answer = answered(text, read_speech=SAID)
    assert "The kettle was made in 1931. Nobody knows who painted it." in answer.text
    assert [item.source for item in answer.evidence] == ["speech", "speech"]
    assert answered(text).not_shown


def test_that_the_last_one_is_meant_is_no_word_to_look_for() -> None:
    screen = (shown("Are we too late?"), shown("It was the last train.", 15.0), shown("Then we walk.", 40.0))
    assert "train" not in answered("What is the last subtitle?", search_text=screen).text
    assert read_question(Question("v.mp4", "Was ist der letzte Untertitel?"), 60.0).edge == "last"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Is the barley soup on the menu?", "Yes. On screen: “Barley soup 6.50”"),
        ("Steht Soup auf der Speisekarte?", "Ja. Im Bild steht: “Barley soup 6.50”"),
        ("¿Está la soup en la lista?", "Sí. En pantalla: “Barley soup 6.50”"),
        ("Is oxtail on the price list?", None),
    ],
)
def test_whether_something_is_on_a_list_is_read_there(text: str, says: str | None) -> None:
    answer = answered(text, search_text=(shown("Barley soup 6.50"), shown("Trout 14.00", top=0.3)))
    assert answer.not_shown if says is None else answer.text == says


@pytest.mark.parametrize("text", ["Is the sign handwritten?", "Is the trout cheaper than the soup on the menu?"])
def test_what_a_sign_is_like_is_not_denied_by_its_words(text: str) -> None:
    assert answered(text, search_text=(shown("Barley soup 6.50"), shown("Trout 14.00", top=0.3))).cannot_tell


@pytest.mark.parametrize("text", ["Summarize this video.", "Worum geht es?", "De quoi parle la vidéo ?"])
def test_a_summary_quotes_what_is_shown_and_said(text: str) -> None:
    answer = answered(text, search_text=(shown("HISTORY OF TEA"),), read_speech=SAID)
    assert "HISTORY OF TEA" in answer.text
    assert "1931" in answer.text
    assert answered(text).cannot_tell


def test_what_happens_at_a_second_is_what_stands_there_then() -> None:
    answer = answered("What happens at 0:52?", search_text=(shown("ONE", 5.0), shown("TWO", 50.0)))
    assert "TWO" in answer.text
    assert "ONE" not in answer.text


def test_what_is_said_about_something_is_quoted_or_said_to_be_nowhere() -> None:
    assert "1931" in answered("What does she say about the kettle?", read_speech=SAID).text
    absent = answered("What does she say about the railway?", read_speech=SAID)
    assert absent.not_shown
    assert "railway" in absent.text
    # what is said in another language may well be about it
    assert answered("Was sagt sie über die Eisenbahn?", read_speech=SAID).cannot_tell


def test_an_error_on_screen_is_read_with_the_lines_under_it() -> None:
    screen = (shown("FATAL: disk full", top=0.2), shown("Retry in 5 s", top=0.3), shown("Welcome", top=0.8))
    answer = answered("Were there any errors?", search_text=screen)
    assert "disk full" in answer.text
    assert "Welcome" not in answer.text
    assert answered("Were there any errors?").cannot_tell


@pytest.mark.parametrize(
    "text", ["Which song is it?", "When was this filmed?", "Is there a dog in a hat?", "Cosa dice il cartello?"]
)
def test_what_no_sense_can_tell_goes_with_what_may_help(text: str) -> None:
    answer = answered(text, search_text=(shown("HARBOUR"),), read_speech=SAID)
    assert answer.cannot_tell
    quoted = [item.quote for item in answer.evidence if item.quote]
    assert "HARBOUR" in quoted
    assert SAID[0].text in quoted
    assert sum(bool(item.note) and not item.quote for item in answer.evidence) == 4
    assert "--policy" in answer.text


def test_the_next_best_pieces_stand_beside_the_best() -> None:
    answer = answered("Which number is on the door?", search_text=(shown("41"), shown("97", top=0.5)))
    assert answer.confidence is not None
    (evidence,) = answer.evidence
    assert {answer.text, *(n for n in ("41", "97") if n in evidence.note)} == {"41", "97"}


@pytest.mark.parametrize(
    ("text", "of_the_other_sense"),
    [
        ("What does the sign say?", SAID[0].text),
        ("Was steht auf dem Schild?", SAID[0].text),
        ("Which year is on the poster?", SAID[0].text),
        ("When does the sign name the kettle?", SAID[0].text),
    ],
)
def test_speech_is_no_sign(text: str, of_the_other_sense: str) -> None:
    doubtful = replace(shown("T"), doubt="small")
    answer = answered(text, search_text=(doubtful,), read_speech=SAID, search_speech=SAID)
    assert answer.cannot_tell
    assert of_the_other_sense in [item.quote for item in answer.evidence]
    assert answered("Does the caption mention a kettle?", search_text=(shown("TEA"),), read_speech=SAID).not_shown


@pytest.mark.parametrize("text", ["What did he say the price was?", "Quel prix mentionne le vendeur ?"])
def test_a_sign_is_no_speech(text: str) -> None:
    answer = answered(text, search_text=(shown("KETTLE 12.50 EUR"),), read_speech=SAID[1:])
    assert answer.cannot_tell
    assert "KETTLE 12.50 EUR" in [item.quote for item in answer.evidence]


def test_what_nobody_says_is_no_second_of_the_picture() -> None:
    best = Finding("moment", 40.0, 41.0, "bridge", 0.9)
    assert answered("When does she mention the bridge?", read_speech=SAID, search_frames=(best,)).cannot_tell


def test_a_second_of_words_that_are_only_like_the_asked_ones_is_unsure() -> None:
    said = (Finding("speech", 9.0, 12.0, "We open early on Sundays.", 0.9),)
    named = answered("When does she mention Sundays?", search_speech=said)
    alike = answered("When does she mention Mondays?", search_speech=said)
    unlike = answered("When do Sundays begin?", search_speech=said)  # what is spoken of need not happen then
    assert (named.text, named.confidence) == ("9 seconds", 0.6)
    assert (unlike.confidence or 0.0) <= 0.5
    assert alike.cannot_tell or (alike.confidence or 1.0) < 0.5


def heard(text: str, said: tuple[Finding, ...] = ()) -> Trajectory:
    """A run over a recording without pictures, whose speech was heard to its end."""
    facts = replace(FACTS, width=0, height=0, gaps=("The file has sound and no pictures.",))
    return run_graph(Trajectory(Question("v.wav", text), facts), RunContext(LitePolicy(), Findings(read_speech=said)))


@pytest.mark.parametrize("text", ["How large is it in pixels?", "What does the sign say?", "What is he wearing?"])
def test_of_a_recording_without_pictures_nothing_is_said_of_them_and_no_one_could_look(text: str) -> None:
    answer = heard(text).answer
    assert answer is not None
    assert answer.cannot_tell
    assert answer.text.endswith("The file has sound and no pictures.")


def test_a_recording_without_pictures_is_heard_and_not_looked_at() -> None:
    ended = heard("What is said about the kettle?", SAID)
    assert {call.name for call in ended.calls} == {"read_speech"}
    assert ended.answer is not None
    assert "1931" in ended.answer.text


def test_that_there_are_no_pictures_hides_nothing_that_is_said() -> None:
    answer = heard("What is said?").answer
    assert answer is not None
    assert answer.not_shown


def test_a_look_that_failed_is_no_evidence_of_what_the_file_says() -> None:
    question = Trajectory(Question("v.mp4", "How long is the video?"), FACTS)
    answer = run_graph(question, RunContext(LitePolicy(), Failing())).answer
    assert answer is not None
    assert [piece.call_ids for piece in answer.evidence] == [()]
