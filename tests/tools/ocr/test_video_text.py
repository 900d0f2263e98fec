"""Screen text over time: read once where the picture differs, remembered, and ended where it ends."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn import HEIGHT, TEXT, WIDTH, write_captioned, write_drawn, write_moving
from tests.drawn_clips import draw_clip
from tools import observation_text, packaged_weights
from tools.encoders.registry import open_encoder
from tools.index.samples import Samples
from tools.index.video_index import open_index
from tools.observation import FULL_FRAME, UNREADABLE, Box, Finding
from tools.ocr.reader import TextLine, TextReader
from tools.ocr.reading_plan import find_covered, measure_longest_skipped, select_distinct_frames
from tools.ocr.tracking import TextSpan
from tools.ocr.video_text import ScreenText, bisect_appearance, sort_by_showing
from tools.sampling import crop, spread
from tools.toolbox import open_toolbox
from tools.video.generated import GeneratedVideo
from tools.video.video import Video

needs_ocr = pytest.mark.skipif(not packaged_weights.is_installed("rapidocr"), reason="needs videosleuth[ocr]")


def no_reader() -> TextReader:
    raise AssertionError("what was read before is read again")


def test_a_new_line_in_a_corner_makes_a_frame_distinct_and_noise_does_not() -> None:
    still = np.full((18, 32, 3), 20, np.uint8)
    noisy = still + np.random.default_rng(0).integers(0, 8, still.shape, dtype=np.uint8)
    line = still.copy()
    line[2, 1:4] = 60  # one short line of text in a thumbnail
    assert select_distinct_frames(np.stack([still, noisy, line, line, still]), 10).tolist() == [0, 2, 4]
    assert select_distinct_frames(np.empty((0, 18, 32, 3), np.uint8), 10).tolist() == []


def test_spreading_keeps_first_and_last() -> None:
    assert spread([0.0, 1.0, 2.0, 3.0, 4.0], 3) == [0.0, 2.0, 4.0]
    assert spread([0.0, 1.0], 3) == [0.0, 1.0]


@needs_ocr
def test_a_line_begins_and_ends_where_it_does_and_is_read_only_once(tmp_path: Path) -> None:
    with Video(write_drawn(tmp_path / "clip.mp4")) as video:
        index = open_index(video, open_encoder("hashing"), tmp_path / "cache")
        index.wait()
        first = ScreenText(video, Samples(index, video.info.duration_seconds), TextReader, tmp_path / "cache")
        (span,) = first.read_window(0.0, 6.0, 48).spans
        assert span.text == TEXT
        assert (span.start_seconds, span.stop_seconds) == (4.0, 6.0)
        assert first.read_window(0.0, 3.9, 48).spans == ()
        frame = video.read_frame(4.0)
        (line,) = first.read_frame(frame, FULL_FRAME, 4.1)
        assert (line.text, line.start_seconds, line.stop_seconds) == (TEXT, 4.0, 4.1)
        again = ScreenText(video, Samples(index, video.info.duration_seconds), no_reader, tmp_path / "cache")
        assert again.read_window(0.0, 6.0, 48).spans == (span,)
        index.cancel()


@needs_ocr
def test_of_many_different_frames_only_those_with_text_are_read(tmp_path: Path) -> None:
    with Video(write_drawn(tmp_path / "clip.mp4")) as video:
        index = open_index(video, open_encoder("hashing"), tmp_path / "cache")
        index.wait()
        # three distinct pictures and room for two readings: each is glanced at first
        (span,) = (
            ScreenText(video, Samples(index, video.info.duration_seconds), TextReader, tmp_path / "cache")
            .read_window(0.0, 6.0, 2)
            .spans
        )
        assert (span.text, span.start_seconds) == (TEXT, 4.0)
        index.cancel()


@needs_ocr
@pytest.mark.skipif(not hasattr(cv2, "FontFace"), reason="OpenCV 4 draws only Latin letters")
def test_a_search_says_what_it_could_not_read_and_not_that_nothing_is_there(tmp_path: Path) -> None:
    pixels = np.full((360, 640, 3), 240, np.uint8)
    cv2.putText(pixels, "Добро пожаловать", (60, 200), (20, 20, 20), cv2.FontFace("sans"), 40)
    path = draw_clip(tmp_path / "sign.mp4", lambda _: pixels, 2.0, fps=5)
    with open_toolbox(path, encoder="hashing", cache=tmp_path / "cache") as toolbox:
        found = toolbox.call("search_text", {"query": "Выход"})
        assert [f.doubt for f in found.findings if f.kind == "text"] == [UNREADABLE]
        assert found.findings[0].box is not None
        assert any("can't be read at 0.00-2.00 s" in gap for gap in found.gaps)
        assert any("Cyrillic letters such as «Выход»" in gap for gap in found.gaps)
        assert all(gap in found.text for gap in found.gaps)
        assert "No text" not in found.text
        assert toolbox.call("read_text", {"seconds": 1.0}).gaps


def test_times_at_which_text_cant_be_read_are_told_once() -> None:
    def unread(start: float, stop: float) -> Finding:
        return Finding("text", start, stop, "", 0.1, doubt=UNREADABLE)

    found = [unread(5.0, 6.0), unread(1.0, 3.0), unread(2.0, 4.0), Finding("text", 8.0, 9.0, "Gate 12", 0.99)]
    assert observation_text.describe_unreadable(found) == (
        "There is text that can't be read at 1.00-4.00 s, 5.00-6.00 s.",
    )
    assert observation_text.describe_unreadable(found[3:]) == ()


def test_what_was_skipped_is_the_longest_change_that_nobody_looked_at() -> None:
    assert measure_longest_skipped([0.0, 1.0, 2.0, 3.0, 9.0], [0.0, 2.0, 3.0, 12.0]) == 9.0
    assert measure_longest_skipped([0.0, 5.0], [0.0, 5.0, 30.0]) == 0.0  # a picture that stays is no gap


def test_halving_finds_the_first_time_with_something() -> None:
    asked: list[float] = []

    def is_there(seconds: float) -> bool:
        asked.append(seconds)
        return seconds >= 12.3

    assert bisect_appearance(is_there, 11.0, 13.0) == pytest.approx(12.3, abs=0.125)
    assert len(asked) == 4


@needs_ocr
def test_the_ends_of_a_line_are_found_between_the_samples(tmp_path: Path) -> None:
    # one frame a second is sampled of this clip; the line is there from 12.4 to 15.7 s
    clip = write_captioned(tmp_path / "long.mp4", seconds=40.0, shown=(12.4, 15.7))
    with Video(clip) as video:
        index = open_index(video, open_encoder("hashing"), tmp_path / "cache")
        index.wait()
        text = ScreenText(video, Samples(index, video.info.duration_seconds), TextReader, tmp_path / "cache")
        reading = text.read_window(0.0, 40.0, 48)
        (coarse,) = reading.spans
        assert (coarse.start_seconds, coarse.stop_seconds) == (13.0, 16.0)
        fine = text.refined(coarse, reading.looked_at)
        assert fine.start_seconds == pytest.approx(12.4, abs=0.13)
        assert fine.stop_seconds == pytest.approx(15.7, abs=0.13)
        again = ScreenText(video, Samples(index, video.info.duration_seconds), no_reader, tmp_path / "cache")
        assert again.refined(coarse, again.read_window(0.0, 40.0, 48).looked_at) == fine
        index.cancel()


class WhiteReader:
    """Reads whatever is white as one line, and takes every frame to hold text."""

    def read(self, pixels: NDArray[np.uint8]) -> tuple[TextLine, ...]:
        rows, columns = np.nonzero((pixels > 200).all(axis=2))
        if not len(rows):
            return ()
        height, width = pixels.shape[:2]
        left, top = float(columns.min()) / width, float(rows.min()) / height
        return (TextLine(TEXT, (left, top, float(columns.max() + 1) / width, float(rows.max() + 1) / height), 0.99),)

    def read_row(self, pixels: NDArray[np.uint8], box: Box) -> str:
        return TEXT if (crop(pixels, box) > 200).all(axis=2).any() else ""

    def glance(self, pixels: NDArray[np.uint8]) -> float:
        return 1.0


class NotingReader(WhiteReader):
    """Notes the grey in the corner of each part of a picture, and of each picture in which it reads one row."""

    def __init__(self) -> None:
        self.parts: list[int] = []
        self.pictures: list[int] = []

    def read(self, pixels: NDArray[np.uint8]) -> tuple[TextLine, ...]:
        if pixels.shape[:2] != (HEIGHT, WIDTH):
            self.parts.append(int(pixels[0, 0, 0]))
        return super().read(pixels)

    def read_row(self, pixels: NDArray[np.uint8], box: Box) -> str:
        self.pictures.append(int(pixels[0, 0, 0]))
        return super().read_row(pixels, box)


def test_a_still_is_read_once_however_long_it_stands(tmp_path: Path) -> None:
    def draw_slide(seconds: float) -> NDArray[np.uint8]:
        """A slide a second, each of its own grey; on the third and the fourth is a line."""
        slide = np.full((HEIGHT, WIDTH, 3), 10 * round(seconds), np.uint8)
        if 2 <= seconds < 4:
            slide[200:220, 100:300] = 255
        return slide

    reader = NotingReader()
    video = GeneratedVideo(draw_slide, name="slides", content_hash="5" * 32, seconds=6.0, fps=1)
    index = open_index(video, open_encoder("hashing"), tmp_path / "cache")
    index.wait()
    text = ScreenText(video, Samples(index, 6.0), lambda: reader, tmp_path / "cache")  # type: ignore[arg-type, return-value]
    reading = text.read_window(0.0, 6.0, 48)
    (span,) = reading.spans
    assert text.refined(span, reading.looked_at).start_seconds == pytest.approx(2.0, abs=0.125)
    index.cancel()
    assert reader.parts
    assert len(set(reader.parts)) == len(reader.parts)
    assert len(set(reader.pictures)) == len(reader.pictures)
    assert set(reader.parts).isdisjoint({20, 30})  # the row alone shows that the line stands there


class WholePictureReader(WhiteReader):
    """Reads nothing in a part of a picture."""

    def read_row(self, pixels: NDArray[np.uint8], box: Box) -> str:
        return ""

    def read(self, pixels: NDArray[np.uint8]) -> tuple[TextLine, ...]:
        return super().read(pixels) if pixels.shape[:2] == (HEIGHT, WIDTH) else ()


def test_a_line_that_cant_be_read_in_its_part_of_the_picture_keeps_its_ends(tmp_path: Path) -> None:
    clip = write_captioned(tmp_path / "captioned.mp4", seconds=40.0, shown=(12.4, 15.7))
    with Video(clip) as video:
        index = open_index(video, open_encoder("hashing"), tmp_path / "cache")
        index.wait()
        text = ScreenText(video, Samples(index, video.info.duration_seconds), WholePictureReader, tmp_path / "cache")  # type: ignore[arg-type]
        reading = text.read_window(0.0, 40.0, 48)
        (coarse,) = reading.spans
        assert text.refined(coarse, reading.looked_at) == coarse
        index.cancel()


def test_a_part_of_a_frame_is_read_once_also_after_a_new_start(tmp_path: Path) -> None:
    part = (0.0, 0.5, 1.0, 1.0)
    with Video(write_captioned(tmp_path / "captioned.mp4", seconds=2.0, shown=(0.0, 2.0))) as video:
        index = open_index(video, open_encoder("hashing"), tmp_path / "cache")
        index.wait()
        first, again = (
            ScreenText(video, Samples(index, 2.0), reader, tmp_path / "cache")  # type: ignore[arg-type]
            for reader in (WhiteReader, no_reader)
        )
        frame = video.read_frame(1.0)
        found = first.read_frame(frame, part, 1.1)
        assert [finding.text for finding in found] == [TEXT]
        assert again.read_frame(frame, part, 1.1) == found
        index.cancel()


def test_a_caption_that_comes_again_between_sparse_readings_is_two_spans(tmp_path: Path) -> None:
    # the picture changes all the time; the caption stands from 6 to 10 s and again from 14 to 18 s
    clip = write_moving(tmp_path / "moving.mp4", seconds=24.0, shown=((6.0, 10.0), (14.0, 18.0)))
    with Video(clip) as video:
        index = open_index(video, open_encoder("hashing"), tmp_path / "cache")
        index.wait()
        text = ScreenText(video, Samples(index, video.info.duration_seconds), WhiteReader, tmp_path / "cache")  # type: ignore[arg-type]
        reading = text.read_window(0.0, 24.0, 4)
        assert [round(t) for t in reading.looked_at] == [0, 8, 16, 23]
        first, second = reading.spans
        assert (first.start_seconds, second.start_seconds) == (pytest.approx(8, abs=0.6), pytest.approx(16, abs=0.6))
        assert first.stop_seconds == pytest.approx(10.5, abs=0.8)  # the first picture without it that was looked at
        assert second.stop_seconds == pytest.approx(18.5, abs=0.8)
        assert reading.covered is not None
        assert sum(stop - start for start, stop in reading.covered) < 4
        index.cancel()


class PatternReader(WhiteReader):
    """Takes every frame to hold something that may be text, though hardly a row of letters."""

    def __init__(self) -> None:
        self.read_frames = 0

    def read(self, pixels: NDArray[np.uint8]) -> tuple[TextLine, ...]:
        self.read_frames += 1
        return super().read(pixels)

    def glance(self, pixels: NDArray[np.uint8]) -> float:
        return 0.4


@pytest.mark.parametrize(("shown", "is_all_read"), [((), False), (((6.0, 18.0),), True)])
def test_what_is_read_in_vain_again_and_again_is_left_out_and_told(
    tmp_path: Path, shown: tuple[tuple[float, float], ...], is_all_read: bool
) -> None:
    clip = write_moving(tmp_path / "moving.mp4", seconds=24.0, shown=shown)
    reader = PatternReader()
    with Video(clip) as video, open_index(video, open_encoder("hashing"), tmp_path / "cache") as index:
        index.wait()
        text = ScreenText(video, Samples(index, video.info.duration_seconds), lambda: reader, tmp_path / "cache")  # type: ignore[arg-type, return-value]
        reading = text.read_window(0.0, 24.0)
        assert reader.read_frames == len(reading.looked_at)
        assert (reading.covered is None) == is_all_read
        assert (reader.read_frames > 12) == is_all_read
        read_frames = reader.read_frames
        assert text.read_window(0.0, 24.0) == reading
        assert reader.read_frames == read_frames


def test_of_several_showings_of_the_best_text_the_first_is_named() -> None:
    ranked = [TextSpan(text, start, start + 4, FULL_FRAME, 0.9, 1) for text, start in (("a", 65), ("b", 5), ("a", 10))]
    assert [(s.text, s.start_seconds) for s in sort_by_showing(ranked)] == [("a", 10), ("b", 5), ("a", 65)]


def test_a_reading_holds_until_the_picture_changes() -> None:
    # it changes each second and then stays from 4 s on; read at 0, 2 and 4 s
    assert find_covered([(0.0, 1.0), (2.0, 3.0), (4.0, 60.0)], 0.0, 60.0) is None
    # nobody read it between 1 and 10 s
    assert find_covered([(0.0, 1.0), (10.0, 11.0)], 0.0, 20.0) == ((0.0, 1.0), (10.0, 11.0))
    assert find_covered([(0.0, 5.0)], 2.0, 9.0) == ((2.0, 5.0),)


@needs_ocr
def test_what_was_read_before_changes_no_result(tmp_path: Path) -> None:
    clip = write_captioned(tmp_path / "long.mp4", seconds=40.0, shown=(12.4, 15.7))
    with Video(clip) as video:
        index = open_index(video, open_encoder("hashing"), tmp_path / "cache")
        index.wait()
        fresh, used = (
            ScreenText(video, Samples(index, video.info.duration_seconds), TextReader, tmp_path / name)
            for name in ("fresh", "used")
        )
        for second in range(11, 14):  # before the line, as it comes, and while it stands
            used.read_frame(video.read_frame(second + 0.5), FULL_FRAME, second + 0.6)
            used.read_window(second, second + 1.0, 2)
        readings = [text.read_window(0.0, 40.0, 4) for text in (fresh, used)]
        assert readings[0] == readings[1]
        assert fresh.refined(readings[0].spans[0], readings[0].looked_at) == used.refined(
            readings[1].spans[0], readings[1].looked_at
        )
        index.cancel()
