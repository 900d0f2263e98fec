"""Every benchmark from its official files to its submission, on drawn videos, with a script and with `lite`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.trajectory import Answer, Evidence, Stop
from evals.benchmarks.catalogue import BENCHMARKS
from evals.benchmarks.item import reply_of
from evals.datasets.published import PublishedSet
from evals.datasets.sources import FileSource
from evals.run import RunConfig, main
from evals.runner.run_file import read_stored
from evals.score import SUBMISSION, read_run, write_submission
from tests.drawn_clips import draw_clip
from tests.evals.sets_drawn import write_script
from tests.evals.test_benchmarks import LOADABLE, PARQUET, folder_of, needs_parquet

SECONDS = 12.0
ONE_OF_EACH = [
    *("video-mme-subtitles", "mvbench", "longvideobench", "mlvu", "lvbench", "next-gqa", "egoschema", "video-mmmu"),
    *("video-holmes", "cg-bench-subtitles", "charades-sta", "activitynet-2", "video-mme-v2", "tvbench", "intent-qa"),
    *("longvideo-reason", "scivideobench", "videomathqa", "vrbench", "hourvideo", "minerva", "perception-test"),
    *("tempcompass", "videokr-eval", "vcr-bench", "video-reason-bench", "clevrer", "longvidsearch", "activitynet-qa"),
    *("mmvu", "next-oe", "v-star-what", "v-star-when", "lv-haystack", "ego4d-nlq"),
]
"""A name of each published set."""


def picture(seconds: float) -> np.ndarray:
    """Grey that becomes red in the middle."""
    pixels = np.full((90, 160, 3), 120, np.uint8)
    if SECONDS / 3 <= seconds < 2 * SECONDS / 3:
        pixels[:] = (200, 20, 20)
    return pixels


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One clip for all, and one cache, so that it is indexed once."""
    folder = tmp_path_factory.mktemp("clip")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDEOSLEUTH_CACHE", str(folder / "cache"))
        yield draw_clip(folder / "clip.mp4", picture, SECONDS, fps=5)


def furnished(name: str, folder: Path, clip: Path) -> Path:
    """The benchmark's official files, with a video wherever they name one."""
    data = folder / "data"
    shutil.copytree(folder_of(name), data)
    for entry in PublishedSet(name, BENCHMARKS[name], data).asking.entries:
        source = entry.source
        assert isinstance(source, FileSource)
        if source.frames_per_second is None:
            source.path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(clip, source.path)
        else:
            source.path.mkdir(parents=True, exist_ok=True)
            for number in range(round(SECONDS * source.frames_per_second)):
                file = source.path / f"{number + 1:05d}.jpg"
                cv2.imwrite(str(file), picture(number / source.frames_per_second)[..., ::-1])
    return data


@pytest.mark.parametrize("name", LOADABLE)
def test_every_benchmark_is_played_scored_by_every_profile_and_handed_in(name: str, clip: Path, tmp_path: Path) -> None:
    policy = write_script(tmp_path / "script.json", Answer("2.0 - 4.0 seconds", 0, 0.5, (Evidence(2.0, 4.0),)))
    config = RunConfig(name, str(furnished(name, tmp_path, clip)), tmp_path / "run", policy, encoder="hashing")
    page = main(config)
    benchmark, rows = BENCHMARKS[name], read_stored(config.out)
    items = benchmark.load(Path(config.data))
    assert {row.stop for row in rows} == {Stop.ANSWERED}
    assert {row.question.id for row in rows} == {item.id for item in items}
    header = next(line for line in page.splitlines() if line.startswith("| percent"))
    assert [cell.strip() for cell in header.split("|")[2:-1]] == list(benchmark.profiles)
    run = read_run(config.out)
    written = write_submission(run)
    if benchmark.submission is None:
        assert written is None
        return
    assert written == config.out / SUBMISSION
    answers = {row.question.id: row.answer for row in rows}
    handed_in = {item.id: benchmark.spell(item, reply_of(answers[item.id]), "strict") for item in items}
    assert benchmark.submission.read(written.read_text(encoding="utf-8")) == handed_in


@pytest.mark.weights
@pytest.mark.parametrize("name", [pytest.param(n, marks=needs_parquet) if n in PARQUET else n for n in ONE_OF_EACH])
def test_lite_plays_each_set(name: str, clip: Path, tmp_path: Path) -> None:
    for package in ("rapidocr", "wordllama"):
        pytest.importorskip(package, reason="needs videosleuth[lite]")
    data = furnished(name, tmp_path, clip)
    config = RunConfig(name, str(data), tmp_path / "run", "lite", encoder="hashing")
    main(config)
    rows = read_stored(config.out)
    assert rows
    assert all(row.stop is Stop.ANSWERED and row.answer is not None for row in rows), [row.error for row in rows]
