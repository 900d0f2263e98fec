"""Measures a library: what indexing and searching many videos takes, and what the search in many vectors finds.

    python -m evals.perf.library FOLDER --count 200      # drawn clips of 36 s, each with a number of its own on screen
    python -m evals.perf.library --hours 100             # made-up vectors, a frame a second

Clips are indexed by `agent index --text` in a process of its own, killed once in the middle, and then asked about.
Made-up vectors are those of shots: a shot is near one of some thousand themes, its frames near it, a query near one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from agent.ending import Parser, end_process
from tools.index.shards import PLACE, SHARD_ROWS, Shard, VideoVectors, write_shard

if TYPE_CHECKING:
    from agent.run_result import RunResult

SECONDS, FPS, SIZE = 36, 5, (320, 180)
"""Length, rate, and width and height of a drawn clip."""
_KILLED_AFTER_SECONDS = 20.0
"""When the first indexing is killed."""
_SEARCHES, _QUESTIONS = 20, 5
"""Searches and questions about the drawn clips."""
_QUERIES, _BEST = 50, 10
"""Queries over made-up vectors, and how many of the best are compared."""
_FRAMES_A_SHOT, _THEMES = 6, 4000
"""Frames of a shot and themes of shots in made-up vectors."""
_SHOT_SPREAD, _FRAME_SPREAD, _QUERY_SPREAD = 0.8, 0.3, 0.6
"""Lengths of what is added at random to a theme for a shot, to a shot for a frame, and to a theme for a query."""


def name_sign(number: int) -> str:
    """The words on screen in a clip: digits that no other clip has."""
    return f"LOT {number * 37 + 1000}"


def write_clip(path: Path, number: int) -> None:
    """Writes a drawn clip of three scenes, the second with the sign of its number."""
    import av
    import cv2

    colours = np.random.default_rng(number).integers(20, 220, (3, 3))
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for index in range(SECONDS * FPS):
            scene = 3 * index // (SECONDS * FPS)
            pixels = np.full((SIZE[1], SIZE[0], 3), colours[scene], np.uint8)
            if scene == 1:
                cv2.rectangle(pixels, (30, 60), (290, 120), (250, 250, 250), -1)
                cv2.putText(pixels, name_sign(number), (45, 103), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (10, 10, 10), 3)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


class WorkTimer:
    """Time that passes, and time of the cores in this process and in those that it waited for, of what runs inside."""

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        self._before = os.times()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._begun
        self.cpu_seconds = sum(os.times()[:4]) - sum(self._before[:4])

    @property
    def told(self) -> str:
        """Both times in words."""
        return f"{self.seconds:.1f} s, {self.cpu_seconds:.1f} s of CPU"


def write_clips(folder: Path, count: int) -> None:
    """Writes the drawn clips that are not there yet."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"clip-{number:04d}.mp4"
        if not path.exists():
            write_clip(path.with_suffix(".part"), number)
            path.with_suffix(".part").rename(path)


def measure_clips(folder: Path, count: int, encoder: str | None) -> Iterator[str]:
    """Rows of a table about a folder of drawn clips, each as soon as it is measured.

    Args:
        folder: where the clips are, or are written to.
        count: how many.
        encoder: spec of the frame encoder; the usual one if None.
    """
    from agent import Sleuth
    from tools.encoders.registry import open_encoder
    from tools.index.library import Library

    write_clips(folder, count)
    chosen = [] if encoder is None else ["--encoder", encoder]
    index = [sys.executable, "-m", "agent.cli", "index", "--text", str(folder), *chosen]
    with WorkTimer() as watch, suppress(subprocess.TimeoutExpired):
        subprocess.run(index, timeout=_KILLED_AFTER_SECONDS, capture_output=True, check=False)
    yield f"| indexed until killed | {watch.told} |"
    for name in ("indexed, the rest", "`agent index` again"):
        with WorkTimer() as watch:
            subprocess.run(index, capture_output=True, check=True)
        yield f"| {name} | {watch.told} |"

    opened = open_encoder(encoder or "auto")
    with WorkTimer() as watch:
        library = Library(folder, opened)
        library.save()
    yield f"| library opened | {watch.told} |"
    numbers = np.random.default_rng(1).permutation(count)[: min(_SEARCHES, count)].tolist()
    with WorkTimer() as watch:
        found = [library.rank_videos(f'What does the sign "{name_sign(number)}" say?', 4) for number in numbers]
    yield f"| {len(numbers)} searches | {watch.told} |"
    firsts = [videos[0].stem == f"clip-{number:04d}" for videos, number in zip(found, numbers, strict=True)]
    yield f"| the right video first | {sum(firsts)} of {len(numbers)} |"
    asked = numbers[:_QUESTIONS]
    with Sleuth("lite", encoder=opened) as sleuth, WorkTimer() as watch:
        rights = [_is_cited(sleuth.ask(folder, f'Which video shows the sign "{name_sign(n)}"?'), n) for n in asked]
    yield f"| {len(rights)} questions | {watch.told} |"
    yield f"| the right video and seconds in the evidence | {sum(rights)} of {len(rights)} |"


def _is_cited(result: "RunResult", number: int) -> bool:
    """Whether the evidence of an answer names the clip with a sign, and seconds in which that is shown."""
    videos = result.trajectory.question.videos
    return any(
        Path(videos[(item.video or 1) - 1]).stem == f"clip-{number:04d}"
        and SECONDS / 3 - 1 <= item.start_seconds <= 2 * SECONDS / 3
        for item in result.evidence
    )


