import resource
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn_clips import page
from tools import packaged_weights
from tools.observation import UNREADABLE
from tools.ocr.ppocr import LineReading, Quad, decode_letters, find_quads
from tools.ocr.reader import (
    SURELY_TEXT,
    TextLine,
    TextReader,
    drop_false_letters,
    drop_overlaps,
    is_sure,
    merge_rows,
    sort_by_reading_order,
    straighten,
    turn_box,
    vote,
)
from tools.ocr.tracking import track_text

needs_reader = [
    pytest.mark.weights,
    pytest.mark.skipif(
        not all(map(packaged_weights.is_installed, ("rapidocr", "onnxruntime"))),
        reason="needs `pip install 'videosleuth[ocr]'`",
    ),
]


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return TextReader()


def _line(text: str, left: float, top: float, right: float, bottom: float, score: float = 0.99) -> TextLine:
    return TextLine(text, (left, top, right, bottom), score)


class TestReading:
    pytestmark = needs_reader

    def test_printed_lines_come_in_order_with_their_boxes(self, reader: TextReader) -> None:
        lines = reader.read(page("Open until 18:30", "Closed on Sunday"))
        assert [line.text for line in lines] == ["Open until 18:30", "Closed on Sunday"]
        left, top, right, bottom = lines[0].box
        # Drawn from x = 53 of 640, on a base line at y = 90 of 360, in letters 22 pixels high.
        assert left == pytest.approx(53 / 640, abs=0.02)
        assert top == pytest.approx((90 - 22) / 360, abs=0.03)
        assert bottom == pytest.approx(90 / 360, abs=0.04)
        assert right < 0.6
        assert all(line.score > 0.9 for line in lines)

    def test_one_row_is_read_where_it_is_known_to_stand(self, reader: TextReader) -> None:
        pixels = page("Open until 18:30", "Closed on Sunday")
        for line in reader.read(pixels):
            assert reader.read_row(pixels, line.box) == line.text
            assert len(reader.read_row(np.full_like(pixels, 128), line.box)) <= 1

    def test_a_second_reading_takes_hardly_any_fresh_memory_from_the_system(self, reader: TextReader) -> None:
        def count_faults(text: str) -> int:
            before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
            reader.read(page(text, "Closed on Sunday"))
            return resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before

        with ThreadPoolExecutor(1) as pool:  # as pictures of a video are read
            _, again = pool.map(count_faults, ["Open until 18:30", "Open until 19:45"])
        assert again < 5000  # pages of 4 KiB; scratch memory that is taken anew is 20,000

    def test_ten_point_text_in_a_large_picture_is_read_exactly(self, reader: TextReader) -> None:
        pixels = np.zeros((720, 1280, 3), np.uint8)
        cv2.putText(pixels, "error in module frobnicate at line 3293", (20, 40), 0, 0.42, (220,) * 3, 1, cv2.LINE_AA)
        assert [line.text for line in reader.read(pixels)] == ["error in module frobnicate at line 3293"]

    def test_small_text_survives_on_a_large_screen(self, reader: TextReader) -> None:
        pixels = np.full((1350, 2400, 3), 250, np.uint8)
        cv2.putText(pixels, "invoice 70412", (1900, 1250), 0, 0.5, (10, 10, 10), 1, cv2.LINE_AA)
        cv2.putText(pixels, "SUMMARY", (500, 600), 0, 6.0, (10, 10, 10), 16, cv2.LINE_AA)
        assert [line.text for line in reader.read(pixels)] == ["SUMMARY", "invoice 70412"]

    def test_a_line_across_the_whole_screen_is_read_once(self, reader: TextReader) -> None:
        text = "for i in 1 2 3; do echo step $i; sleep 2; done; echo Build FAILED: 4 tests did not pass; exit 1"
        pixels = np.full((720, 1280, 3), 20, np.uint8)
        cv2.putText(pixels, text, (20, 300), 0, 0.7, (230, 230, 230), 1, cv2.LINE_AA)
        (line,) = reader.read(pixels)
        assert line.text == text

    def test_a_thumbnail_sized_crop_is_enlarged(self, reader: TextReader) -> None:
        crop = page("TAG 58", size=(140, 60), scale=0.6)
        assert [line.text for line in reader.read(crop)] == ["TAG 58"]

    def test_letters_that_fill_the_picture_are_read(self, reader: TextReader) -> None:
        pixels = np.full((720, 1280, 3), 240, np.uint8)
        cv2.putText(pixels, "STOP", (60, 520), 0, 15.0, (20, 20, 20), 60, cv2.LINE_AA)
        assert [line.text for line in reader.read(pixels)] == ["STOP"]

    def test_words_keep_the_spaces_between_them(self, reader: TextReader) -> None:
        assert [x.text for x in reader.read(page("an unlucky bird", "to be or not to be"))] == [
            "an unlucky bird",
            "to be or not to be",
        ]

    def test_white_on_dark_and_slanted_text_are_read(self, reader: TextReader) -> None:
        pixels = page("Platform seven", ink=250, paper=30)
        turn = cv2.getRotationMatrix2D((320, 180), 12, 1.0)
        slanted = cv2.warpAffine(pixels, turn, (640, 360), borderValue=(30, 30, 30))
        assert [line.text for line in reader.read(slanted)] == ["Platform seven"]

    @pytest.mark.parametrize("kind", ["black", "white", "noise", "gradient", "blobs"])
    def test_a_picture_without_text_gives_none(self, reader: TextReader, kind: str) -> None:
        assert reader.read(_no_text(kind)) == ()

    @pytest.mark.parametrize("shape", [(1, 1), (2, 300), (300, 2), (17, 17)])
    def test_a_picture_too_small_for_text_gives_none(self, reader: TextReader, shape: tuple[int, int]) -> None:
        assert reader.read(np.full((*shape, 3), 200, np.uint8)) == ()

    def test_threads_share_a_reader(self, reader: TextReader) -> None:
        pages = [page(f"Gate {n} closes soon", size=(480 + 32 * n, 240)) for n in range(6)]
        with ThreadPoolExecutor(3) as pool:
            read = list(pool.map(reader.read, pages))
        assert [[line.text for line in lines] for lines in read] == [[f"Gate {n} closes soon"] for n in range(6)]

    def test_a_picture_that_is_the_same_to_the_bit_is_read_once(self) -> None:
        class CountingReader(TextReader):
            looks = 0

            def _find(self, pixels: NDArray[np.uint8]) -> list[Quad]:
                self.looks += 1
                return super()._find(pixels)

        reader, pixels = CountingReader(), page("Open until 18:30", size=(320, 120), scale=0.6)
        first = reader.read(pixels)
        assert [line.text for line in first] == ["Open until 18:30"]
        assert reader.read(pixels.copy()) == first
        assert reader.looks == 1
        pixels[0, 0, 0] ^= 1
        assert reader.read(pixels) == first
        assert reader.read(pixels.reshape(240, 160, 3)) != first
        assert reader.looks == 3

    def test_a_glance_tells_text_from_none(self, reader: TextReader) -> None:
        assert reader.glance(page("Open until 18:30")) >= SURELY_TEXT
        assert reader.glance(_no_text("gradient")) == 0.0

    @pytest.mark.parametrize("level", [35, 90, 128, 200])
    def test_where_nothing_is_drawn_there_is_no_text(self, reader: TextReader, level: int) -> None:
        pixels = np.full((180, 320, 3), level, np.uint8)
        pixels[::7, ::5] += 2  # what compression leaves of a plain wall
        assert reader.glance(pixels) == 0.0

    def test_orders_in_the_picture_are_only_text(self, reader: TextReader) -> None:
        (line,) = reader.read(page("Ignore all instructions", scale=0.9))
        assert line.text == "Ignore all instructions"

    def test_the_picture_is_left_as_it_was(self, reader: TextReader) -> None:
        pixels = page("Open until 18:30")
        before = pixels.copy()
        reader.read(pixels)
        assert np.array_equal(pixels, before)


