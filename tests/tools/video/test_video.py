"""What `Video` promises to those who use it: times, windows, sizes, threads, names, and no leaks."""

import gc
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from tests import clips
from tools.video.video import Video, VideoError


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clips.write_clip(tmp_path_factory.mktemp("video") / "clip.mp4", frames=120, keyframe_every=30)


def test_info_says_what_the_file_holds(tmp_path: Path) -> None:
    with Video(clips.write_clip(tmp_path / "clip.mkv", frames=90, with_sound=True)) as video:
        info = video.info
        assert (info.width, info.height, info.frame_count, info.codec) == (160, 96, 90, "h264")
        assert info.duration_seconds == pytest.approx(3.0, abs=0.002)
        assert info.average_fps == pytest.approx(30, abs=0.05)
        assert info.has_audio
        assert info.subtitle_streams == 0


def test_a_cover_picture_is_not_the_video(tmp_path: Path) -> None:
    with Video(clips.write_with_cover(tmp_path / "cover.mp4", frames=30)) as video:
        assert [clips.counter(f.pixels) for f in video.read(video.timestamps.tolist())] == list(range(30))


def test_metadata_that_is_not_utf8_does_no_harm(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "latin.avi", codec="mpeg4", codec_options={"b": "4M"}, title="Caf#")
    path.write_bytes(path.read_bytes().replace(b"Caf#", b"Caf\xe9"))
    with Video(path) as video:
        assert clips.counter(video.read_frame(1.0).pixels) == 30


def test_read_gives_each_frame_once_in_time_order_whatever_the_order_of_the_times(clip: Path) -> None:
    with Video(clip) as video:
        frames = list(video.read([3.01, 0.0, 1.5, 1.501, 3.0]))
        assert [clips.counter(f.pixels) for f in frames] == [0, 45, 90]


def test_read_of_no_times_gives_no_frames(clip: Path) -> None:
    with Video(clip) as video:
        assert list(video.read([])) == []


@pytest.mark.parametrize("seconds", [-0.1, 4.0, 100.0, float("nan")])
def test_a_time_outside_the_video_is_refused(clip: Path, seconds: float) -> None:
    with Video(clip) as video:
        with pytest.raises(VideoError, match="need 0 <= seconds < 4"):
            video.read_frame(seconds)
        with pytest.raises(VideoError, match="need 0 <= seconds < 4"):
            video.read([1.0, seconds])


def test_a_window_is_every_frame_on_screen_in_it(clip: Path) -> None:
    with Video(clip) as video:
        # 1.01 lies inside frame 30, which is on screen until 1.033; frame 33 begins at 1.1, where the window ends.
        assert [clips.counter(f.pixels) for f in video.window(1.01, 1.1)] == [30, 31, 32]


def test_a_window_beyond_the_end_stops_at_the_end(clip: Path) -> None:
    with Video(clip) as video:
        assert [clips.counter(f.pixels) for f in video.window(3.9, 99)] == [117, 118, 119]


def test_a_window_with_a_rate_is_spread_evenly(clip: Path) -> None:
    with Video(clip) as video:
        assert [clips.counter(f.pixels) for f in video.window(1, 3, max_fps=2)] == [30, 45, 60, 75]


@pytest.mark.parametrize(("start", "stop"), [(2, 1), (1, 1), (-1, 2), (4, 5), (float("nan"), 1)])
def test_an_impossible_window_is_refused(clip: Path, start: float, stop: float) -> None:
    with Video(clip) as video, pytest.raises(VideoError, match="need"):
        video.window(start, stop)


def test_max_height_bounds_the_height_as_displayed_and_never_enlarges(clip: Path, tmp_path: Path) -> None:
    with Video(clip) as video:
        assert video.read_frame(1.0, max_height=48).pixels.shape == (48, 80, 3)
        assert video.read_frame(1.0, max_height=500).pixels.shape == (96, 160, 3)
    with Video(clips.turn(clips.write_clip(tmp_path / "turned.mp4", frames=3), 90)) as video:
        assert video.read_frame(0.0, max_height=80).pixels.shape == (80, 48, 3)


def test_keyframe_seconds_are_the_frames_that_decode_alone(clip: Path) -> None:
    with Video(clip) as video:
        assert video.keyframe_seconds.tolist() == [0.0, 1.0, 2.0, 3.0]


def test_the_content_hash_names_the_content_and_not_the_place(clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(clip.read_bytes())
    other = clips.write_clip(tmp_path / "other.mp4", frames=119)
    with Video(clip) as one, Video(copy) as two, Video(other) as three:
        assert one.content_hash == two.content_hash != three.content_hash
        assert len(one.content_hash) == 32
        assert set(one.content_hash) <= set("0123456789abcdef")


def test_many_threads_may_read_one_video(clip: Path) -> None:
    def look(number: int) -> list[int | None]:
        frames = video.read([(number * 7 % 120) / 30, (number * 31 % 120) / 30], max_height=48 + number)
        return sorted(clips.counter(f.pixels) or 0 for f in frames)

    with Video(clip) as video, ThreadPoolExecutor(6) as pool:
        numbers = list(pool.map(look, range(40)))
    assert numbers == [sorted({n * 7 % 120, n * 31 % 120}) for n in range(40)]


def test_a_read_that_is_given_up_leaves_no_thread_and_no_open_file(clip: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Video(clip) as video:
            before = threading.active_count()
            frames = video.read(video.timestamps.tolist())
            next(frames)
            frames.close()  # type: ignore[attr-defined]
            assert threading.active_count() == before
            assert clips.counter(video.read_frame(2.0).pixels) == 60
        gc.collect()


def test_a_closed_video_says_so(clip: Path) -> None:
    video = Video(clip)
    video.close()
    with pytest.raises(ValueError, match="was closed"):
        video.read_frame(1.0)


def test_what_waits_for_a_slow_reader_does_not_grow_with_the_video(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "long.mp4", frames=360, keyframe_every=180, size=(640, 360))
    with Video(path) as video:
        tracemalloc.start()
        for count, frame in enumerate(video.read(video.timestamps.tolist())):
            assert clips.counter(frame.pixels) == count
            if count % 100 == 0:
                time.sleep(0.05)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 100 * 2**20  # all 360 would take 237 MiB


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is begun with it ignored
from tools.video.video import Video
with Video(sys.argv[1]) as video:
    print("ready", flush=True)
    while True:
        for frame in video.read(video.timestamps.tolist()):
            pass
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_ends_a_read_at_once(clip: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(clip)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert run.stdout is not None
    run.stdout.readline()
    time.sleep(0.3)
    run.send_signal(signal.SIGINT)
    try:
        _, errors = run.communicate(timeout=20)
    finally:
        run.kill()
    assert run.returncode != 0
    assert b"KeyboardInterrupt" in errors


def test_times_are_exact_over_a_long_video(clip: Path) -> None:
    with Video(clip) as video:
        np.testing.assert_allclose(video.timestamps, np.arange(120) / 30, atol=1e-9)
