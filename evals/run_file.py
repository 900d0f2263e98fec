"""The trajectories of a run, one JSON line each, written as they end: a run that was stopped goes on where it was."""

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.trajectory import Limits, Trajectory, from_json, to_json
from evals.example import Example
from evals.scoring import BROKEN_OFF


class RunFile:
    """Trajectories by question id, kept in a file; or only in memory, where there is no path. Threads may share it."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._by_id = {} if path is None else _read(path)

    @property
    def trajectories(self) -> Mapping[str, Trajectory]:
        """What is there; of two runs of one question the later."""
        return self._by_id

    def add(self, trajectory: Trajectory) -> None:
        """Keeps a trajectory, on disk before this returns."""
        line = to_json(trajectory).encode() + b"\n"
        with self._lock:
            self._by_id[trajectory.question.id] = trajectory
            if self._path is None:
                return
            with self._path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())

    def missing(self, examples: Sequence[Example], policy: str, limits: Limits) -> tuple[Example, ...]:
        """The examples that are still to be run; those that were broken off are run again.

        Raises:
            ValueError: the file holds a run of another policy, other limits or other questions.
        """
        for example in examples:
            if (kept := self._by_id.get(example.question.id)) is not None:
                self._check(kept, example, policy, limits)
        return tuple(e for e in examples if not self._is_done(e.question.id))

    def _is_done(self, question_id: str) -> bool:
        kept = self._by_id.get(question_id)
        return kept is not None and kept.stop not in BROKEN_OFF

    def _check(self, kept: Trajectory, example: Example, policy: str, limits: Limits) -> None:
        asked, found = example.question, kept.question
        for name, wanted, got in (
            ("policy", policy, kept.policy),
            ("limits", limits, kept.limits),
            ("question", (asked.text, asked.options), (found.text, found.options)),
        ):
            if wanted != got:
                raise ValueError(
                    f"{self._path} holds another run: {name} of {asked.id} is {got!r}, wanted {wanted!r}; "
                    "choose another --out"
                )


def _read(path: Path) -> dict[str, Trajectory]:
    if not path.exists():
        return {}
    content = path.read_bytes()
    whole, _, cut = content.rpartition(b"\n")
    if cut:  # killed while writing: the half line goes, so that the next one starts on a line of its own
        path.write_bytes(whole + b"\n" if whole else b"")
    by_id: dict[str, Trajectory] = {}
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            trajectory = from_json(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        by_id[trajectory.question.id] = trajectory
    return by_id