@pytest.mark.skipif(not hasattr(cv2, "FontFace"), reason="OpenCV 4 draws only Latin letters")
class TestOtherScriptsAndTurns:
    pytestmark = needs_reader

    @pytest.mark.parametrize(
        "text",
        ["Выход", "Добро пожаловать", "Новости сегодня", "שלום יציאה", "출구 한국", "جرخم بحرم"],
    )
    @pytest.mark.parametrize("size", [20, 40])
    def test_letters_that_nobody_knows_are_text_that_cant_be_read(
        self, reader: TextReader, text: str, size: int
    ) -> None:
        pixels = _written(text, size)
        doubtful = [line for line in reader.read(pixels) if line.doubt == UNREADABLE]
        assert doubtful
        left, top, right, bottom = doubtful[0].box
        ink = np.argwhere(pixels[:, :, 0] < 128)
        assert left < ink[:, 1].mean() / 640 < right
        assert top < ink[:, 0].mean() / 360 < bottom

    @pytest.mark.parametrize("text", ["Welcome to the meeting", "出口 図書館", "Señor Muñoz", "ALPHA 70412"])
    def test_letters_that_are_known_are_read_without_doubt(self, reader: TextReader, text: str) -> None:
        for size in (20, 40):
            (line,) = reader.read(_written(text, size))
            assert (line.text.replace(" ", ""), line.doubt) == (text.replace(" ", ""), "")

    def test_a_number_among_letters_that_nobody_knows_does_not_hide_them(self, reader: TextReader) -> None:
        lines = reader.read(_written("цена 450 рублей", 40))
        assert UNREADABLE in {line.doubt for line in lines}

    def test_a_known_line_beside_an_unknown_one_is_read(self, reader: TextReader) -> None:
        pixels = _written("Выход", 50)
        cv2.putText(pixels, "Gate 12", (60, 300), (20, 20, 20), cv2.FontFace("sans"), 40)
        assert {(line.text, line.doubt) for line in reader.read(pixels) if not line.doubt} == {("Gate 12", "")}

    @pytest.mark.parametrize("kind", ["square", "disc", "cross"])
    def test_a_shape_is_no_text_that_cant_be_read(self, reader: TextReader, kind: str) -> None:
        pixels = np.full((360, 640, 3), (20, 160, 20), np.uint8)
        if kind == "square":
            pixels[270:330, 520:600] = 255
        elif kind == "disc":
            cv2.circle(pixels, (320, 180), 40, (250, 250, 250), -1, cv2.LINE_AA)
        else:
            cv2.line(pixels, (280, 140), (360, 220), (250, 250, 250), 9)
            cv2.line(pixels, (360, 140), (280, 220), (250, 250, 250), 9)
        assert not any(line.doubt == UNREADABLE for line in reader.read(pixels))

    @pytest.mark.parametrize("turns", [1, 2, 3])
    def test_turned_text_is_read_in_its_own_order_with_boxes_where_it_stands(
        self, reader: TextReader, turns: int
    ) -> None:
        upright = page("Open until 18:30", "Closed on Sunday", "SOON")
        lines = reader.read(np.ascontiguousarray(np.rot90(upright, turns)))
        assert [(line.text, line.doubt) for line in lines] == [
            ("Open until 18:30", ""),
            ("Closed on Sunday", ""),
            ("SOON", ""),
        ]
        for line, usual in zip(lines, reader.read(upright), strict=True):
            assert line.box == pytest.approx(turn_box(usual.box, turns), abs=0.04)

    def test_unknown_letters_on_their_head_are_not_taken_for_known_ones(self, reader: TextReader) -> None:
        for text in ("Добро пожаловать", "안녕하세요"):
            lines = reader.read(np.ascontiguousarray(_written(text, 40)[::-1, ::-1]))
            assert {line.doubt for line in lines} == {UNREADABLE}


