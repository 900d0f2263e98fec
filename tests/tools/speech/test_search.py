from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tools.speech.search import extract_stems, search_lines
from tools.speech.subtitles import SpeechLine


def _lines(*texts: str) -> list[SpeechLine]:
    return [SpeechLine(float(i), i + 1.0, text, None, "subtitle file") for i, text in enumerate(texts)]


def _topics(texts: Sequence[str]) -> NDArray[np.float32]:
    """A text encoder by hand: one axis for vehicles, one for food, one for the rest."""
    axes = [("car", "automobile", "truck"), ("soup", "bread", "dinner")]
    rows = np.array([[any(word in text.lower() for word in words) for words in axes] for text in texts], np.float32)
    rows = np.concatenate([rows, ~rows.any(axis=1, keepdims=True)], axis=1)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_the_line_that_shares_the_words_comes_first() -> None:
    found = search_lines(
        _lines("Good morning.", "He negotiated for two years.", "Thank you."), "How long were negotiations?"
    )
    assert found[0].line.text == "He negotiated for two years."
    assert found[0].meaning is None


def test_a_number_is_found_in_digits_and_in_words() -> None:
    found = search_lines(_lines("I have 3 cats.", "I have a dog."), "three")
    assert found[0].line.text == "I have 3 cats."


def test_meaning_finds_what_shares_no_word() -> None:
    found = search_lines(_lines("We had soup.", "An automobile stopped."), "car", _topics)
    assert found[0].line.text == "An automobile stopped."
    assert found[0].shared_words == 0


def test_the_line_after_the_words_of_the_question_beats_one_far_away() -> None:
    lines = _lines("What is the code for the safe?", "Nine four seven.", "Hello.", "It rains.", "Goodbye.")
    order = [found.line.text for found in search_lines(lines, "code of the safe")]
    assert order[:2] == ["What is the code for the safe?", "Nine four seven."]


def test_rare_words_count_more_than_common_ones() -> None:
    lines = _lines("the ship sails", "the ship lies", "the ship turns", "a lighthouse")
    assert search_lines(lines, "ship lighthouse")[0].line.text == "a lighthouse"


def test_a_query_of_small_words_fits_nothing() -> None:
    assert [found.score for found in search_lines(_lines("What did he say?"), "what did he say")] == [0.0]


def test_no_lines_give_nothing() -> None:
    assert search_lines([], "car") == ()


def test_forms_of_a_word_share_a_stem() -> None:
    assert extract_stems("carries") == extract_stems("carrying")
    assert extract_stems("negotiations") == extract_stems("negotiate")
    assert extract_stems("is it the") == []
