"""A building that is killed in the middle of any row, and given again, ends as one that was never killed."""

import multiprocessing
import os
import random
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Answer, Trajectory
from evals.runner.run_file import TRAJECTORIES, RunFile, read_rows
from rl.data.curation.building import BuildConfig, build
from rl.data.curation.conditions import RUNS
from tests.agent.test_sleuth import timeless
from tests.evals.sets_drawn import write_script

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX")


def killed(config: BuildConfig, rows: int, torn_bytes: int) -> None:
    """What the process does that is killed: builds until so many rows are written, the last of them torn or whole."""
    add, written = RunFile.add, list[Path]()

    def add_or_die(self: RunFile, row: Trajectory) -> None:
        add(self, row)
        written.append(self._path)
        if len(written) == rows:
            os.truncate(self._path, self._path.stat().st_size - torn_bytes)
            os.kill(os.getpid(), signal.SIGKILL)

    RunFile.add = add_or_die  # type: ignore[method-assign]
    build(config)


def read_runs(folder: Path) -> dict[str, list[Trajectory]]:
    """All rows of a building by their file, without what is another each time."""
    files: Sequence[Path] = [*(folder / RUNS).glob("*.jsonl"), folder / TRAJECTORIES]
    return {file.name: [timeless(row) for row in read_rows(file)] for file in files}


def test_killed_at_any_row_it_ends_as_if_it_had_not_been(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    guess = write_script(tmp_path / "guess.json", Answer("", 0))
    whole = BuildConfig(
        tmp_path / "whole", "drawn,level=1,count=1,seed=5", probes=(guess,), student=guess, encoder="hashing"
    )
    broken = replace(whole, out=tmp_path / "broken")
    built = build(whole)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    draw, ends = random.Random(0), list[int]()
    while 0 not in ends:
        process = context.Process(target=killed, args=(broken, draw.randint(1, 3), draw.choice((0, 1, 300))))
        process.start()
        process.join()
        assert process.exitcode is not None
        ends.append(process.exitcode)
        assert len(ends) < 40, "a building that is killed again and again gets no further"
    assert ends.count(-signal.SIGKILL) == len(ends) - 1 > 3
    assert read_runs(broken.out) == read_runs(whole.out)
    for name in ("candidates.jsonl", "built.json"):
        assert (broken.out / name).read_bytes() == (whole.out / name).read_bytes()
    assert build(broken) == built