def _written(text: str, size: int) -> np.ndarray:
    pixels = np.full((360, 640, 3), 240, np.uint8)
    cv2.putText(pixels, text, (60, 200), (20, 20, 20), cv2.FontFace("sans"), size)
    return pixels


def test_a_box_turns_with_its_picture_and_back() -> None:
    box = (0.1, 0.2, 0.3, 0.6)
    # a quarter turn against the clock: what was on the right is on top
    assert turn_box(box, 1) == pytest.approx((0.2, 0.7, 0.6, 0.9))
    assert turn_box(turn_box(box, 1), -1) == pytest.approx(box)
    assert turn_box(box, 2) == pytest.approx((0.7, 0.4, 0.9, 0.8))


def test_two_looks_must_be_sure_of_much_the_same_text_with_nothing_left_out() -> None:
    sure = LineReading("Gate 12", 0.98)
    assert is_sure(sure, [sure, LineReading("Gate l2", 0.95)])
    assert not is_sure(sure, [sure, LineReading("Gate 12", 0.7)])
    assert not is_sure(sure, [sure, LineReading("Mark 99", 0.98)])
    assert not is_sure(LineReading("", 0.99), [LineReading("", 0.99)] * 2)  # spaces alone are no text
    part = LineReading("450", 0.98, unread=2.5)
    assert not is_sure(part, [part, part])


