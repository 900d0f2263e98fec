import numpy as np
import pytest

from tools.vision.colours import (
    COLOUR_NAMES,
    find_colour,
    find_colour_words,
    find_colours,
    make_colour_mask,
    measure_colour_shares,
)


def _flat(code: int, height: int = 40, width: int = 60) -> np.ndarray:
    return np.full((height, width, 3), (code >> 16, code >> 8 & 255, code & 255), np.uint8)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (0xFF0000, "red"), (0x00FF00, "green"), (0x0000FF, "blue"), (0xFFFF00, "yellow"), (0x00FFFF, "turquoise"),
        (0xFF00FF, "magenta"), (0x000000, "black"), (0xFFFFFF, "white"), (0x808080, "grey"), (0xFFA500, "orange"),
        (0x8B0000, "dark red"), (0x000080, "navy"), (0x800080, "purple"), (0xB8A0DC, "lavender"), (0xFFC0CB, "pink"),
        (0x008080, "turquoise"), (0x40E0D0, "turquoise"), (0x87CEEB, "light blue"), (0x006400, "dark green"),
        (0x808000, "olive"), (0xD2B48C, "beige"), (0x8B4513, "brown"), (0xD3D3D3, "light grey"),
        (0x90EE90, "light green"), (0x404040, "dark grey"), (0xDC143C, "red"), (0xFFD700, "yellow"),
    ],
)  # fmt: skip
def test_the_named_colours_of_the_web_have_the_expected_names(code: int, name: str) -> None:
    # The codes are CSS's for a word that is the name or a synonym of it; CSS's lavender and beige are whiter than most.
    assert measure_colour_shares(_flat(code))[0].name == name


def test_shares_are_the_shares_of_the_area() -> None:
    pixels = np.concatenate([_flat(0xFF0000, width=30), _flat(0x0000FF, width=90)], axis=1)
    assert [(c.name, c.share) for c in measure_colour_shares(pixels)] == [("blue", 0.75), ("red", 0.25)]


def test_noise_and_compression_do_not_change_the_name() -> None:
    rng = np.random.default_rng(0)
    noisy = np.clip(_flat(0x1E9632, 400, 600).astype(int) + rng.normal(0, 25, (400, 600, 3)), 0, 255).astype(np.uint8)
    assert measure_colour_shares(noisy)[0].name == "green"
    assert measure_colour_shares(noisy)[0].share > 0.95


def test_a_thing_in_shade_keeps_its_name() -> None:
    light = np.linspace(0.6, 1.15, 60)[None, :, None]
    shaded = np.clip(_flat(0xC81E1E) * light, 0, 255).astype(np.uint8)
    assert sum(c.share for c in measure_colour_shares(shaded) if c.name in ("red", "dark red")) > 0.95


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a red cap", ("red",)),
        ("the light-blue coat", ("light blue",)),
        ("Dark Blue", ("navy",)),
        ("reddish brown", ("reddish brown",)),
        ("a red and navy padded jacket", ("red", "navy")),
        ("gray", ("grey",)),
        ("greenish", ("green",)),
        ("the blue, the Blue", ("blue",)),
        ("covered by a hundred goldfish in the tanker", ()),
        ("", ()),
    ],
)
def test_colours_are_found_in_words(text: str, names: tuple[str, ...]) -> None:
    assert find_colours(text) == names
    assert find_colour(text) == (names[0] if names else None)


def test_colour_words_are_given_as_written() -> None:
    assert find_colour_words("Is it dark blue, gray or reddish-brown?") == ("dark blue", "gray", "reddish brown")


def test_every_name_leads_to_itself() -> None:
    assert [find_colour(name) for name in COLOUR_NAMES] == list(COLOUR_NAMES)


def test_a_plain_word_covers_its_shades_and_a_shade_covers_itself() -> None:
    assert make_colour_mask(_flat(0x000080), "blue").all()
    assert not make_colour_mask(_flat(0x0000FF), "navy").any()


def test_a_word_without_a_colour_is_told_which_ones_there_are() -> None:
    with pytest.raises(ValueError, match="reddish brown"):
        make_colour_mask(_flat(0), "umbrella")
