"""Short answers out of lines, on lines that no test clip holds."""

import pytest

from agent.policies.lite_rules.clock import find_running_clock
from agent.policies.lite_rules.lines import FoundLine, find_mentions
from agent.policies.lite_rules.pieces.forms import cut_pieces
from agent.policies.lite_rules.ranking import compute_confidence, rank
from agent.policies.lite_rules.reading import read_question
from agent.trajectory import Question
from tools.observation import Box


def lines(*texts: str, spoken: bool = False) -> list[FoundLine]:
    return [
        FoundLine(text, 0.0, 9.0, spoken, "t1c1", box=None if spoken else (0.1, 0.1 + 0.1 * i, 0.5, 0.15 + 0.1 * i))
        for i, text in enumerate(texts)
    ]


def best(question: str, *texts: str, spoken: bool = False) -> str:
    return rank(read_question(Question("v.mp4", question), 60.0), lines(*texts, spoken=spoken))[0].text


@pytest.mark.parametrize(
    ("question", "texts", "answer"),
    [
        ("How many apples are left?", ("Apples left: 12", "Pears left: 40"), "12"),
        ("How many guests are mentioned?", ("we had 7 tables and eleven guests that night",), "eleven"),
        ("Which version of node is installed?", ("$ node --version", "node v20.11.1", "npm 10.2"), "20.11.1"),
        ("Which date is on the poster?", ("Summer fair", "Sunday, 3 May 2024, from 10:00"), "3 May 2024"),
        ("Which file is missing?", ("error: cannot open file 'notes.txt'", "done"), "notes.txt"),
        ("Which number does the script print?", ("$ python -c 'print(6*7)'", "42", "$"), "42"),
        ("Which three numbers are read out?", ("and now four, nine, two please",), "four, nine, two"),
        ("Which package could not be found?", ("$ sudo apt install oboe", "E: Unable to locate package oboe"), "oboe"),
        ("Which number does the script print?", ("$ python3 -c 'print(3*7)'", "21", "$ ls -l", "total 8"), "21"),
        ("Which number comes second in the list?", ("sorted list: 3, 7, 8, 11",), "7"),
        ("Which number comes last in the list?", ("$ seq 4 | shuf | tr", "4 1 3 2", "$ ls", "7 letters"), "2"),
        ("Which number comes first in the sorted list?", ("sorted list: 3, 7, 8, 11",), "3"),
        ("Which city does she live in?", ("I have lived in New Haven for years", "it is cold"), "New Haven"),
        ("What is the name of the picture file?", ("12 holiday.png", "40 letter.txt"), "holiday.png"),
        ("Whom should one call?", ("call Susan if the door is locked",), "Susan"),
        ("What does the sign over the door say?", ("NO ENTRY",), "NO ENTRY"),
    ],
)
def test_the_best_candidate(question: str, texts: tuple[str, ...], answer: str) -> None:
    assert best(question, *texts) == answer


@pytest.mark.parametrize(
    ("line", "time"),
    [
        ("The shop shuts at half past five on Fridays.", "half past five"),
        ("see you at twenty to nine", "twenty to nine"),
        ("We meet at eleven o'clock, as always.", "eleven o'clock"),
        ("the bus comes at 10 past 8", "10 past 8"),
        ("Einlass ab 18 Uhr 30", "18 Uhr 30"),
        ("Ouverture des portes à 20h15", "20h15"),
        ("早上9点半开门", "9点半"),
    ],
)
def test_an_hour_in_words_is_one_piece(line: str, time: str) -> None:
    assert [piece.text for piece in cut_pieces(line) if piece.form == "clock"] == [time]


def test_numbers_in_a_range_are_no_hour() -> None:
    assert [piece.text for piece in cut_pieces("the rooms from three to five are shut") if piece.form == "clock"] == []


@pytest.mark.parametrize(
    "number", ["0700 555 318", "+44 20 7946 0958", "(030) 555 2719", "030-5550-118", "4929 1200 5512 0081"]
)
def test_a_number_in_groups_is_one_piece(number: str) -> None:
    found = cut_pieces(f"Ring {number} before noon")
    assert [piece.text for piece in found if piece.form == "number"] == [number]