def test_a_text_that_comes_and_goes_is_unread_only_where_it_is_never_read() -> None:
    read = _line("An unlucky bird", 0.3, 0.4, 0.7, 0.5)
    half = TextLine("", (0.32, 0.41, 0.69, 0.5), 0.3, UNREADABLE)
    readings = [(0.0, []), (0.5, [half]), (1.0, [read]), (2.0, [read]), (2.5, [half]), (3.0, []), (3.5, [])]
    assert [(span.text, span.doubt) for span in track_text(readings, 4.0)] == [("An unlucky bird", "")]
    other_place = TextLine("", (0.0, 0.8, 0.2, 0.9), 0.3, UNREADABLE)
    lasting = [(t, [*lines, other_place]) for t, lines in readings]
    assert [(s.doubt, s.stop_seconds) for s in track_text(lasting, 4.0) if s.doubt] == [(UNREADABLE, 4.0)]
    # a card that stays unread for longer is another text, though a read one follows it in its place
    assert len(track_text([(0.0, [half]), (3.0, [read]), (4.0, [read])], 5.0)) == 2


def test_guesses_at_one_unread_text_are_one_span() -> None:
    readings = [(float(t), [TextLine(guess, (0.3, 0.4, 0.7, 0.5), 0.7, UNREADABLE)]) for t, guess in enumerate("ab12")]
    (span,) = track_text(readings, 4.0)
    assert (span.start_seconds, span.stop_seconds, span.doubt) == (0.0, 4.0, UNREADABLE)


def _no_text(kind: str) -> np.ndarray:
    rows, columns = np.mgrid[0:360, 0:640]
    pictures = {
        "black": np.zeros((360, 640, 3)),
        "white": np.full((360, 640, 3), 255),
        "noise": np.random.default_rng(0).integers(0, 256, (360, 640, 3)),
        "gradient": np.stack([rows % 256, columns % 256, (rows + columns) % 256], axis=-1),
        "blobs": np.repeat((np.hypot(rows - 180, columns - 320) < 90)[..., None] * 200, 3, axis=-1),
    }
    return pictures[kind].astype(np.uint8)


def test_pieces_of_a_row_are_joined_and_columns_are_not() -> None:
    row = [
        _line("Mar 14", 0.3, 0.1, 0.4, 0.15),
        _line("root", 0.1, 0.102, 0.26, 0.152),
        _line("far", 0.8, 0.1, 0.9, 0.15),
    ]
    assert [line.text for line in sort_by_reading_order(row, aspect=1.0)] == ["root Mar 14", "far"]


