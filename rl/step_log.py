"""Where the time of a step went and what came of it: a line on the screen and one of JSON, for every step.

The parts of a step add up to it: `generate` is the model at work, `tools` all else of the runs (tools, videos being
opened, reading replies), `log-probabilities` those that are needed before the update, `update` forward, backward and
optimiser.
"""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

Say = Callable[[str], None]

PARTS = ("generate", "tools", "log-probabilities", "update")
_TOLD = ("score", "loss", "grad_norm")
_NOT_OURS = ("reward", "frac_reward")
"""What TRL says of rewards is about advantages."""
_DIGITS = 6


class StepClock:
    """Seconds of the parts of the step that is running."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._marked = self._begun
        self._parts = dict.fromkeys(PARTS, 0.0)

    def begin(self) -> None:
        """A step begins."""
        self._begun = time.perf_counter()
        self._parts = dict.fromkeys(PARTS, 0.0)

    def played(self, seconds: float, generating_seconds: float) -> None:
        """Runs have been played; what comes next are log-probabilities."""
        self._parts["generate"] += generating_seconds
        self._parts["tools"] += seconds - generating_seconds
        self._marked = time.perf_counter()

    def scored(self) -> None:
        """The log-probabilities before the update are there."""
        self._parts["log-probabilities"] += time.perf_counter() - self._marked

    def end(self) -> dict[str, float]:
        """The parts of the step, in seconds; what is left of it is the update."""
        whole = time.perf_counter() - self._begun
        return {**self._parts, "update": whole - sum(self._parts.values())}


class StepLog(TrainerCallback):
    """Writes `log.jsonl` and says a line, step by step."""

    def __init__(self, path: Path, clock: StepClock, record: Callable[[str, float], None], say: Say) -> None:
        """Appends to what is there.

        Args:
            path: of the file.
            clock: of the steps.
            record: takes a name and a number for the log that is written next.
            say: is told a line a step.
        """
        self._path, self._clock, self._record, self._say = path, clock, record, say

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Starts the clock."""
        self._clock.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stops it."""
        for part, seconds in self._clock.end().items():
            self._record(f"seconds/{part}", seconds)

    def on_log(self, args: Any, state: Any, control: Any, **told: Any) -> None:
        """Keeps and tells a step; the summary at the end of a run is no step."""
        logs: Mapping[str, Any] = told["logs"]
        if "loss" not in logs or not state.is_world_process_zero:
            return
        kept = {name: _short(value) for name, value in sorted(logs.items()) if not name.startswith(_NOT_OURS)}
        row = {"step": state.global_step, **kept}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")
        self._say(line_of(state.global_step, state.max_steps, row))


def line_of(step: int, steps: int, row: Mapping[str, Any]) -> str:
    """A step in a line."""
    told = [f"{name} {row[name]:.4g}" for name in _TOLD if row.get(name) is not None]
    seconds = {part: row.get(f"seconds/{part}") or 0.0 for part in PARTS}
    split = ", ".join(f"{part} {taken:.1f}" for part, taken in seconds.items())
    return f"step {step}/{steps}  {'  '.join(told)}  {sum(seconds.values()):.1f} s: {split}"


def _short(value: Any) -> Any:
    """As JSON has it: what is not a number is null."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if abs(value) < float("inf") else None
