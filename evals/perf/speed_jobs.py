"""The measured jobs of `evals.perf.speed`, each run in a process of its own.

    python -m evals.perf.speed_jobs JOB VIDEO PERIOD

A job prints one JSON object. Its clock starts after the imports, and its CPU seconds include its children.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from agent.ending import Parser, end_process
from evals.perf.speed_clips import FPS, read_frame_number
from tools.encoders.registry import Encoder
from tools.index.frame_store import FrameStore, FrameStoreWriter
from tools.video.video import Frame, Video

if TYPE_CHECKING:
    from tools.index.video_index import VideoIndex

Measured = dict[str, float]
RANDOM_FRAMES = 32
"""Frames of a random read: as many as the goals say."""
CLEAR_PEAK = Path("/proc/self/clear_refs")
_LOOK_SECONDS = 1.0
"""Seconds between looks at whether an index has ended."""


@dataclass(frozen=True)
class NumberedClip:
    """A video, and the number of frames after which its numbers repeat."""

    path: Path
    period: int


def find_ffmpeg() -> str | None:
    """Path of the ffmpeg to compare with: imageio-ffmpeg's own, or the one on the PATH; None without either."""
    try:
        import imageio_ffmpeg  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError:
        import shutil

        return shutil.which("ffmpeg")
    return str(imageio_ffmpeg.get_ffmpeg_exe())