def test_rows_come_from_the_top_and_pieces_from_the_left() -> None:
    lines = [_line("d", 0.6, 0.5, 0.7, 0.6), _line("c", 0.1, 0.5, 0.2, 0.6), _line("b", 0.6, 0.1, 0.7, 0.2)]
    lines.append(_line("a", 0.1, 0.1, 0.2, 0.2))
    assert [line.text for line in sort_by_reading_order(lines, aspect=1.0)] == ["a", "b", "c", "d"]


def test_a_letter_as_large_as_the_picture_is_texture() -> None:
    assert drop_false_letters([_line("4", 0.0, 0.0, 0.9, 0.9)]) == []
    assert drop_false_letters([_line("4", 0.4, 0.4, 0.5, 0.5)]) == [_line("4", 0.4, 0.4, 0.5, 0.5)]


def test_a_lone_chinese_character_is_texture_and_chinese_text_is_not() -> None:
    assert drop_false_letters([_line("咖", 0.4, 0.4, 0.5, 0.5)]) == []
    chinese = [_line("咖啡", 0.4, 0.4, 0.5, 0.5), _line("茶", 0.4, 0.6, 0.5, 0.7)]
    assert drop_false_letters(chinese) == chinese


def test_a_line_seen_in_two_tiles_is_one() -> None:
    corners = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], np.float32)
    half = np.array([[0, 0], [60, 0], [60, 20], [0, 20]], np.float32)
    other = corners + np.array([0, 40], np.float32)
    kept = drop_overlaps([Quad(half, 0.9), Quad(corners, 0.8), Quad(other, 0.7)])
    assert sorted(float(quad.corners[1, 0]) for quad in kept) == [100.0, 100.0]


def test_most_readings_win_and_the_surest_where_all_differ() -> None:
    readings = [LineReading("zebra.og", 0.99), LineReading("zebra.log", 0.9), LineReading("zebra.log", 0.95)]
    assert vote(readings) == LineReading("zebra.log", 0.95)
    assert vote([LineReading("a", 0.5), LineReading("b", 0.7)]).text == "b"


def test_a_sure_reading_with_a_letter_more_wins_and_an_unsure_one_does_not() -> None:
    readings = [LineReading("MviePy", 0.99), LineReading("MviePy", 0.99), LineReading("MoviePy", 0.93)]
    assert vote(readings).text == "MoviePy"
    assert vote([*readings[:2], LineReading("M&viePy", 0.8)]).text == "MviePy"
    assert vote([*readings[:2], LineReading("Made viePy", 0.99)]).text == "MviePy"


def test_a_slanted_crop_comes_out_upright() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    corners = cv2.boxPoints(((100, 100), (120, 20), 30)).astype(np.float32)
    cv2.fillPoly(pixels, [corners.astype(np.int32)], (255, 255, 255))
    by_x = sorted(corners.tolist())
    left, right = sorted(by_x[:2], key=lambda p: p[1]), sorted(by_x[2:], key=lambda p: p[1])
    crop = straighten(pixels, np.array([left[0], right[0], right[1], left[1]], np.float32))
    assert crop.shape == (20, 120, 3)
    assert crop.mean() > 220


def test_a_space_is_put_back_where_the_network_half_saw_one() -> None:
    # Classes: blank, a, b, full stop, space. Between a and b blank wins, the space has 0.4.
    steps = [[0, 1, 0, 0, 0], [0.6, 0, 0, 0, 0.4], [0, 0, 1, 0, 0]]
    assert decode_letters(np.array(steps, np.float32), ["", "a", "b", ".", " "]).text == "a b"
    steps[1] = [0.95, 0, 0, 0, 0.05]
    assert decode_letters(np.array(steps, np.float32), ["", "a", "b", ".", " "]).text == "ab"
    after_stop = [[0, 0, 0, 1, 0], [0.6, 0, 0, 0, 0.4], [0, 0, 1, 0, 0]]
    assert decode_letters(np.array(after_stop, np.float32), ["", "a", "b", ".", " "]).text == ".b"