def test_numbers_in_a_row_are_several() -> None:
    found = [piece.text for piece in cut_pieces("10 20 30 and 1990 1995 2000") if piece.form == "number"]
    assert found == ["10", "20", "30", "1990", "1995", "2000"]


@pytest.mark.parametrize("question", ["What colour is the coat?", "Which color does the coat have?"])
def test_what_names_no_colour_answers_no_question_for_one(question: str) -> None:
    asked = read_question(Question("v.mp4", question), 60.0)
    assert rank(asked, lines("hang it in the coat room", "Coat: wool", spoken=True)) == []
    assert "green" in rank(asked, lines("hang the green coat in the hall", spoken=True))[0].text


def test_what_names_no_time_answers_no_question_for_one() -> None:
    asked = read_question(Question("v.mp4", "When does the museum tour start?"), 60.0)
    assert rank(asked, lines("Museum tour", "Meet the guide at the museum door")) == []
    assert rank(asked, lines("Museum tour", "The museum tour starts at 14:30"))[0].text == "14:30"
    assert rank(asked, lines("Museum tour: since 1954"))[0].text == "1954"


def test_a_number_inside_another_is_no_piece() -> None:
    assert [piece.text for piece in cut_pieces("build 2.5.1 of 25") if piece.form == "number"] == ["25"]


def test_parts_of_a_line_that_signs_set_apart_are_pieces() -> None:
    found = {(piece.text, piece.form) for piece in cut_pieces("cat: old-notes.md: No such file")}
    assert {("No such file", "field"), ("old-notes.md", "field")} <= found
    assert not any(piece.form == "field" for piece in cut_pieces("open at 09:26"))


def test_labels_and_values_in_one_row_are_pieces_of_their_own() -> None:
    found = {(piece.text, piece.form) for piece in cut_pieces("14:05 LEIPZIG PLATFORM 7")}
    assert {("14:05", "clock"), ("LEIPZIG", "name"), ("7", "number")} <= found


def test_a_value_is_found_in_the_row_of_its_label_in_any_of_the_six_languages() -> None:
    boxes: list[tuple[str, Box]] = [
        ("SOUP", (0.1, 0.2, 0.3, 0.25)),
        ("7.40", (0.6, 0.2, 0.7, 0.25)),
        ("SALAD", (0.1, 0.4, 0.3, 0.45)),
        ("9.10", (0.6, 0.4, 0.7, 0.45)),
    ]
    shown = [FoundLine(text, 0.0, 9.0, False, "t1c1", box=box) for text, box in boxes]
    for question in ("How much is the salad?", "Was kostet der Salat?", "Quel est le prix de la salade ?"):
        assert rank(read_question(Question("v.mp4", question), 60.0), shown)[0].text == "9.10"


def test_likelihoods_sum_to_one_and_the_only_fit_is_surer_than_one_of_many() -> None:
    reading = read_question(Question("v.mp4", "How many apples are left?"), 60.0)
    one, many = rank(reading, lines("Apples left: 12")), rank(reading, lines("12", "40", "77", "23"))
    assert sum(item.probability for item in many) == pytest.approx(1.0)
    assert compute_confidence(reading, one) > compute_confidence(reading, many)


def test_a_number_that_stands_alone_is_unsure_where_nothing_beside_it_is_of_the_topic() -> None:
    reading = read_question(Question("v.mp4", "How many people does she mention?"), 60.0)
    apart = rank(reading, lines("the ferry leaves at nine", spoken=True))
    near = rank(reading, lines("nine people were on it", spoken=True))
    assert compute_confidence(reading, apart) < 0.6 < compute_confidence(reading, near)


@pytest.mark.parametrize(
    "question",
    [
        "How much does the soup cost?",
        "How much does she say the soup costs?",
        "Was kostet die Suppe?",
        "¿Cuánto cuesta la sopa?",
        "Combien coûte la soupe ?",
        "Сколько стоит суп?",
        "汤多少钱?",
        "How many percent is the discount?",
        "What is the temperature in Oslo?",
        "What is the phone number?",
        "How many people sit at the table?",
    ],
)
def test_a_number_of_something_else_is_no_price_percentage_or_count(question: str) -> None:
    reading = read_question(Question("v.mp4", question), 60.0)
    found = rank(reading, lines("There were nine of us that night.", spoken=True))
    assert found[0].text == "nine"
    assert compute_confidence(reading, found) < 0.5


