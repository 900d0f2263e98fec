from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.drawn_clips import draw_clip, page
from tools.speech.audio import SAMPLE_RATE, TrackReader, find_quietest, read_blocks
from tools.video.generated import GeneratedVideo
from tools.video.video import Video


def _tone(seconds: float, start: float, stop: float) -> NDArray[np.float32]:
    """Silence with 440 Hz in [start, stop)."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return np.where((at >= start) & (at < stop), 0.5 * np.sin(2 * np.pi * 440 * at), 0).astype(np.float32)


def _loud_span(start_seconds: float, sound: NDArray[np.float32]) -> tuple[float, float]:
    loud = np.flatnonzero(np.abs(sound) > 0.2)
    return start_seconds + loud[0] / SAMPLE_RATE, start_seconds + loud[-1] / SAMPLE_RATE


def _clip(path: Path, sound: NDArray[np.float32] | None, **where: float) -> Path:
    return draw_clip(path, lambda _: page(size=(64, 64)), seconds=3, fps=10, sound=sound, **where)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_sound_comes_at_its_time(tmp_path: Path, name: str) -> None:
    with Video(_clip(tmp_path / name, _tone(3, 1, 2))) as video:
        blocks = list(read_blocks(video))
    assert len(blocks) == 1
    assert _loud_span(*blocks[0]) == pytest.approx((1.0, 2.0), abs=0.03)
    assert blocks[0][1].dtype == np.float32


def test_second_zero_of_sound_is_the_first_frame_shown(tmp_path: Path) -> None:
    with Video(_clip(tmp_path / "a.mkv", _tone(3, 1, 2), picture_start_seconds=0.5)) as video:
        (block,) = read_blocks(video)
    assert block[0] == pytest.approx(-0.5, abs=0.01)
    assert _loud_span(*block) == pytest.approx((0.5, 1.5), abs=0.03)


def test_sound_that_begins_late_is_late(tmp_path: Path) -> None:
    with Video(_clip(tmp_path / "a.mkv", _tone(1, 0, 1), sound_start_seconds=1.5)) as video:
        (block,) = read_blocks(video)
    assert block[0] == pytest.approx(1.5, abs=0.03)


def test_a_video_without_sound_has_no_blocks(tmp_path: Path) -> None:
    with Video(_clip(tmp_path / "a.mkv", None)) as video:
        assert list(read_blocks(video)) == []


def test_long_sound_comes_in_blocks_that_lose_nothing_and_end_where_it_is_quiet(tmp_path: Path) -> None:
    sound = _tone(12, 0, 12)
    sound[round(4.4 * SAMPLE_RATE) : round(4.7 * SAMPLE_RATE)] = 0
    with Video(_clip(tmp_path / "a.mkv", sound)) as video:
        blocks = list(read_blocks(video, block_seconds=5.0))
    assert len(blocks) == 3
    first_end = blocks[0][0] + len(blocks[0][1]) / SAMPLE_RATE
    assert 4.4 < first_end < 4.7
    joined = np.concatenate([block for _, block in blocks])
    assert abs(len(joined) - len(sound)) < 200
    assert np.abs(joined[: len(sound) - 200] - sound[: len(joined)][: len(sound) - 200]).max() < 0.01
    for (start, block), (later, _) in pairwise(blocks):
        assert later == pytest.approx(start + len(block) / SAMPLE_RATE)


def test_the_quietest_place_is_found() -> None:
    sound = np.ones(SAMPLE_RATE * 2, np.float32)
    sound[20_000:25_000] = 0
    assert 20_000 < find_quietest(sound) < 25_000


def test_encrypted_sound_is_not_heard_as_noise(tmp_path: Path) -> None:
    path = tmp_path / "locked.mp4"
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "1" * 32, "encryption_kid": "0" * 32}
    with av.open(str(path), "w", container_options=keys) as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        for number in range(100):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), format="flt", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * number, Fraction(1, 48_000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    pictures = GeneratedVideo(lambda _: page(size=(64, 64)), name=str(path), content_hash="", seconds=2, fps=1)
    sound = TrackReader(pictures)
    assert list(sound.blocks()) == []
    assert sound.damaged_seconds == pytest.approx(2.0, abs=0.05)
