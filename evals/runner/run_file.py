"""The trajectories of a run, one JSON line each, on disk before the next question ends: a kill loses nothing that was.

Only who holds the lock writes, and only then is a last line that was cut in half taken away; whoever reads meanwhile
leaves it out.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout

from agent.trajectory import Stop, Trajectory, from_json, to_json

TRAJECTORIES = "trajectories.jsonl"
"""The name of the file in the folder of a run."""

Key = tuple[str, int]
"""Id of the question, and which of its runs it is."""


def stored(run: Path) -> tuple[Trajectory, ...]:
    """The trajectories of a run's folder or of its file; of two of one question's run the later.

    Raises:
        ValueError: there is no run, or a line is no trajectory; says which.
    """
    path = run / TRAJECTORIES if run.is_dir() else run
    if not path.is_file():
        raise ValueError(f"no run at {run}; make one with python -m evals.run --out")
    return tuple({key_of(t): t for t in rows_in(path)}.values())


def key_of(trajectory: Trajectory) -> Key:
    """What a row is known by. `sample` tells runs apart."""
    return trajectory.question.id, trajectory.sample


class RunFile:
    """The writer's side of such a file. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """Reads what is there, and mends a torn end. The caller holds the lock."""
        self._path = path
        self._lock = threading.Lock()
        _mend(path)
        self._ends = {key_of(t): t.stop for t in rows_in(path)}

    @property
    def ends(self) -> Mapping[Key, Stop | None]:
        """What is there and how it ended, of two of one question's run the later; no more is kept in memory."""
        return self._ends

    def add(self, trajectory: Trajectory) -> None:
        """Keeps a trajectory, on disk before this returns."""
        line = to_json(trajectory).encode() + b"\n"
        with self._lock:
            with self._path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._ends[key_of(trajectory)] = trajectory.stop


def only_writer(folder: Path) -> AbstractContextManager[object]:
    """The lock of a run's folder, which is made if it is not there; the system frees it on a kill.

    Raises:
        ValueError: somebody else writes there now.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "writer.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another runner writes in {folder}: wait until it ends, or choose another --out") from None


def _mend(path: Path) -> None:
    """A last line without its end goes, so that the next one starts on a line of its own."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = end
        while start > 0:
            start = max(0, start - 2**16)
            file.seek(start)
            if (at := file.read(min(2**16, end - start)).rfind(b"\n")) >= 0:
                file.truncate(start + at + 1)
                return
        file.truncate(0)


def rows_in(path: Path) -> Iterator[Trajectory]:
    """Each line in order, none where there is no such file yet; a last one that is cut off is left out.

    Raises:
        ValueError: a line is no trajectory; says which.
    """
    return (trajectory for _, trajectory in placed_rows(path))


def placed_rows(path: Path) -> Iterator[tuple[int, Trajectory]]:
    """The same, each with the place in bytes where its line begins."""
    place = 0
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return  # cut off by a kill, or being written right now
            try:
                trajectory = from_json(line)
            except ValueError as error:
                raise ValueError(f"{path}, line {number}: {error}") from error
            yield place, trajectory
            place += len(line)