@pytest.mark.parametrize(
    ("question", "texts", "spoken"),
    [
        ("In which year was the brewery founded?", ("We have run the brewery for nine years.",), True),
        ("How many windows does the lighthouse have?", ("The lighthouse", "Open daily 11-16"), False),
        ("How long is the ride to Porto?", ("17 PORTO 09:25",), False),
        ("How much do the beans cost?", ("Add four hundred grams of beans.",), True),
        ("How old is the baker?", ("The baker sold three hundred rolls.",), True),
    ],
)
def test_a_value_of_another_kind_is_no_answer_though_it_is_told_of_what_is_asked_about(
    question: str, texts: tuple[str, ...], spoken: bool
) -> None:
    reading = read_question(Question("v.mp4", question), 60.0)
    found = rank(reading, lines(*texts, spoken=spoken))
    assert not found or compute_confidence(reading, found) < 0.5


def test_of_two_prices_in_a_row_the_one_with_all_asked_words_before_it_is_meant() -> None:
    row = "Garden ticket 3.10 EUR   Family ticket 8.40 EUR"
    assert best("How much is a family ticket?", row) == "8.40 EUR"
    assert best("How much is a garden ticket?", row) == "3.10 EUR"


def test_the_cell_of_a_table_is_in_the_asked_row_and_column() -> None:
    heads, rows = (("NORTH", 0.4), ("SOUTH", 0.7)), (("Ships", 0.3, "12", "31"), ("Ferries", 0.6, "7", "25"))
    boxes: list[tuple[str, Box]] = [(head, (x, 0.1, x + 0.12, 0.16)) for head, x in heads]
    for label, y, *cells in rows:
        boxes.append((label, (0.05, y, 0.2, y + 0.06)))
        boxes += [(cell, (x, y, x + 0.05, y + 0.06)) for cell, (_, x) in zip(cells, heads, strict=True)]
    shown = [FoundLine(text, 0.0, 9.0, False, "t1c1", box=box) for text, box in boxes]
    for question, cell in (("How many ferries are in the north?", "7"), ("How many ships are in the south?", "31")):
        assert rank(read_question(Question("v.mp4", question), 60.0), shown)[0].text == cell


def test_the_sign_of_a_value_tells_which_number_is_meant() -> None:
    texts = ("Fair 2019", "12:30", "20% off", "€ 9", "Tel. 0391 555 21", "-4°C")
    assert best("What is the phone number?", *texts) == "0391 555 21"
    assert best("Wie viel Prozent Rabatt gibt es?", *texts) == "20"
    assert best("Сколько это стоит?", *texts) == "€ 9"
    assert best("Quelle est la température ?", *texts) == "-4"
    assert best("In which year was it?", *texts) == "2019"
    assert best("What does the clock show?", *texts) == "12:30"


def test_an_option_is_found_in_digits_or_words_and_without_spaces() -> None:
    assert find_mentions("three rabbits", lines("3 RABBITS"))[0][1] == 1.0
    assert find_mentions("breaking news", lines("BREAKINGNEWS 10:45"))[0][1] == 1.0
    assert find_mentions("a paris", lines("comparison")) == []


def test_a_countdown_is_known_at_every_second_from_three_readings() -> None:
    readings = [
        FoundLine(text, at, at + 1, False, "t1c1") for at, text in ((0.0, "10:00"), (30.0, "09:30"), (90.0, "08:30"))
    ]
    clock = find_running_clock(readings)
    assert clock is not None
    assert clock.slope == -1
    # 10:00 at 0 s, one second less each second: 05:00 is 300 s later
    assert clock.seconds_when(300.0) == pytest.approx(300.0)


def test_two_readings_or_readings_that_disagree_make_no_clock() -> None:
    two = [FoundLine("10:00", 0.0, 1.0, False, "t1c1"), FoundLine("09:30", 30.0, 31.0, False, "t1c1")]
    assert find_running_clock(two) is None
    apart = [
        FoundLine(t, s, s + 1, False, "t1c1")
        for s, t in ((0.0, "10:00"), (10.0, "11:47"), (20.0, "03:12"), (30.0, "12:59"))
    ]
    assert find_running_clock(apart) is None
