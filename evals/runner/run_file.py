"""The file of a run's trajectories, one JSON line each, on disk as soon as a question ends: a kill loses none of them.

Only the holder of the lock writes, and only then is a last line that was cut in half removed; readers meanwhile leave
it out.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from filelock import FileLock, Timeout

from agent.trajectory import Stop, Trajectory, from_json, to_json

TRAJECTORIES = "trajectories.jsonl"
"""Name of the trajectories' file in the folder of a run."""

Key = tuple[str, int]
"""Id of the question, and number of its run (`Trajectory.sample`)."""


def read_stored(run: Path) -> tuple[Trajectory, ...]:
    """Reads the trajectories of a run's folder or file; of two with the same key the later.

    Raises:
        ValueError: there is no run, or a line is no trajectory; says which.
    """
    path = run / TRAJECTORIES if run.is_dir() else run
    if not path.is_file():
        raise ValueError(f"no run at {run}; make one with python -m evals.run --out")
    return tuple({key_of(t): t for t in read_rows(path)}.values())


def key_of(trajectory: Trajectory) -> Key:
    """The key of a trajectory's row: question id and sample number."""
    return trajectory.question.id, trajectory.sample


class RunFile:
    """Appends trajectories to a run's file. Threads may share it."""

    def __init__(self, path: Path) -> None:
        """Reads the keys of existing rows, and removes a torn last line. The caller holds the lock."""
        self._path = path
        self._lock = threading.Lock()
        _remove_torn_line(path)
        self._ends = {key_of(t): t.stop for t in read_rows(path)}

    @property
    def ends(self) -> Mapping[Key, Stop | None]:
        """How each row ended, by its key, of two rows the later; no more is kept in memory."""
        return self._ends

    def add(self, trajectory: Trajectory) -> None:
        """Appends a trajectory; it is on disk before this returns."""
        line = to_json(trajectory).encode() + b"\n"
        with self._lock:
            with self._path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._ends[key_of(trajectory)] = trajectory.stop


def lock_folder(folder: Path) -> AbstractContextManager[object]:
    """Takes the lock of a run's folder, which is made if need be; the system frees it on a kill.

    Raises:
        ValueError: another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "writer.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        raise ValueError(f"another runner writes in {folder}: wait until it ends, or choose another --out") from None


def _remove_torn_line(path: Path) -> None:
    """Removes a last line without its end, so that the next one starts on a line of its own."""
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


def read_rows(path: Path) -> Iterator[Trajectory]:
    """The trajectories of a file in order, none where there is no file; a torn last line is left out.

    Raises:
        ValueError: a line is no trajectory; says which.
    """
    return (trajectory for _, trajectory in read_placed_rows(path))


def read_placed_rows(path: Path) -> Iterator[tuple[int, Trajectory]]:
    """The trajectories of a file in order, each with the offset of its line in bytes.

    Raises:
        ValueError: a line is no trajectory; says which.
    """
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
