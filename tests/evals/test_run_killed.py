"""A runner that is killed at random moments loses no row that it had finished, and plays none twice."""

import json
import multiprocessing
import random
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from agent.policy import PolicyOptions
from agent.trajectory import Trajectory
from evals.run import RunConfig, main
from evals.runner.manifest import read_manifest
from evals.runner.run_file import TRAJECTORIES, Key, key_of, read_stored
from tests.agent.test_sleuth import timeless
from tests.evals.sets_drawn import row, write_script, write_set

KILLS = 20
QUESTIONS = 60
LONGEST_SECONDS = 0.1
"""After its first row a runner lives this long at most: about a tenth of what all questions take."""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX")


def runner(config: RunConfig, told: Connection) -> None:
    """What the process does that is killed; what it says of a row is said after the row is on disk."""

    def say(line: str) -> None:
        if "/" in line.partition(" ")[0]:
            told.send(line.split()[1].rstrip(":"))

    main(config, say=say)


@dataclass(frozen=True)
class Life:
    """One runner, from its start to its end."""

    finished: frozenset[str]
    """Rows that it said were done."""
    was_killed: bool


def lived(config: RunConfig, draw: random.Random) -> Life:
    """Starts a runner and kills it at any moment of its life: while it starts, opens a video, plays or writes.

    It is forked by a server that has imported everything once, so that it is there in milliseconds.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["evals.run", "tests.evals.test_run_killed"])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=runner, args=(config, there))
    process.start()
    there.close()
    here.poll(0 if draw.random() < 0.2 else 60)
    time.sleep(draw.uniform(0, LONGEST_SECONDS))
    process.kill()
    process.join()
    finished = set[str]()
    with suppress(EOFError, OSError):  # killed while it spoke
        while True:
            finished.add(here.recv())
    return Life(frozenset(finished), process.exitcode == -signal.SIGKILL)


def lines_of(config: RunConfig) -> list[bytes]:
    """The whole lines."""
    path = config.out / TRAJECTORIES
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [line for line in lines if line.endswith(b"\n")]


def rows_of(config: RunConfig) -> dict[Key, Trajectory]:
    """The rows of a run by their key, without what is another each time."""
    return {key_of(row): timeless(row) for row in read_stored(config.out)}


def check_kills(config: RunConfig, draw: random.Random) -> Iterator[Life]:
    """Lives of runners until one ends by itself, each with the rows held against what was there and what was said."""
    finished, before = set[str](), list[bytes]()
    while True:
        life = lived(config, draw)
        lines, finished = lines_of(config), finished | life.finished
        ids = [json.loads(line)["question"]["id"] for line in lines]
        assert lines[: len(before)] == before, "a line that was there has changed"
        assert finished <= set(ids), "a row that was finished is lost"
        assert len(ids) == len(set(ids)), "a row is there twice"
        before = lines
        yield life
        if not life.was_killed:
            assert len(ids) == QUESTIONS
            return


@pytest.mark.parametrize("concurrency", [1, 4])
def test_twenty_kills_lose_nothing_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, concurrency: int
) -> None:
    monkeypatch.setenv("VIDEOSLEUTH_CACHE", str(tmp_path / "cache"))
    rows = [row("drawn.mp4" if n % 3 else "other.mp4", question=f"Which is second, {n}?") for n in range(QUESTIONS)]
    data, policy = write_set(tmp_path / "data", rows), write_script(tmp_path / "script.json")
    options = PolicyOptions(concurrency=concurrency)
    config = RunConfig("clips", str(data), tmp_path / "run", policy, encoder="hashing", options=options)
    main(config)
    unbroken = rows_of(config)
    draw, kills = random.Random(concurrency), 0
    for number in range(KILLS):  # a run that ends too soon is followed by another
        out = tmp_path / str(number)
        lives = list(check_kills(replace(config, out=out), draw))
        kills += sum(life.was_killed for life in lives)
        assert rows_of(replace(config, out=out)) == unbroken
        *killed, last = getattr(read_manifest(out), "sessions", ())
        assert all(session.ended is None for session in killed)
        # a runner that finds every row there, since the one before was killed after its last, plays no session
        assert last.ended is not None or not lives[-1].finished
        if kills >= KILLS:
            break
    assert kills >= KILLS
