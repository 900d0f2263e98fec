"""`agent index --ray`: the same cache as one process makes, whatever happens to a worker. `make test-ray` runs it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from agent.cli.main import main
from agent.exit_codes import EXIT_BAD_INPUT
from tests.drawn import write_colours, write_drawn
from tools import packaged_weights
from tools.encoders.hashing import HashingEncoder
from tools.index.library import Library

needs_ray = pytest.mark.skipif(not packaged_weights.is_installed("ray"), reason="needs videosleuth[ray]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    write_drawn(folder / "a.mp4")
    write_colours(folder / "b.mp4", ["red", "grey", "green"])
    write_colours(folder / "c.mp4", ["blue", "red"])
    return folder


def index_in_process(folder: Path, cache: Path, *more: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "agent.cli", "index", str(folder), "--encoder", "hashing", *more]
    return subprocess.Popen(command, env=os.environ | {"VIDEOSLEUTH_CACHE": str(cache)}, stderr=subprocess.PIPE)


@needs_ray
def test_a_cluster_makes_what_one_process_makes(folder: Path, tmp_path: Path) -> None:
    caches = (tmp_path / "one", tmp_path / "ray")
    for cache, more in zip(caches, ((), ("--ray", "local")), strict=True):
        with index_in_process(folder, cache, *more) as run:
            _, told = run.communicate(timeout=300)
        assert run.returncode == 0, told.decode()
        assert told.count(b"frames indexed") == 3
    for name in ("frames-*/frames.jpg", "frames-*/frames.idx", "index-*/thumbs", "index-*/seconds", "index-*/rows"):
        first, second = (
            {path.relative_to(cache): path.read_bytes() for path in cache.glob(f"*/{name}")} for cache in caches
        )
        assert first == second
        assert len(first) == 3
    for name in ("vectors", "tiles"):
        for path in caches[0].glob(f"*/index-*/{name}"):
            other = caches[1] / path.relative_to(caches[0])
            assert np.abs(np.fromfile(path, "<f2").astype(float) - np.fromfile(other, "<f2")).max(initial=0) < 1e-4
    libraries = [Library(folder, HashingEncoder(), cache) for cache in caches]
    for library in libraries:
        assert library.list_new() == []
        library.save()
    assert libraries[0].search("green", 10) == libraries[1].search("green", 10)


def list_workers(driver: int, task: bytes = b"_index_in_worker") -> Iterator[int]:
    """Processes of Ray below a process that are at work on a task of this name."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            lines = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
            parents[int(lines["Pid"])] = int(lines["PPid"])
        except OSError:  # it ended
            continue
    for process in parents:
        above = process
        while above in parents and above != driver:
            above = parents[above]
        try:
            if above == driver and task in Path(f"/proc/{process}/cmdline").read_bytes():
                yield process
        except OSError:
            continue


@needs_ray
@pytest.mark.skipif(sys.platform != "linux", reason="looks for the worker in /proc")
def test_a_killed_worker_is_retried(folder: Path, tmp_path: Path) -> None:
    write_colours(folder / "long.mp4", ["red", "green", "blue"] * 60)
    with index_in_process(folder, tmp_path / "cache", "--ray", "local") as run:
        ends_at = time.monotonic() + 120
        while not (workers := list(list_workers(run.pid))) and time.monotonic() < ends_at and run.poll() is None:
            time.sleep(0.02)
        os.kill(workers[0], signal.SIGKILL)
        _, told = run.communicate(timeout=300)
    assert run.returncode == 0, told.decode()
    assert told.count(b"frames indexed") == 4


@needs_ray
def test_a_file_that_is_no_video_is_told_as_elsewhere(folder: Path, tmp_path: Path) -> None:
    (folder / "torn.mp4").write_bytes(b"no video")
    with index_in_process(folder, tmp_path / "cache", "--ray", "local") as run:
        _, told = run.communicate(timeout=300)
    assert run.returncode == EXIT_BAD_INPUT
    assert b"not indexed: 1 of 4 videos" in told


def test_without_ray_it_is_said_how_to_install_it(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("tools.runtime.ray_cluster.is_installed", lambda name: False)
    assert main(["index", str(folder), "--encoder", "hashing", "--ray", "local"]) == EXIT_BAD_INPUT
    assert "Ray is not installed: run `pip install" in capsys.readouterr().err
