"""`evals.run --ray`: the rows of a run in one process, whatever happens to a worker (`make test-ray`)."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent.trajectory import Stop, Trajectory
from evals.run import RunConfig, main
from evals.runner.run_file import read_stored
from tests.agent.cli.test_ray import list_workers, needs_ray
from tests.evals.sets_drawn import row, write_script, write_set
from tests.fake_ray import FakeRay
from tools.runtime import ray_cluster


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    rows = [row(), row(question="Which is third?", answer="blue"), row("other.mp4")]
    data = write_set(tmp_path / "data", rows)
    return RunConfig("clips", str(data), tmp_path / "run", write_script(tmp_path / "script.json"), encoder="hashing")


def read_untimed(run: Path) -> list[Trajectory]:
    """The rows of a run in the order of their keys, without what a clock measured."""
    rows = sorted(read_stored(run), key=lambda one: one.question.id)
    return [
        replace(
            one,
            opening_seconds=0.0,
            steps=tuple(
                replace(
                    step,
                    seconds=0.0,
                    turn=replace(step.turn, usage=replace(step.turn.usage, seconds=0.0)),
                    results=tuple(replace(result, seconds=0.0) for result in step.results),
                )
                for step in one.steps
            ),
        )
        for one in rows
    ]


def test_the_rows_are_those_of_one_process(config: RunConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = main(config)
    ray = FakeRay()
    monkeypatch.setattr(ray_cluster, "is_installed", lambda name: True)
    monkeypatch.setattr(ray_cluster, "import_module", lambda name: ray)
    spread = replace(config, out=config.out.with_name("spread"), ray="local")
    said: list[str] = []
    assert main(spread, say=said.append) == alone.replace(str(config.out), str(spread.out))
    assert read_untimed(spread.out) == read_untimed(config.out)
    assert len(ray._tasks) == 2  # one for each video
    assert said[-1].startswith("3/3 ")
    main(spread)
    assert len(ray._tasks) == 2  # nothing was asked again


def test_a_video_whose_workers_all_die_is_played_when_it_is_asked_for_again(
    config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_cluster, "is_installed", lambda name: True)
    monkeypatch.setattr(ray_cluster, "import_module", lambda name: FakeRay(dies=(0,)))
    main(replace(config, ray="local"))
    ends = {one.question.id: one.stop for one in read_stored(config.out)}
    assert ends == {"drawn.mp4#1": Stop.CRASHED, "drawn.mp4#2": Stop.CRASHED, "other.mp4#1": Stop.ANSWERED}
    main(replace(config, retry_failed=True))
    assert {one.stop for one in read_stored(config.out)} == {Stop.ANSWERED}


@needs_ray
@pytest.mark.skipif(sys.platform != "linux", reason="looks for the worker in /proc")
def test_what_a_killed_worker_had_is_run_again(config: RunConfig, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evals.run", "clips", "--data", config.data, "--policy", config.policy]
    command += ["--encoder", "hashing", "--out", str(tmp_path / "spread"), "--ray", "local"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as run:
        ends_at = time.monotonic() + 120
        while not (workers := list(list_workers(run.pid, b"run_video"))) and time.monotonic() < ends_at:
            time.sleep(0.02)
        os.kill(workers[0], signal.SIGKILL)
        _, told = run.communicate(timeout=300)
    assert run.returncode == 0, told.decode()
    main(config)
    assert read_untimed(tmp_path / "spread") == read_untimed(config.out)
