import numpy as np

from tools.encoders.hashing import HashingEncoder


def _filled(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((36, 64, 3), colour, np.uint8)


def test_a_colour_word_finds_the_frame_of_that_colour() -> None:
    encoder = HashingEncoder()
    rows = encoder.encode_images([_filled((255, 0, 0)), _filled((0, 0, 255)), _filled((0, 160, 0))])
    for index, query in enumerate(["something red", "the BLUE part?", "green"]):
        assert int((rows @ encoder.encode_texts([query])[0]).argmax()) == index


def test_rows_are_unit_and_the_same_every_time() -> None:
    rows = HashingEncoder().encode_texts(["red", "no colour at all", ""])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert np.array_equal(rows, HashingEncoder().encode_texts(["red", "no colour at all", ""]))


def test_words_without_a_colour_match_no_picture() -> None:
    encoder = HashingEncoder()
    assert float(encoder.encode_images([_filled((1, 2, 3))])[0] @ encoder.encode_texts(["a zebra"])[0]) == 0
