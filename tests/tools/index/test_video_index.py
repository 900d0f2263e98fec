import gc
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import weakref
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import pytest

import tools.cache
from tests.poison import POISONS, poison, victim
from tools.cache import CacheError, keep
from tools.deadline import OutOfTime, run_in_time, set_deadline
from tools.encoders.hashing import HashingEncoder
from tools.index.video_index import IndexProgress, VideoIndex, open_index
from tools.video.video import Video

FPS = 5
COLOURS = {"grey": (128, 128, 128), "red": (220, 30, 30), "blue": (30, 60, 220), "green": (30, 180, 30)}


class CountingEncoder(HashingEncoder):
    """Takes its time over each picture and counts them."""

    def __init__(self, seconds_a_picture: float = 0.0) -> None:
        self.pictures = 0
        self._seconds = seconds_a_picture

    def encode_images(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        self.pictures += len(pixels)
        time.sleep(self._seconds * len(pixels))
        return super().encode_images(pixels)


class WaitingEncoder(HashingEncoder):
    """Embeds no picture before it may."""

    def __init__(self) -> None:
        self.gate, self.is_asked = threading.Event(), threading.Event()

    def encode_images(self, pixels: Sequence[np.ndarray]) -> np.ndarray:
        self.is_asked.set()
        assert self.gate.wait(60)
        return super().encode_images(pixels)


def _write(path: Path, seconds: Sequence[str], keyframe_every: int = 20) -> Path:
    """One colour a second; a grey second moves, so that no two of its samples look alike."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 160, 96, "yuv420p", keyframe_every
        for number in range(len(seconds) * FPS):
            colour = seconds[number // FPS]
            pixels = np.full((96, 160, 3), COLOURS[colour], np.uint8)
            if colour == "grey":
                pixels[(number * 7) % 60 :][:30] = 60 + (number * 37) % 120
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 seconds of grey, red in [60, 63) and blue in [100, 110)."""
    seconds = ["red" if 60 <= s < 63 else "blue" if 100 <= s < 110 else "grey" for s in range(150)]
    return _write(tmp_path_factory.mktemp("clip") / "clip.mp4", seconds)


@pytest.fixture
def video(clip: Path) -> Iterator[Video]:
    with Video(clip) as opened:
        yield opened


def _best(index: VideoIndex, query: str) -> float:
    return index.frames.search(HashingEncoder().encode_texts([query])[0], 1)[0].seconds


def _built(video: Video, cache: Path, encoder: HashingEncoder | None = None) -> VideoIndex:
    index = open_index(video, encoder or HashingEncoder(), cache)
    assert index.wait_tiled(60)
    return index


def test_what_is_shown_is_found_when_it_is_shown(video: Video, tmp_path: Path) -> None:
    index = _built(video, tmp_path)
    assert np.array_equal(index.seconds, np.arange(150.0))
    assert index.thumbs.shape == (150, 18, 32, 3)
    assert np.array_equal(index.store.seconds, index.seconds)
    assert index.frames.indexed_share == 1
    assert 60 <= _best(index, "red") < 63
    (blue,) = index.frames.search(HashingEncoder().encode_texts(["blue"])[0], 1)
    assert (blue.seconds, blue.stop_seconds) == (100, 110)


def test_thumbnails_and_stored_pictures_are_those_of_their_times(video: Video, tmp_path: Path) -> None:
    index = _built(video, tmp_path)
    for second, colour in ((61, "red"), (105, "blue")):
        assert np.abs(index.thumbs[second].mean((0, 1)) - COLOURS[colour]).max() < 12
        stored = index.store.frame(index.store.at(second))
        assert stored.seconds == second
        assert np.abs(stored.pixels.mean((0, 1)) - COLOURS[colour]).max() < 12


def test_a_short_clip_is_sampled_densely(tmp_path: Path) -> None:
    with Video(_write(tmp_path / "short.mp4", ["grey"] * 4)) as video:
        index = _built(video, tmp_path / "cache")
    assert len(index.seconds) == 16


def test_one_single_frame_is_an_index_too(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "one.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), (220, 30, 30), np.uint8))))
        container.mux(stream.encode(None))
    with Video(tmp_path / "one.mp4") as video:
        assert _best(_built(video, tmp_path / "cache"), "red") == 0


def test_a_still_picture_is_embedded_once_and_found_at_all_its_times(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    with Video(_write(tmp_path / "still.mp4", ["red"] * 40 + ["blue"] * 40)) as video:
        index = _built(video, tmp_path / "cache", encoder)
    assert index.frames.rows == 2
    assert encoder.pictures <= 2 * 10 + 20  # both pictures with tiles, and the keyframes of the quick pass
    query = HashingEncoder().encode_texts(["blue"])[0]
    assert index.frames.search(query, 1)[0].seconds == 40
    assert index.frames.search(query, 1, start_seconds=71.5)[0].seconds == 72


def test_a_small_change_is_not_taken_for_a_near_duplicate(tmp_path: Path) -> None:
    """A red spot of 1.5 % of the picture: the whole picture changes by less than compression noise may."""
    with av.open(str(tmp_path / "spot.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        for second in range(40):
            pixels = np.full((192, 320, 3), 128, np.uint8)
            if second == 33:
                pixels[100:132, 200:229] = COLOURS["red"]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    with Video(tmp_path / "spot.mp4") as video:
        index = _built(video, tmp_path / "cache")
        assert _best(index, "red") == 33


def test_the_second_opening_decodes_and_embeds_nothing(video: Video, tmp_path: Path) -> None:
    first = _built(video, tmp_path)
    encoder = CountingEncoder()
    again = open_index(video, encoder, tmp_path)
    assert again.wait_tiled(0)
    assert encoder.pictures == 0
    assert np.array_equal(again.seconds, first.seconds)
    assert np.array_equal(again.thumbs, first.thumbs)
    assert _best(again, "red") == _best(first, "red")


def test_progress_ends_at_the_total_and_estimates_what_is_left(video: Video, tmp_path: Path) -> None:
    seen: list[IndexProgress] = []
    with open_index(video, CountingEncoder(0.0005), tmp_path, seen.append) as index:
        assert index.wait_tiled(60)
        rows = index.frames.rows
    assert list(dict.fromkeys(progress.stage for progress in seen)) == ["keyframes", "frames", "tiles"]
    for stage, total in (("frames", 150), ("tiles", rows)):
        steps = [progress for progress in seen if progress.stage == stage]
        assert [progress.done for progress in steps] == sorted(progress.done for progress in steps)
        assert (steps[-1].done, steps[-1].total, steps[-1].eta_seconds) == (total, total, 0)
        assert all(progress.eta_seconds is not None and progress.eta_seconds < 60 for progress in steps)


def test_a_search_finds_something_while_indexing_still_runs(video: Video, tmp_path: Path) -> None:
    with open_index(video, CountingEncoder(0.004), tmp_path) as index:
        assert index.wait_searchable(20)
        while not index.frames.search(HashingEncoder().encode_texts(["blue"])[0], 1, 90):
            time.sleep(0.01)
        while index.frames.search(HashingEncoder().encode_texts(["blue"])[0], 1)[0].score < 0.9:
            time.sleep(0.01)
        assert 100 <= _best(index, "blue") < 110
        assert index.frames.indexed_share < 0.6
        while not len(index.store):
            time.sleep(0.01)
        assert len(index.store.jpeg(0)) > 100


@pytest.mark.clock
def test_cancel_stops_within_a_second_and_the_rest_is_done_next_time(video: Video, tmp_path: Path) -> None:
    index = open_index(video, CountingEncoder(0.004), tmp_path)
    while len(index.seconds) < 30:
        time.sleep(0.02)
    start = time.monotonic()
    index.cancel()
    assert time.monotonic() - start < 1
    done = len(index.seconds)
    assert not index.wait()
    encoder = CountingEncoder()
    resumed = _built(video, tmp_path, encoder)
    assert np.array_equal(resumed.seconds, np.arange(150.0))
    assert encoder.pictures <= 150 - done + 1 + resumed.frames.rows * 9 + 40
    assert 60 <= _best(resumed, "red") < 63


def test_a_closed_index_holds_neither_vectors_nor_files_and_says_so(video: Video, tmp_path: Path) -> None:
    with _built(video, tmp_path) as index:
        store = index.store
        assert store.jpeg(0)
    assert (len(index.seconds), len(index.thumbs), index.frames.tiled) == (0, 0, 0)
    for use in (lambda: store.jpeg(0), lambda: index.search(_query("red"), 1), index.wait, lambda: index.store):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_an_index_that_nobody_holds_any_more_goes(video: Video, tmp_path: Path) -> None:
    index = _built(video, tmp_path)
    assert index.store.jpeg(0)
    left = weakref.ref(index)
    del index
    until = time.monotonic() + 30
    while left() is not None and time.monotonic() < until:  # its thread has work to do after the last tile
        gc.collect()
        time.sleep(0.05)
    assert left() is None


# --- tiles


@pytest.fixture
def spots(tmp_path: Path) -> Iterator[Video]:
    """60 seconds of moving grey; a spot of 2 % of the picture is red at 20, blue at 33 and green at 47 s."""
    path, spot = tmp_path / "spots.mp4", {20: "red", 33: "blue", 47: "green"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=1, options={"preset": "ultrafast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 320, 192, "yuv420p", 20
        for second in range(60):
            pixels = np.full((192, 320, 3), 60 + 20 * (second % 7), np.uint8)
            if second in spot:
                pixels[100:136, 200:236] = COLOURS[spot[second]]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    with Video(path) as video:
        yield video


def _query(colour: str) -> np.ndarray:
    query: np.ndarray = HashingEncoder().encode_texts([colour])[0]
    return query


def test_a_search_embeds_the_tiles_of_what_looks_best_and_finds_what_all_tiles_find(
    spots: Video, tmp_path: Path
) -> None:
    encoder = CountingEncoder()
    with open_index(spots, encoder, tmp_path) as index, index.first():
        assert index.wait(60)
        before, pictures = index.frames.tiled, encoder.pictures
        found = {colour: index.search(_query(colour), 1)[0] for colour in ("red", "blue", "green")}
        assert before < index.frames.tiled < index.frames.rows
        assert 0 < encoder.pictures - pictures == (index.frames.tiled - before) * 9
        again = encoder.pictures
        assert index.search(_query("red"), 1)[0] == found["red"]
        assert encoder.pictures == again
    whole = _built(spots, tmp_path / "whole")
    assert found == {colour: whole.search(_query(colour), 1)[0] for colour in found}
    assert [found[colour].seconds for colour in ("red", "blue", "green")] == [20, 33, 47]


def test_what_a_search_had_embedded_is_kept_for_the_next_time(spots: Video, tmp_path: Path) -> None:
    with open_index(spots, CountingEncoder(), tmp_path) as index, index.first():
        assert index.wait(60)
        index.search(_query("red"), 1)
        index.cancel()
        tiled = index.frames.tiled
    encoder = CountingEncoder()
    with open_index(spots, encoder, tmp_path) as index:
        assert index.wait_tiled(60)
        assert encoder.pictures == (index.frames.rows - tiled) * 9


def test_tiles_that_nobody_waits_for_are_not_embedded_as_soon_as_a_video_is_opened(
    spots: Video, tmp_path: Path
) -> None:
    with open_index(spots, CountingEncoder(), tmp_path) as index, index.first():
        assert index.wait(60)
    encoder = CountingEncoder()
    with open_index(spots, encoder, tmp_path) as again:
        time.sleep(0.8)
        assert encoder.pictures == 0
        assert again.wait_tiled(60)
        assert encoder.pictures > 0


def test_tiles_wait_while_somebody_comes_first_and_a_search_has_a_deadline(spots: Video, tmp_path: Path) -> None:
    with open_index(spots, CountingEncoder(0.002), tmp_path) as index:
        with index.first():
            assert index.wait(60)
            assert not index.wait_tiled(0.5)
            tiled = index.frames.tiled
            time.sleep(0.3)
            assert index.frames.tiled == tiled
            index.search(_query("red"), 1, patience_seconds=0.0)
            with set_deadline(0.0):
                index.search(_query("red"), 1)
            assert index.frames.tiled == tiled
            assert index.frames.compute_tiled_share(0, 60) < 0.5
        assert index.wait_tiled(60)
        assert index.frames.compute_tiled_share(0, 60) == 1


def test_a_call_that_was_left_behind_at_its_deadline_has_no_precedence(spots: Video, tmp_path: Path) -> None:
    """Whoever waits for all tiles would wait for a tool that hangs for ever."""
    hangs = threading.Event()
    with open_index(spots, CountingEncoder(), tmp_path) as index:

        def call() -> None:
            with index.first():
                hangs.wait()

        try:
            with set_deadline(0.1):
                (left,) = run_in_time([call], grace_seconds=0.1)
            assert isinstance(left, OutOfTime)
            assert index.wait_tiled(60)
        finally:
            hangs.set()


# --- other processes

_PROCESS = """
    import sys, time
    from pathlib import Path
    from tools.encoders.hashing import HashingEncoder
    from tools.index.video_index import open_index
    from tools.video.video import Video

    class Slow(HashingEncoder):
        pictures = 0
        def encode_images(self, pixels):
            self.pictures += len(pixels)
            time.sleep(len(pixels) * float(sys.argv[3]))
            if self.pictures > int(sys.argv[4]):
                time.sleep(120)  # until it is killed
            return super().encode_images(pixels)

    encoder = Slow()
    with Video(sys.argv[1]) as video, open_index(video, encoder, Path(sys.argv[2])) as index:
        index.wait_searchable()
        print("open", flush=True)
        assert index.wait_tiled(120)
        red = index.frames.search(encoder.encode_texts(["red"])[0], 1)[0].seconds
        print(encoder.pictures, len(index.seconds), red, flush=True)
"""


Process = subprocess.Popen[str]


class Start(Protocol):
    """Starts a process."""

    def __call__(self, cache: Path, seconds_a_picture: float, stops_after: int = 10**9) -> Process: ...


@pytest.fixture
def start(clip: Path) -> Iterator[Start]:
    """Starts another process that indexes the clip in a cache, slowly; gives it back once it is searchable."""
    with ExitStack() as stack:

        def start_one(cache: Path, seconds_a_picture: float, stops_after: int = 10**9) -> Process:
            arguments = [str(clip), str(cache), str(seconds_a_picture), str(stops_after)]
            process = subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(_PROCESS), *arguments],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
            return process

        yield start_one


def _manifests(cache: Path) -> list[Path]:
    return list(cache.glob("*/index-*/manifest.json"))


def _kill_after_first_checkpoint(process: Process, cache: Path) -> None:
    while not _manifests(cache):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_after_kill_9_the_next_start_goes_on_and_ends_the_same(start: Start, video: Video, tmp_path: Path) -> None:
    _kill_after_first_checkpoint(start(tmp_path / "killed", 0.002), tmp_path / "killed")
    encoder, seen = CountingEncoder(), list[IndexProgress]()
    with open_index(video, encoder, tmp_path / "killed", seen.append) as resumed:
        assert resumed.wait_tiled(60)
        whole = _built(video, tmp_path / "whole")
        assert np.array_equal(resumed.seconds, whole.seconds)
        # What was stored after the last checkpoint is read back from its JPEG.
        assert np.abs(resumed.thumbs.astype(int) - whole.thumbs).max() <= 6
        assert np.array_equal(resumed.store.seconds, whole.store.seconds)
        assert _best(resumed, "red") == _best(whole, "red")
        assert encoder.pictures < 100 + resumed.frames.rows * 9
    assert next(progress.done for progress in seen if progress.stage == "frames") > 64


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_after_kill_9_among_the_tiles_the_frames_are_whole_at_once_and_only_tiles_are_made(
    start: Start, video: Video, tmp_path: Path
) -> None:
    process = start(tmp_path, 0.001)
    while not any(json.loads(path.read_bytes())["kept"]["tiled"] for path in _manifests(tmp_path)):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    encoder, seen = CountingEncoder(), list[IndexProgress]()
    with open_index(video, encoder, tmp_path, seen.append) as resumed:
        assert resumed.wait(0)
        assert resumed.wait_tiled(60)
        assert [len(resumed.seconds), resumed.frames.tiled] == [150, resumed.frames.rows]
        assert 60 <= _best(resumed, "red") < 63
        assert 0 < encoder.pictures <= (resumed.frames.rows - 64) * 9
    assert {progress.stage for progress in seen} == {"frames", "tiles"}


def test_two_processes_share_the_work_of_one(start: Start, tmp_path: Path) -> None:
    processes = [start(tmp_path, 0.0005) for _ in range(2)]
    # Not communicate(): it would miss what readline() has already taken from the pipe.
    results = [process.stdout.read().split() for process in processes if process.stdout]
    assert [process.wait(120) for process in processes] == [0, 0]
    pictures = sorted(int(result[0]) for result in results)
    assert pictures[0] == 0
    assert pictures[1] > 0
    assert [(result[1], 60 <= float(result[2]) < 63) for result in results] == [("150", True)] * 2


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_follower_sees_the_progress_and_takes_over_when_the_writer_dies(
    start: Start, video: Video, tmp_path: Path
) -> None:
    writer = start(tmp_path, 0.003, stops_after=110)  # so that the frames are never whole before the follower looks
    encoder, seen = CountingEncoder(), list[IndexProgress]()
    with open_index(video, encoder, tmp_path, seen.append) as follower:
        while not len(follower.seconds):
            time.sleep(0.02)
        assert writer.poll() is None
        assert encoder.pictures == 0
        _kill_after_first_checkpoint(writer, tmp_path)
        assert follower.wait_tiled(60)
        assert np.array_equal(follower.seconds, np.arange(150.0))
        assert 60 <= _best(follower, "red") < 63
        assert 0 < encoder.pictures < 100 + follower.frames.rows * 9
    assert seen[0].stage == "another process"


@pytest.mark.skipif(os.name == "nt", reason="needs SIGSTOP")
def test_a_writer_that_was_stopped_is_waited_for_a_while_and_then_named(
    start: Start, video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.cache, "WRITER_PATIENCE_SECONDS", 1.0)
    writer = start(tmp_path, 0.003, stops_after=110)
    writer.send_signal(signal.SIGSTOP)
    with (
        open_index(video, HashingEncoder(), tmp_path) as follower,
        pytest.raises(CacheError, match="no sign of life for 1 s: let it go on or end it"),
    ):
        follower.wait_tiled(60)


def test_a_writer_that_is_only_slow_is_waited_for(
    video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools.cache, "WRITER_PATIENCE_SECONDS", 2.0)
    monkeypatch.setattr(tools.cache, "_SIGN_SECONDS", 0.1)
    encoder = WaitingEncoder()
    with open_index(video, encoder, tmp_path):
        assert encoder.is_asked.wait(60), "the other must be the one that follows"
        with open_index(video, HashingEncoder(), tmp_path) as follower:
            assert not follower.wait_searchable(3.0)
            encoder.gate.set()
            assert follower.wait_tiled(60)


# --- damage


@pytest.mark.parametrize("name", ["vectors", "thumbs", "seconds", "rows", "manifest.json", "frames.jpg", "frames.idx"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_cache_file_is_noticed_said_and_made_again(
    video: Video, tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, how: str
) -> None:
    whole = _built(video, tmp_path)
    (path,) = tmp_path.glob(f"*/*/{name}")
    if how == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.unlink()
    with caplog.at_level(logging.WARNING):
        again = _built(video, tmp_path)
    assert np.array_equal(again.seconds, whole.seconds)
    assert np.array_equal(again.store.seconds, whole.store.seconds)
    assert 60 <= _best(again, "red") < 63
    notices = [record.getMessage() for record in caplog.records]
    if (name, how) != ("manifest.json", "gone"):  # nothing says then that there ever was an index
        assert len(notices) == 1
        assert "damaged cache, the index is made again" in notices[0]


@pytest.mark.skipif(os.name == "nt", reason="needs pipes and links")
@pytest.mark.parametrize("name", ["vectors", "seconds", "manifest.json", "frames.jpg", "frames.idx", "used"])
def test_nothing_that_lies_in_the_place_of_a_cache_file_is_believed_followed_or_waited_for(
    tmp_path: Path, name: str
) -> None:
    with Video(_write(tmp_path / "short.mp4", ["red", "blue"])) as video:
        whole = _built(video, tmp_path / "cache")
        pictures = [whole.store.jpeg(number) for number in range(len(whole.store))]
        (path,) = (tmp_path / "cache").glob(f"*/{name}" if name == "used" else f"*/*/{name}")
        for how in POISONS:
            poison(path, how)
            again = _built(video, tmp_path / "cache")
            assert np.array_equal(again.seconds, whole.seconds), how
            assert [again.store.jpeg(number) for number in range(len(again.store))] == pictures, how
            if how == "a link":
                assert victim(path).read_text() == "mine"


@pytest.mark.skipif(os.name == "nt", reason="needs links")
@pytest.mark.parametrize("folder", ["index-*", "frames-*"])
def test_a_link_in_the_place_of_a_folder_is_not_followed(video: Video, tmp_path: Path, folder: str) -> None:
    _built(video, tmp_path / "cache")
    (path,) = (tmp_path / "cache").glob(f"*/{folder}")
    shutil.rmtree(path)
    (tmp_path / "victim").mkdir()
    path.symlink_to(tmp_path / "victim")
    assert 60 <= _best(_built(video, tmp_path / "cache"), "red") < 63
    assert not list((tmp_path / "victim").iterdir())


@pytest.mark.parametrize(
    "change",
    [{"frames": -1}, {"frames": 1.5}, {"frames": {}}, {"rows": True}, {"checksums": None}, {"run": 7}, {"format": 1}],
    ids=str,
)
def test_a_manifest_of_other_types_is_made_again(video: Video, tmp_path: Path, change: dict[str, object]) -> None:
    _built(video, tmp_path)
    (path,) = _manifests(tmp_path)
    keep(path, json.loads(path.read_bytes())["kept"] | change)
    assert 60 <= _best(_built(video, tmp_path), "red") < 63


@pytest.mark.parametrize("name", ["seconds", "rows"])
def test_an_index_whose_checksums_are_right_and_whose_numbers_are_wrong_is_made_again(
    video: Video, tmp_path: Path, name: str
) -> None:
    _built(video, tmp_path)
    (path,) = tmp_path.glob(f"*/*/{name}")
    path.write_bytes(path.read_bytes()[::-1])
    (manifest,) = _manifests(tmp_path)
    value = json.loads(manifest.read_bytes())["kept"]
    value["checksums"][name] = zlib.crc32(path.read_bytes())
    keep(manifest, value)
    assert 60 <= _best(_built(video, tmp_path), "red") < 63


def test_a_changed_byte_is_noticed(video: Video, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _built(video, tmp_path)
    (path,) = tmp_path.glob("*/*/vectors")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    assert 60 <= _best(_built(video, tmp_path), "red") < 63
    assert "was changed" in caplog.text


def test_another_encoder_uses_the_stored_frames_and_a_damaged_one_is_made_again(
    video: Video, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class OtherEncoder(HashingEncoder):
        name = "other"
        tiles = False

    _built(video, tmp_path)
    (pictures,) = tmp_path.glob("*/*/frames.jpg")
    before = pictures.read_bytes()
    other = _built(video, tmp_path, OtherEncoder())
    assert np.array_equal(other.seconds, np.arange(150.0))
    assert pictures.read_bytes() == before
    shutil.rmtree(next(tmp_path.glob("*/index-other*")))
    pictures.write_bytes(bytes(len(before)))
    assert 60 <= _best(_built(video, tmp_path, OtherEncoder()), "red") < 63
    assert "stored frames" in caplog.text
    assert pictures.read_bytes() == before


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=300k", "none", str(folder)]).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_one_sentence_and_what_was_indexed_stays_searchable(video: Video, small_disk: Path) -> None:
    with open_index(video, HashingEncoder(), small_disk) as index:
        with pytest.raises(CacheError, match="no space left for the cache"):
            index.wait(60)
        assert index.frames.search(HashingEncoder().encode_texts(["blue"])[0], 1)[0].score > 0.9
