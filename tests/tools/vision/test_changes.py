from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.drawn_clips import draw_clip
from tools.video.video import Frame, Video
from tools.vision.changes import find_changes, find_changes_in, name_place


def _background() -> np.ndarray:
    rows, columns = np.mgrid[0:180, 0:320]
    return np.stack([90 + rows // 4, 110 + columns // 8, 100 + (rows + columns) // 10], axis=-1).astype(np.uint8)


def _frames(draw: Callable[[float], np.ndarray], seconds: float, fps: int = 12) -> Iterator[Frame]:
    return (Frame(draw(i / fps), i / fps) for i in range(round(seconds * fps)))


def _banner(seconds: float) -> np.ndarray:
    """A banner that rises from the bottom between seconds 3 and 4 and stays."""
    pixels = _background()
    rise = round(40 * min(1.0, max(0.0, seconds - 3.0)))
    if rise:
        pixels[180 - rise :, 40:280] = (20, 40, 150)
    return pixels


def _visitor(seconds: float) -> np.ndarray:
    """A figure that comes in at the right edge at second 5 and walks to the left."""
    pixels = _background()
    if seconds >= 5.0:
        x = round(330 - 40 * (seconds - 5.0))
        cv2.rectangle(pixels, (x - 12, 70), (x + 12, 130), (160, 30, 30), -1)
    return pixels


def test_a_banner_that_slides_in_is_found_with_time_and_place(tmp_path: Path) -> None:
    with Video(draw_clip(tmp_path / "a.mp4", _banner, 8.0, fps=25)) as video:
        (change,) = find_changes(video, 0.0, 8.0, 3).changes
    assert change.start_seconds == pytest.approx(3.05, abs=0.15)
    assert 3.9 <= change.stop_seconds <= 4.8
    assert change.place.startswith("bottom")
    assert change.box[1] > 0.6


def test_an_entrance_is_found_at_the_edge_with_its_direction(tmp_path: Path) -> None:
    with Video(draw_clip(tmp_path / "a.mp4", _visitor, 9.0, fps=25)) as video:
        first = min(find_changes(video, 0.0, 9.0, 3).changes, key=lambda change: change.start_seconds)
    assert first.start_seconds == pytest.approx(5.0, abs=0.2)
    assert first.place == "right, moving left"
    assert first.box[2] > 0.9


def test_the_strongest_of_many_is_the_one_that_is_new_and_large() -> None:
    def draw(seconds: float) -> np.ndarray:
        pixels = _banner(seconds)
        cv2.circle(pixels, (40, 40), 6, (250, 250, 250) if seconds >= 6.0 else (120, 120, 120), -1)
        return pixels

    changes = find_changes_in(_frames(draw, 9.0), 5)
    assert changes[0].start_seconds == pytest.approx(3.1, abs=0.25)
    assert any(change.start_seconds == pytest.approx(6.0, abs=0.1) and change.place == "top left" for change in changes)


def test_what_always_moves_does_not_hide_what_is_new() -> None:
    rng = np.random.default_rng(0)

    def draw(seconds: float) -> np.ndarray:
        pixels = _background()
        pixels[100:, :160] = rng.integers(60, 200, (80, 160, 3))  # leaves in the wind
        if seconds >= 4.0:
            cv2.circle(pixels, (280, 30), 14, (250, 160, 30), -1)
        return pixels

    changes = find_changes_in(_frames(draw, 8.0), 1)
    assert changes[0].start_seconds == pytest.approx(4.0, abs=0.1)
    assert changes[0].place == "top right"


def test_noise_jitter_and_a_change_of_light_are_no_changes() -> None:
    rng = np.random.default_rng(0)

    def draw(seconds: float) -> np.ndarray:
        shaken = np.roll(_background(), tuple(rng.integers(-2, 3, 2)), axis=(0, 1)).astype(float)
        shaken += 25 * (seconds > 3) + rng.normal(0, 8, shaken.shape)
        return np.clip(shaken, 0, 255).astype(np.uint8)[8:-8, 8:-8]

    assert find_changes_in(_frames(draw, 6.0), 5) == []


def test_a_cut_is_no_change() -> None:
    def draw(seconds: float) -> np.ndarray:
        return _background() if seconds < 3 else 255 - _background()

    assert find_changes_in(_frames(draw, 6.0), 5) == []


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_frames_have_no_changes(count: int) -> None:
    assert find_changes_in(_frames(_banner, count / 12), 5) == []


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0.0, 0.0, 0.2, 0.2), "top left"),
        ((0.7, 0.0, 1.0, 0.3), "top right"),
        ((0.4, 0.4, 0.6, 0.6), "centre"),
        ((0.3, 0.8, 0.7, 1.0), "bottom"),
        ((0.0, 0.4, 0.1, 0.6), "left"),
        ((0.0, 0.0, 1.0, 0.9), "everywhere"),
    ],
)
def test_places_have_words(box: tuple[float, float, float, float], place: str) -> None:
    assert name_place(box) == place
