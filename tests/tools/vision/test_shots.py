from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tests import bombs
from tests.drawn_clips import draw_clip
from tools.video.video import Frame, Video
from tools.vision.shots import compute_coarse_change, find_cuts, find_shots

SCENES = {"sea": (40, 90, 170), "field": (90, 150, 60), "wall": (190, 180, 170), "night": (15, 15, 30)}


def _scene(name: str, seconds: float) -> np.ndarray:
    """A plain scene with grain and a ball that moves, so that frames within a shot differ."""
    rows, columns = np.mgrid[0:180, 0:320]
    grain = ((rows * 7 + columns * 13) % 23 - 11)[..., None]
    pixels = np.clip(np.array(SCENES[name]) + grain, 0, 255).astype(np.uint8)
    cv2.circle(pixels, (round(60 + 80 * (seconds % 2)), 120), 25, (230, 220, 60), -1)
    return pixels


def _frames(draw: Callable[[float], np.ndarray], seconds: float, fps: int = 25) -> Iterator[Frame]:
    return (Frame(draw(i / fps), i / fps) for i in range(round(seconds * fps)))


def _sampled(video: Video) -> tuple[np.ndarray, np.ndarray]:
    """What the index keeps: the seconds and thumbnails of one frame a second."""
    frames = list(video.read(np.arange(0, video.info.duration_seconds, 1.0).tolist()))
    thumbs = np.stack([cv2.resize(frame.pixels, (32, 18), interpolation=cv2.INTER_AREA) for frame in frames])
    return np.array([frame.seconds for frame in frames]), thumbs


def test_cuts_are_exact_to_the_frame(tmp_path: Path) -> None:
    def draw(seconds: float) -> np.ndarray:
        return _scene("sea" if seconds < 2.34 else "field" if seconds < 5.02 else "wall", seconds)

    with Video(draw_clip(tmp_path / "a.mp4", draw, 8.0, fps=25)) as video:
        shots = find_shots(video, *_sampled(video), 0.0, 8.0).shots
    # At 25 frames a second the first frames of the new scenes are shown at 2.36 and 5.04.
    assert [shot.start_seconds for shot in shots] == pytest.approx([0.0, 2.36, 5.04], abs=0.001)
    assert [shot.stop_seconds for shot in shots] == pytest.approx([2.36, 5.04, 8.0], abs=0.001)
    assert [shot.begins_with for shot in shots] == ["window", "cut", "cut"]
    assert shots[0].score is None
    assert all(shot.score is not None and shot.score > 0.5 for shot in shots[1:])


def test_a_cut_after_the_last_sample_is_found(tmp_path: Path) -> None:
    def draw(seconds: float) -> np.ndarray:
        return _scene("sea" if seconds < 3.8 else "night", seconds)

    with Video(draw_clip(tmp_path / "a.mp4", draw, 4.0, fps=25)) as video:
        shots = find_shots(video, *_sampled(video), 0.0, 4.0).shots
    assert [shot.start_seconds for shot in shots] == pytest.approx([0.0, 3.8], abs=0.001)