class _ProcessMeter:
    """Measures CPU time, wall time and memory of the code inside its `with`."""

    def __enter__(self) -> "_ProcessMeter":
        self._base_mb = _start_peak()
        self._cpu, self._wall = _cpu_seconds(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.measured = self.so_far()

    def so_far(self) -> Measured:
        """The measurements since the beginning."""
        return {
            "cpu_seconds": _cpu_seconds() - self._cpu,
            "wall_seconds": time.perf_counter() - self._wall,
            "extra_mb": _peak_mb() - self._base_mb,
        }


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def _start_peak() -> float:
    """Resets the peak memory, which imports may have raised; gives the MB in use now."""
    if CLEAR_PEAK.exists():
        CLEAR_PEAK.write_text("5")
    return _peak_mb()


def _peak_mb() -> float:
    """Peak memory in MB since the reset; since the start of the process where the system has no reset."""
    if CLEAR_PEAK.exists():
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # macOS counts bytes, others KiB
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def _decode_all(clip: NumberedClip) -> Measured:
    """The bound: ffmpeg decodes everything and discards it."""
    command = [find_ffmpeg() or "ffmpeg", "-v", "error", "-threads", "2", "-i", str(clip.path)]
    with _ProcessMeter() as meter:
        subprocess.run([*command, "-map", "0:v:0", "-f", "null", "-"], check=True)
    return meter.measured


def _read_each_second(clip: NumberedClip) -> Measured:
    with _ProcessMeter() as meter, Video(clip.path) as video:
        seconds = np.arange(0, video.info.duration_seconds)
        numbers = _read_numbers(video.read(seconds.tolist()))
    return {**meter.measured, "asked": len(seconds), "right": _count_right(numbers, (seconds * FPS).astype(int), clip)}


def _read_random(clip: NumberedClip) -> Measured:
    frames = _draw_frames(clip)
    with _ProcessMeter() as meter, Video(clip.path) as video:
        numbers = _read_numbers(video.read(((frames + 0.5) / FPS).tolist()))
    return {**meter.measured, "asked": len(frames), "right": _count_right(numbers, frames, clip)}


def _read_random_opencv(clip: NumberedClip) -> Measured:
    """Random reads as most agents do them: set the frame number, read."""
    import cv2

    frames, numbers = _draw_frames(clip), []
    with _ProcessMeter() as meter:
        capture = cv2.VideoCapture(str(clip.path))
        for frame in frames.tolist():
            capture.set(cv2.CAP_PROP_POS_FRAMES, frame)
            is_read, pixels = capture.read()
            numbers.append(read_frame_number(np.asarray(pixels, np.uint8)) if is_read else None)
        capture.release()
    return {**meter.measured, "asked": len(frames), "right": _count_right(numbers, frames, clip)}


def _read_random_torchcodec(clip: NumberedClip) -> Measured:
    from torchcodec.decoders import VideoDecoder  # type: ignore[import-not-found,unused-ignore]

    frames = _draw_frames(clip)
    with _ProcessMeter() as meter:
        decoder = VideoDecoder(str(clip.path), num_ffmpeg_threads=2)
        batch = decoder.get_frames_at(frames.tolist()).data.permute(0, 2, 3, 1).numpy()
        numbers = [read_frame_number(pixels) for pixels in batch]
    return {**meter.measured, "asked": len(frames), "right": _count_right(numbers, frames, clip)}


def _read_stored(clip: NumberedClip) -> Measured:
    """Reads 32 frames from the store as pixels, then as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        with Video(clip.path) as video, FrameStoreWriter(folder) as writer:
            for frame in video.read(list(np.linspace(0, video.info.duration_seconds - 0.1, RANDOM_FRAMES))):
                writer.append(frame)
        with FrameStore(folder) as store:
            store.frame(0)  # imports the JPEG library
            with _ProcessMeter() as pixels:
                numbers = _read_numbers(store.frame(number) for number in range(len(store)))
            with _ProcessMeter() as data:
                for number in range(len(store)):
                    store.jpeg(number)
    right = sum(number is not None for number in numbers)
    return {**pixels.measured, "bytes_cpu_seconds": data.measured["cpu_seconds"], "asked": len(numbers), "right": right}


class _FreeEncoder:
    """An encoder that costs nothing, to measure everything else."""

    name, dim, tiles = "free", 512, False

    def encode_images(self, pixels: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        rows = np.array([np.resize(picture[::40, ::40].ravel(), self.dim) for picture in pixels], np.float32) + 1
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), self.dim), self.dim**-0.5, np.float32)


def _index(clip: NumberedClip, encoder: Encoder, cache: Path) -> None:
    from tools.index.video_index import open_index

    with Video(clip.path) as video, open_index(video, encoder, cache) as index:
        index.wait_tiled()


def _index_memory(clip: NumberedClip) -> Measured:
    encoder = _FreeEncoder()
    encoder.encode_images([np.zeros((360, 640, 3), np.uint8)])
    with tempfile.TemporaryDirectory() as cache, _ProcessMeter() as meter:
        _index(clip, encoder, Path(cache))
    return meter.measured


def _index_clip(clip: NumberedClip) -> Measured:
    """Builds the whole index with an encoder of the usual size; loading the model is not counted."""
    from tools.encoders.open_clip import OpenClipEncoder

    encoder = OpenClipEncoder("ViT-B-32", None, tiles=False)
    encoder.encode_images([np.zeros((360, 640, 3), np.uint8)])
    with tempfile.TemporaryDirectory() as cache, _ProcessMeter() as meter:
        _index(clip, encoder, Path(cache))
    return meter.measured


def _time_index(clip: NumberedClip) -> Measured:
    """Times from opening a new video with the default encoder to each state of its index.

    A first search is useful once it knows keyframes of the whole film.
    """
    from tools.encoders.registry import open_encoder
    from tools.index.video_index import IndexProgress, open_index

    encoder = open_encoder()
    encoder.encode_images([np.zeros((360, 640, 3), np.uint8)])
    states: Measured = {}
    knows_keyframes = threading.Event()

    def look(progress: IndexProgress) -> None:
        if progress.stage != "keyframes" or progress.done == progress.total:
            knows_keyframes.set()

    with (
        tempfile.TemporaryDirectory() as cache,
        _ProcessMeter() as meter,
        Video(clip.path) as video,
        open_index(video, encoder, Path(cache), look) as index,
    ):
        _wait_for_keyframes(index, knows_keyframes)
        index.search(encoder.encode_texts(["a red car"])[0], 5)
        states |= _since(meter, "first")
        index.wait()
        states |= _since(meter, "frames")
        index.wait_tiled()
        states |= _since(meter, "tiles")
    return {**meter.measured, **states}


def _wait_for_keyframes(index: "VideoIndex", knows_keyframes: threading.Event) -> None:
    """Waits until an index has told of all keyframes, or has ended without; its error is raised here."""
    while not (knows_keyframes.wait(_LOOK_SECONDS) or index.wait(0)):
        pass


def _since(meter: "_ProcessMeter", state: str) -> Measured:
    return {f"{state}_{key}": value for key, value in meter.so_far().items()}


def _time_index_beside_others(clip: NumberedClip) -> Measured:
    """Runs the job `film` beside twice as many busy processes as cores, whose time is not counted."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        return _time_index(clip)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _time_first_result(clip: NumberedClip) -> Measured:
    """Times until a search answers on a new video, and until it knows all keyframes; loading is not counted."""
    from tools.encoders.open_clip import OpenClipEncoder
    from tools.index.video_index import IndexProgress, open_index

    encoder = OpenClipEncoder("ViT-B-32", None, tiles=False)
    encoder.encode_images([np.zeros((360, 640, 3), np.uint8)])
    query = encoder.encode_texts(["a red car"])[0]
    knows_keyframes, cpu_then = threading.Event(), [0.0]

    def look(progress: IndexProgress) -> None:
        if progress.stage != "keyframes" or progress.done == progress.total:
            cpu_then[0] = cpu_then[0] or _cpu_seconds()
            knows_keyframes.set()

    started = _cpu_seconds()
    with tempfile.TemporaryDirectory() as cache, Video(clip.path) as video:
        with _ProcessMeter() as meter:
            index = open_index(video, encoder, Path(cache), look)
            index.wait_searchable()
            found = index.frames.search(query, 8)
        _wait_for_keyframes(index, knows_keyframes)
        index.cancel()
    return {**meter.measured, "keyframes_cpu_seconds": cpu_then[0] - started, "found": len(found)}


def _time_search(clip: NumberedClip) -> Measured:
    """Times a query over an hour at one frame a second, and opening a finished index."""
    from tools.index.vectors import FrameIndex
    from tools.index.video_index import open_index

    random = np.random.default_rng(0)
    vectors = random.normal(size=(3600, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hour = FrameIndex("random", 512, 0, 3600.0)
    hour.add(np.arange(3600.0), np.arange(3600), vectors)
    hour.complete()
    hour.search(vectors[0], 8)
    with _ProcessMeter() as searching:
        for query in vectors[:100]:
            hour.search(query, 8)
    with tempfile.TemporaryDirectory() as cache, Video(clip.path) as video:
        encoder = _FreeEncoder()
        with open_index(video, encoder, Path(cache)) as index:
            index.wait()
        video.content_hash  # noqa: B018  (read once, kept by the video)
        with _ProcessMeter() as opening:
            for _ in range(10):
                with open_index(video, encoder, Path(cache)) as index:
                    index.wait()
    return {
        **searching.measured,
        "search_cpu_seconds": searching.measured["cpu_seconds"] / 100,
        "open_cpu_seconds": opening.measured["cpu_seconds"] / 10,
    }


def _read_numbers(frames: Iterable[Frame]) -> list[int | None]:
    return [read_frame_number(frame.pixels) for frame in frames]


def _draw_frames(clip: NumberedClip) -> NDArray[np.int64]:
    """Frame numbers in time order, the same for every reader."""
    with Video(clip.path) as video:
        count = video.info.frame_count
    return np.sort(np.random.default_rng(5).choice(count, min(RANDOM_FRAMES, count), replace=False))


def _count_right(numbers: Sequence[int | None], asked: NDArray[np.int64], clip: NumberedClip) -> int:
    """Number of frames that are the ones asked for; a video of copies repeats its numbers."""
    if len(numbers) != len(asked):
        return 0
    return sum(number == frame % clip.period for number, frame in zip(numbers, asked.tolist(), strict=True))


JOBS: dict[str, Callable[[NumberedClip], Measured]] = {
    "null": _decode_all,
    "each_second": _read_each_second,
    "random": _read_random,
    "random_opencv": _read_random_opencv,
    "random_torchcodec": _read_random_torchcodec,
    "stored": _read_stored,
    "index_memory": _index_memory,
    "index_clip": _index_clip,
    "first_result": _time_first_result,
    "film": _time_index,
    "film_beside_others": _time_index_beside_others,
    "search": _time_search,
}


def main(arguments: Sequence[str]) -> dict[str, Any]:
    """Runs one job on one video; gives its measurements."""
    parser = Parser("python -m evals.perf.speed_jobs", description="One measured job; evals.perf.speed runs them all.")
    parser.add_argument("job", metavar="JOB", choices=JOBS, help=", ".join(JOBS))
    parser.add_argument("video", metavar="VIDEO", type=Path, help="a clip of evals.perf.speed")
    parser.add_argument("period", metavar="PERIOD", type=int, help="after how many frames its numbers begin again")
    given = parser.parse_args(arguments)
    import av  # noqa: F401
    import cv2  # noqa: F401

    import tools.index.video_index  # noqa: F401

    return JOBS[given.job](NumberedClip(given.video, given.period))


def _command_line() -> None:
    print(json.dumps(main(sys.argv[1:])))


if __name__ == "__main__":
    end_process("evals.perf.speed_jobs", _command_line)
