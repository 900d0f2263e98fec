import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.observation import to_outer_box
from tools.sampling import (
    TILES,
    choose_fps,
    crop,
    fit_within,
    format_seconds,
    make_sample_times,
    pick_apart,
    snap_to_samples,
    spread_times,
    thin_times,
    to_pixel_box,
)

durations = st.floats(0.01, 20_000)
fractions = st.floats(0, 1)
boxes = st.tuples(fractions, fractions, fractions, fractions).filter(lambda b: b[0] < b[2] and b[1] < b[3])


def test_a_film_is_sampled_once_a_second_and_a_short_clip_denser() -> None:
    assert [choose_fps(seconds) for seconds in (3600, 32, 16, 8, 1)] == [1, 1, 2, 4, 4]


@given(durations)
def test_sample_times_are_even_and_inside_the_video(duration: float) -> None:
    fps = choose_fps(duration)
    times = make_sample_times(duration, fps)
    assert times[0] == 0
    assert len(times) == 1 or times[-1] < duration
    assert duration - times[-1] <= 1 / fps + 1e-5
    assert np.allclose(np.diff(times), 1 / fps)


@given(durations, durations, st.integers(1, 200))
def test_spread_times_are_ascending_even_and_inside(start: float, length: float, count: int) -> None:
    times = spread_times(start, start + length, count)
    assert len(times) == count
    assert start <= times[0] <= times[-1] <= start + length
    assert np.allclose(np.diff(times), length / count, rtol=1e-3, atol=1e-6)


def test_spread_times_of_an_empty_window_are_refused() -> None:
    with pytest.raises(ValueError, match=r"need start < stop, got \[5, 5\)"):
        spread_times(5, 5, 3)


@given(st.floats(0, 5000), st.integers(1, 32), st.floats(0.5, 40), st.sampled_from([1.0, 2.0, 32 / 13]))
def test_each_part_of_a_window_has_its_own_sample_nearest_to_its_middle(
    start: float, count: int, part: float, fps: float
) -> None:
    times = spread_times(start, start + count * part, count)
    snapped = snap_to_samples(times, part, fps)
    if part * fps < 1 - 1e-6 or math.ceil(part * fps - 1e-6) > 1.25 * part * fps:
        assert snapped == times, "closer than samples are, or with gaps much longer"
        return
    assert len(set(snapped)) == count
    assert all(later - earlier <= 1.25 * part + 1e-4 for earlier, later in itertools.pairwise(snapped))
    for middle, sample in zip(times, snapped, strict=True):
        assert abs(sample - middle) <= 0.5 / fps + 1e-5
        assert sample * fps == pytest.approx(round(sample * fps))
        assert middle - part / 2 - 1e-5 <= sample < middle + part / 2


def test_of_two_samples_as_far_away_the_earlier_is_taken() -> None:
    assert snap_to_samples(spread_times(10.0, 13.0, 3), 1.0, 1.0) == (10.0, 11.0, 12.0)
    assert snap_to_samples((1.75, 2.75), 1.0, 1.0, first_seconds=0.25) == (1.25, 2.25), "of a video that begins later"


@given(st.lists(st.floats(0, 1000)).map(sorted), st.floats(0, 100))
def test_thinned_times_keep_the_first_and_the_distance(times: list[float], apart: float) -> None:
    kept = thin_times(times, apart)
    assert kept[:1] == tuple(times[:1])
    assert all(later - earlier >= apart for earlier, later in itertools.pairwise(kept))
    assert all(any(0 <= time - k < apart or time == k for k in kept) for time in times)


def test_the_tiles_are_the_frame_and_its_ninths() -> None:
    assert len(TILES) == 10
    pixels = np.zeros((360, 640, 3), np.uint8)
    areas = [crop(pixels, tile).shape[:2] for tile in TILES]
    assert areas[0] == (360, 640)
    assert all(height == 120 and width in (214, 215) for height, width in areas[1:])


@given(boxes, st.integers(1, 4000), st.integers(1, 4000))
def test_a_pixel_box_is_never_empty_and_never_outside(
    box: tuple[float, float, float, float], width: int, height: int
) -> None:
    left, top, right, bottom = to_pixel_box(box, width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


def test_a_box_outside_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="need 0 <= left < right <= 1"):
        to_pixel_box((0.5, 0, 1.5, 1), 100, 100)


def test_a_box_in_a_crop_is_found_in_the_whole_picture() -> None:
    assert to_outer_box((0.5, 0, 1, 0.5), (0.5, 0.5, 1, 1)) == (0.75, 0.5, 1.0, 0.75)


def test_pictures_are_scaled_down_to_fit_and_never_up() -> None:
    assert fit_within(1920, 1080, 640, 360) == (640, 360)
    assert fit_within(1080, 1920, 640, 360) == (202, 360)
    assert fit_within(320, 240, 640, 360) == (320, 240)
    assert fit_within(10_000, 1, 640, 360) == (640, 1)


def test_picks_are_the_best_that_are_apart() -> None:
    seconds = [0, 1, 2, 10, 11]
    assert pick_apart([1, 0, 2, 4, 3], seconds, count=3, apart_seconds=2) == [1, 4]
    assert pick_apart([1, 0, 2, 4, 3], seconds, count=2, apart_seconds=0) == [1, 0]


@pytest.mark.parametrize("fps", [10.0, 23.976, 25.0, 29.97, 50.0, 59.94])
def test_a_time_that_is_read_and_asked_for_again_names_the_same_frame(fps: float) -> None:
    for number in range(2000):
        asked = float(format_seconds(number / fps))
        # floor with the reader's own tolerance for equal times
        assert int(asked * fps + 1e-6 * fps) == number


def test_no_length_makes_more_times_than_a_week_has() -> None:
    assert len(make_sample_times(7 * 24 * 3600.0, 1.0)) == 604_800
    for absurd in (1e9, 9e15, math.inf, math.nan):
        with pytest.raises(ValueError, match="too many times"):
            make_sample_times(absurd, 1.0)