def test_a_window_bounds_its_shots(tmp_path: Path) -> None:
    def draw(seconds: float) -> np.ndarray:
        return _scene(("sea", "field", "wall", "night")[int(seconds // 2)], seconds)

    with Video(draw_clip(tmp_path / "a.mp4", draw, 8.0, fps=25)) as video:
        shots = find_shots(video, *_sampled(video), 2.5, 5.5).shots
    assert [(shot.start_seconds, shot.stop_seconds) for shot in shots] == [
        (2.5, pytest.approx(4.0)),
        (pytest.approx(4.0), 5.5),
    ]


def test_one_scene_is_one_shot(tmp_path: Path) -> None:
    with Video(draw_clip(tmp_path / "a.mp4", lambda t: _scene("sea", t), 4.0, fps=25)) as video:
        (shot,) = find_shots(video, *_sampled(video), 0.0, 4.0).shots
    assert (shot.start_seconds, shot.stop_seconds) == (0.0, 4.0)


def test_a_fast_pan_is_no_cut() -> None:
    rng = np.random.default_rng(1)
    landscape = cv2.resize(
        rng.integers(0, 256, (9, 160, 3), dtype=np.uint8), (9600, 180), interpolation=cv2.INTER_LINEAR
    )
    assert find_cuts(_frames(lambda t: landscape[:, round(t * 1500) : round(t * 1500) + 320], 4.0)) == []


def test_a_flash_is_no_cut() -> None:
    def draw(seconds: float) -> np.ndarray:
        pixels = _scene("sea", seconds)
        return np.clip(pixels.astype(int) + (120 if 1.0 <= seconds < 1.08 else 0), 0, 255).astype(np.uint8)

    assert [cut for cut in find_cuts(_frames(draw, 2.0)) if not cut.is_fade] == []


def test_a_shaking_noisy_camera_makes_no_cuts() -> None:
    rng = np.random.default_rng(2)

    def draw(seconds: float) -> np.ndarray:
        shaken = np.roll(_scene("field", seconds), tuple(rng.integers(-6, 7, 2)), axis=(0, 1))
        return np.clip(shaken + rng.normal(0, 15, shaken.shape), 0, 255).astype(np.uint8)

    assert find_cuts(_frames(draw, 3.0)) == []


def test_a_slow_fade_is_one_boundary_in_its_middle() -> None:
    def draw(seconds: float) -> np.ndarray:
        share = np.clip((seconds - 1.5) / 1.0, 0, 1)
        return (_scene("wall", seconds) * (1 - share) + _scene("sea", seconds) * share).astype(np.uint8)

    (fade,) = find_cuts(_frames(draw, 4.0))
    assert fade.is_fade
    assert fade.seconds == pytest.approx(2.0, abs=0.4)


def test_thumbnails_that_only_move_change_less_than_other_scenes() -> None:
    def thumb(name: str, seconds: float) -> np.ndarray:
        return cv2.resize(_scene(name, seconds), (32, 18), interpolation=cv2.INTER_AREA)

    change = compute_coarse_change(np.stack([thumb("sea", 0.0), thumb("sea", 1.0), thumb("field", 1.0)]))
    assert change[0] < change[1] / 2


def test_no_frames_and_one_frame_have_no_cuts() -> None:
    assert find_cuts(iter(())) == []
    assert find_cuts(_frames(lambda t: _scene("sea", t), 0.04)) == []


def test_a_long_gap_is_looked_at_in_pieces_and_no_cut_is_lost_or_found_twice() -> None:
    """One sample only, so that the rest is a single gap; cuts at, just before and just after the edges of pieces."""
    cuts = (20.0, 30.0, 60.04, 75.0, 89.96)
    names = ("sea", "night", "field", "wall", "sea", "night")
    scenes = [_scene(name, 0.0)[::10, ::10] for name in names]
    held: list[float] = []

    class Footage:
        timestamps = np.arange(90 * 25) / 25

        def window(self, start: float, stop: float, max_height: int, max_fps: float) -> Iterator[Frame]:
            held.append(stop - start)
            for number in range(round(start * 25), min(round(stop * 25), 90 * 25)):
                yield Frame(scenes[sum(number / 25 >= cut for cut in cuts)], number / 25)

    shots = find_shots(Footage(), np.array([0.0]), np.zeros((1, 18, 32, 3), np.uint8), 0.0, 90.0).shots  # type: ignore[arg-type]
    found = [shot.start_seconds for shot in shots if shot.begins_with == "cut"]
    assert found == pytest.approx(list(cuts), abs=0.001)
    assert max(held) <= 32.0


def test_a_million_pictures_in_a_second_are_not_all_held(tmp_path: Path) -> None:
    path = tmp_path / "fast.mkv"
    path.write_bytes(bombs.many_pictures(30_000))
    with Video(path) as video:
        assert video.info.average_fps > 900_000
        frames = list(video.window(0.0, video.info.duration_seconds, max_height=72, max_fps=250.0))
        assert len(frames) <= 8
        (shot,) = find_shots(video, *_sampled(video), 0.0, video.info.duration_seconds).shots
    assert shot.begins_with == "window"


def test_hours_without_a_frame_are_not_looked_into(tmp_path: Path) -> None:
    path = tmp_path / "sparse.mkv"
    path.write_bytes(bombs.matroska([0, 40, 80, 20 * 3_600_000], bombs.png(64, 48), (64, 48)))
    looked: list[float] = []
    with Video(path) as video:
        window = video.window

        def watched(start: float, stop: float, **options: Any) -> Iterator[Frame]:
            looked.append(start)
            return window(start, stop, **options)

        video.window = watched  # type: ignore[method-assign]
        find_shots(video, np.array([0.0]), np.zeros((1, 18, 32, 3), np.uint8), 0.0, video.info.duration_seconds)
    assert len(looked) == 2
