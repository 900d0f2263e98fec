import cv2
import numpy as np
import pytest

from tools.vision.colour_focus import AskedColour, fit_asked_colours

WHITE, RED, BLUE, GREEN, GREY = (240, 240, 240), (210, 30, 30), (40, 80, 210), (40, 160, 50), (128, 128, 128)


def _best(pictures: list[np.ndarray], words: list[str], question: str) -> str:
    fits = fit_asked_colours(pictures, words, question)
    return max(fits, key=lambda fit: fit.score).word


def _scene(background: tuple[int, int, int] = GREY) -> np.ndarray:
    return np.full((180, 320, 3), background, np.uint8)


def test_the_side_named_in_the_question_decides() -> None:
    pixels = _scene()
    cv2.rectangle(pixels, (40, 60), (80, 120), RED, -1)
    cv2.rectangle(pixels, (240, 60), (280, 120), BLUE, -1)
    words = ["red", "blue"]
    assert _best([pixels], words, "What colour is the tie of the man on the left?") == "red"
    assert _best([pixels], words, "What colour is the tie of the man on the right?") == "blue"


def test_the_ground_is_looked_for_below() -> None:
    pixels = _scene((170, 200, 235))
    pixels[110:] = (128, 75, 63)
    assert (
        _best([pixels], ["light blue", "reddish brown"], "What colour is the surface of the court?") == "reddish brown"
    )
    assert _best([pixels], ["light blue", "reddish brown"], "What colour is the sky?") == "light blue"


def test_the_middle_counts_more_than_the_edge() -> None:
    pixels = _scene()
    cv2.rectangle(pixels, (140, 70), (180, 110), RED, -1)
    cv2.rectangle(pixels, (0, 0), (40, 40), BLUE, -1)
    assert _best([pixels], ["blue", "red"], "What colour is the shirt?") == "red"


def test_what_moves_before_a_still_background_is_meant() -> None:
    pictures = []
    for step in range(5):
        pixels = _scene(GREEN)
        cv2.rectangle(pixels, (150, 80), (190, 120), WHITE, -1)
        cv2.rectangle(pixels, (280 - 30 * step, 60), (296 - 30 * step, 100), RED, -1)
        pictures.append(pixels)
    question = "A person walks in. What colour is the jacket?"
    assert _best(pictures, ["green", "white", "red"], question) == "red"
    assert _best(pictures, ["green", "white", "red"], "What colour is the box?") != "red"


def test_the_box_is_round_the_coloured_thing() -> None:
    pixels = _scene()
    cv2.rectangle(pixels, (80, 45), (159, 89), RED, -1)
    (fit,) = fit_asked_colours([pixels], ["red"], "what is red?")
    assert fit.box == pytest.approx((0.25, 0.25, 0.5, 0.5), abs=0.02)
    assert fit.score == 1.0


def test_colours_that_are_not_there_have_no_score_and_no_box() -> None:
    assert fit_asked_colours([_scene()], ["red"], "red?") == (AskedColour("red", 0.0, None),)


def test_left_and_right_in_one_question_leave_the_whole_picture() -> None:
    pixels = _scene()
    cv2.rectangle(pixels, (140, 70), (180, 110), RED, -1)
    assert _best([pixels], ["blue", "red"], "What rolls from left to right?") == "red"