def make_vectors(count: int, dim: int) -> Iterator[VideoVectors]:
    """Made-up vectors of frames, a shard at a time."""
    themes = _draw(np.random.default_rng(0), _THEMES, dim)
    for first in range(0, count, SHARD_ROWS):
        rows = min(SHARD_ROWS, count - first)
        draw = np.random.default_rng(first + 1)
        shots = -(-rows // _FRAMES_A_SHOT)
        shown = _add(draw, themes[draw.integers(0, len(themes), shots)], _SHOT_SPREAD)
        frames = _add(draw, np.repeat(shown, _FRAMES_A_SHOT, axis=0)[:rows], _FRAME_SPREAD)
        places = np.zeros(rows, PLACE)
        places["start"] = np.arange(rows)
        yield VideoVectors(frames.astype(np.float16), places)


def make_queries(dim: int) -> NDArray[np.float32]:
    """Queries (N, D) float32, each near a theme of the made-up vectors."""
    themes = _draw(np.random.default_rng(0), _THEMES, dim)
    draw = np.random.default_rng(7)
    return _add(draw, themes[draw.integers(0, len(themes), _QUERIES)], _QUERY_SPREAD)


def _draw(draw: np.random.Generator, count: int, dim: int) -> NDArray[np.float32]:
    return _normalise(draw.normal(size=(count, dim)).astype(np.float32))


def _add(draw: np.random.Generator, vectors: NDArray[np.float32], length: float) -> NDArray[np.float32]:
    return _normalise(vectors + length * _draw(draw, *vectors.shape))


def _normalise(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@dataclass(frozen=True)
class VectorFigures:
    """What a search in made-up vectors takes, in seconds of CPU, and what it finds."""

    build_seconds: float
    size_bytes: int
    query_seconds: float
    exact_seconds: float
    """Time of comparing all vectors."""
    recall: float
    """Share of the ten best vectors that are found, mean over the queries."""


def measure_vectors(count: int, dim: int) -> VectorFigures:
    """Builds shards of made-up vectors in a temporary folder, and searches them.

    Raises:
        ValueError: there are no vectors.
    """
    if count < _BEST:
        raise ValueError(f"need {_BEST} vectors or more, got {count}")
    queries = make_queries(dim)
    with tempfile.TemporaryDirectory() as name:
        folder, shards, exact = Path(name), [], []
        build = compared = 0.0
        for part in make_vectors(count, dim):
            begun = time.process_time()
            shards.append(Shard(folder, write_shard(folder, [part]), len(part.places)))
            build += time.process_time() - begun
            begun = time.process_time()
            exact.append(queries @ part.vectors.astype(np.float32).T)
            compared += time.process_time() - begun
        begun = time.process_time()
        found = [_search(shards, query) for query in queries]
        searched = time.process_time() - begun
        size = sum(path.stat().st_size for path in folder.iterdir())
    true = np.argsort(-np.concatenate(exact, axis=1), axis=1)[:, :_BEST]
    recall = [len({*rows} & {*best.tolist()}) / _BEST for rows, best in zip(found, true, strict=True)]
    return VectorFigures(build, size, searched / len(queries), compared / len(queries), sum(recall) / len(recall))


def _search(shards: Sequence[Shard], query: NDArray[np.float32]) -> list[int]:
    hits = [
        (hit.score, number * SHARD_ROWS + int(hit.start_seconds))
        for number, shard in enumerate(shards)
        for hit in shard.search(query, _BEST)
    ]
    return [row for _, row in sorted(hits, reverse=True)[:_BEST]]


def build_parser() -> Parser:
    """The argument parser of the command."""
    parser = Parser(prog="python -m evals.perf.library", description=__doc__, formatter_class=_Raw)
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="drawn clips go there, and are indexed")
    parser.add_argument("--count", type=int, default=200, metavar="N", help="drawn clips, by default 200")
    parser.add_argument("--encoder", default=None, metavar="SPEC", help="of the frame index, as in agent ask")
    parser.add_argument(
        "--hours", type=float, default=None, metavar="H", help="search made-up vectors of so many hours"
    )
    parser.add_argument("--dim", type=int, default=512, metavar="N", help="length of a made-up vector, by default 512")
    return parser


_Raw = argparse.RawDescriptionHelpFormatter


def main() -> int:
    """Prints the figures that the arguments ask for.

    Raises:
        ValueError: neither a folder nor hours are named.
    """
    options = build_parser().parse_args()
    if options.folder is None and options.hours is None:
        raise ValueError("name a FOLDER for drawn clips, or --hours of made-up vectors")
    if options.folder is not None:
        for row in measure_clips(Path(options.folder), options.count, options.encoder):
            print(row, flush=True)
    if options.hours is not None:
        rows = round(3600 * options.hours)
        figures = measure_vectors(rows, options.dim)
        print(
            f"{rows} vectors of {options.dim}: built in {figures.build_seconds:.0f} s of CPU, "
            f"{figures.size_bytes / 1e6:.0f} MB; "
            f"a query {1000 * figures.query_seconds:.1f} ms (comparing all {1000 * figures.exact_seconds:.1f} ms), "
            f"recall@{_BEST} {figures.recall:.3f}"
        )
    return 0


if __name__ == "__main__":
    end_process("evals.perf.library", main)