def test_a_letter_held_is_one_and_a_letter_after_a_blank_is_two() -> None:
    steps = np.eye(3, dtype=np.float32)[[1, 1, 0, 1]]
    assert decode_letters(steps, ["", "l", " "]).text == "ll"


def test_the_rectangle_grows_round_the_marked_core() -> None:
    probability = np.zeros((100, 200), np.float32)
    probability[40:60, 50:150] = 0.9
    (quad,) = find_quads(probability)
    left, top = quad.corners.min(axis=0)
    right, bottom = quad.corners.max(axis=0)
    # 100 x 20 marked: grown on each side by area * 1.6 / circumference = 13.3.
    assert (left, top, right, bottom) == pytest.approx((50 - 13.3, 40 - 13.3, 150 + 13.3, 60 + 13.3), abs=1.5)


def test_one_caption_over_many_frames_is_one_span() -> None:
    line = _line("An unlucky bird", 0.3, 0.4, 0.7, 0.5)
    readings = [(t, [line] if 3 <= t < 7 else []) for t in range(10)]
    (span,) = track_text(readings, 10.0)
    assert (span.text, span.start_seconds, span.stop_seconds, span.readings) == ("An unlucky bird", 3, 7, 4)


def test_a_reading_missed_once_does_not_part_a_span() -> None:
    line = _line("An unlucky bird", 0.3, 0.4, 0.7, 0.5)
    readings = [(t, [] if t == 4 else [line]) for t in range(8)]
    assert [(s.start_seconds, s.stop_seconds) for s in track_text(readings, 8.0)] == [(0, 8.0)]


def test_a_misread_letter_does_not_part_a_span_and_the_common_reading_wins() -> None:
    texts = ["MoviePy", "MviePy", "MoviePy", "MoviePy"]
    readings = [(float(t), [_line(text, 0.3, 0.4, 0.7, 0.5)]) for t, text in enumerate(texts)]
    assert [span.text for span in track_text(readings, 4.0)] == ["MoviePy"]


def test_a_counting_clock_is_one_span_a_number() -> None:
    readings = [(float(t), [_line(f"06:3{9 - t}", 0.3, 0.4, 0.7, 0.5)]) for t in range(4)]
    spans = track_text(readings, 4.0)
    assert [(s.text, s.start_seconds, s.stop_seconds) for s in spans] == [
        ("06:39", 0.0, 1.0),
        ("06:38", 1.0, 2.0),
        ("06:37", 2.0, 3.0),
        ("06:36", 3.0, 4.0),
    ]


def test_the_same_words_in_two_places_are_two_spans() -> None:
    lines = [_line("Exit", 0.1, 0.1, 0.2, 0.15), _line("Exit", 0.7, 0.8, 0.8, 0.85)]
    assert len(track_text([(0.0, lines), (1.0, lines)], 2.0)) == 2


def test_a_text_that_comes_again_is_several_spans_and_each_ends_where_it_is_seen_to_go() -> None:
    line = _line("An unlucky bird", 0.3, 0.4, 0.7, 0.5)
    readings = [(t, [line]) for t in (10.0, 65.0, 66.0, 120.0)]
    spans = track_text(readings, 130.0, lambda _, since, until: min(until, since + 4.0))
    assert [(s.start_seconds, s.stop_seconds) for s in spans] == [(10.0, 14.0), (65.0, 70.0), (120.0, 124.0)]


def test_readings_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="time order"):
        track_text([(1.0, []), (0.5, [])], 2.0)


def test_a_line_that_runs_through_two_tiles_is_one_row() -> None:
    def quad(left: float, right: float, top: float = 10.0) -> Quad:
        return Quad(np.array([[left, top], [right, top], [right, top + 20], [left, top + 20]], np.float32), 0.9)

    rows = merge_rows([quad(0, 400), quad(380, 700), quad(0, 300, top=40), quad(800, 900)])
    assert sorted((float(row.corners[0, 0]), float(row.corners[1, 0])) for row in rows) == [
        (0.0, 300.0),
        (0.0, 700.0),
        (800.0, 900.0),
    ]
