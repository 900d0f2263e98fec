"""What type of value a piece is, by its form and the signs beside it."""

import pytest

from agent.policies.lite_rules.pieces.forms import cut_pieces, find_unit, find_value_type


@pytest.mark.parametrize(
    ("line", "text", "kind"),
    [
        ("only € 9 today", "€ 9", "price"),
        ("forty million euros", "forty million", "price"),
        ("всего 30 рублей", "30", "price"),
        ("SOUP 4.50", "4.50", "price"),
        ("20% off", "20", "percent"),
        ("noch 12 Prozent", "12", "percent"),
        ("-4°C", "-4", "temperature"),
        ("今天23度", "23", "temperature"),
        ("Tel. 0391 555 21", "0391 555 21", "phone"),
        ("Ring 555-0199 now", "555-0199", "phone"),
        ("1-800-555-0175", "1-800-555-0175", "phone"),
        ("write to kim.lee@otter-lake.org", "kim.lee@otter-lake.org", "email"),
        ("otter-lake.org/news", "otter-lake.org/news", "website"),
        ("OTTERS 3 - 2 BADGERS", "3 - 2", "score"),
        ("since 1987", "1987", "year"),
        ("3 May 2024", "3 May 2024", "date"),
        ("doors 19:30", "19:30", "clock"),
        ("We open at seven in the morning.", "seven", "clock"),
        ("there are nine of us", "nine", "number"),
        ("PLATFORM 7", "7", "number"),
        ("for sixteen years", "sixteen", "measure"),
        ("a wall of 3,205 m", "3,205", "measure"),
        ("noch 25 Minuten", "25", "measure"),
        ("через 40 минут", "40", "measure"),
        ("还要35分钟", "35", "measure"),
        ("one and a half litres of milk", "one and a half", "measure"),
        ("61,700 guests in May", "61,700", "number"),
        ("two minor faults", "two", "number"),
        ("three hundred books", "three hundred", "number"),
        ("in nineteen sixty four", "nineteen sixty four", "year"),
        ("Open 9-18", "9", "clock"),
        ("3 May 2024", "3", "date"),
        ("3 May 2024", "2024", "year"),
    ],
)
def test_the_type_of_a_value_is_told_by_its_form_and_the_signs_beside_it(line: str, text: str, kind: str) -> None:
    assert kind in {find_value_type(line, piece) for piece in cut_pieces(line) if piece.text == text}


def test_the_day_of_a_week_alone_is_no_date() -> None:
    assert {find_value_type("See you on Monday", piece) for piece in cut_pieces("See you on Monday")} == {None}


def test_words_are_no_value() -> None:
    assert {find_value_type("Good morning", piece) for piece in cut_pieces("Good morning")} == {None}


def test_the_word_behind_a_number_is_its_unit() -> None:
    units = {piece.text: find_unit("four eggs, 200 g and 7", piece) for piece in cut_pieces("four eggs, 200 g and 7")}
    assert units["four"] == "eggs"
    assert units["7"] is None


def test_a_numbered_row_is_the_item_of_its_number() -> None:
    assert "Open water" in {piece.text for piece in cut_pieces("3. Open water", asked_item=2)}
    assert "Open water" not in {
        piece.text for piece in cut_pieces("3. Open water", asked_item=1) if piece.form == "listed"
    }


def test_a_clock_time_is_no_score() -> None:
    assert not [piece for piece in cut_pieces("it is 10:45") if piece.form == "score"]
