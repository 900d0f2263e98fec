"""Logs every training step: its metrics and the parts of its time, as a line on the screen and one of JSON.

The parts of a step add up to its wall-clock time in the first process:

- `generate`: the model is at work on replies, for whichever run.
- `tools`: our own code. At least one run is outside the model while that rests (videos being opened, tools, prompts
  and replies), or runs are being scored and made into rows.
- `log-probabilities`: log-probabilities that are needed before the update.
- `update`: forward, backward, optimiser, and whatever else TRL does after the runs.
- `sync`: weights are sent to the sampling engine; null where there is none.
- `idle`: other waiting: every active run waits for the model and it does not work yet (a batch that gathers, threads
  being woken), or this process waits for the others.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl

from rl.monitor.alarms import Alarm, Alarms, find_alarm, keep_alarm
from rl.monitor.log import LOG, PARTS, Row, own_share, read_log, remove_cut_line
from rl.monitor.page import write_page
from rl.monitor.stopwatch import StageSeconds

Say = Callable[[str], None]
Share = Callable[[Alarm | None], Alarm | None]
"""A function that gives every process the alarm of the first one."""

_TOLD = ("score", "loss", "grad_norm")
_NOT_OURS = ("reward", "frac_reward")
"""Prefixes of TRL's own metrics of rewards, which are not logged; the preset's are under `score`."""
_DIGITS = 6
"""Significant digits of numbers in the log."""
_PAGE_REST = 99
"""Pause between two writes of the page, as a multiple of the time that one took: a hundredth of the training."""


class StepClock:
    """Stopwatch of the parts of a step: the time since the last event goes to the part that has just ended."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Starts with a step.

        Args:
            clock: gives seconds.
        """
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """Starts a step with all parts at 0."""
        self._since = self._clock()
        self._parts: dict[str, float | None] = {part: None if part == "sync" else 0.0 for part in PARTS}

    def played(self, split: StageSeconds) -> None:
        """Marks the end of rollouts, whose time is split so."""
        whole = self._take_lap()
        self._add("generate", split.generate)
        self._add("idle", split.idle)
        self._add("tools", whole - split.generate - split.idle)

    def end_batch(self) -> None:
        """Marks the end of scoring and making rows; log-probabilities come next."""
        self._add("tools", self._take_lap())

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """A context in which time counts as waiting for other processes."""
        self._add("tools", self._take_lap())
        yield
        self._add("idle", self._take_lap())

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """A context in which time counts as weight synchronisation."""
        self._add("tools", self._take_lap())
        yield
        self._add("sync", self._take_lap())

    def scored(self) -> None:
        """Marks the end of the log-probabilities before the update."""
        self._add("log-probabilities", self._take_lap())

    def end(self) -> dict[str, float | None]:
        """Ends the step and gives the seconds of its parts; None is not measured."""
        self._add("update", self._take_lap())
        return dict(self._parts)

    def _take_lap(self) -> float:
        since, self._since = self._since, self._clock()
        return self._since - since

    def _add(self, part: str, seconds: float) -> None:
        self._parts[part] = (self._parts[part] or 0.0) + seconds


class PageKeeper:
    """Keeps the page of a training up to date, in at most a hundredth of its time.

    Writing takes 0.05 CPU seconds for 100 steps and 0.2 for 1,000.
    """

    def __init__(self, out: Path, clock: Callable[[], float] = time.perf_counter) -> None:
        """Writes nothing before the first call.

        Args:
            out: folder of the training.
            clock: gives seconds.
        """
        self._out, self._clock = out, clock
        self._next = clock()

    def __call__(self, rows: Sequence[Row], *, is_wanted: bool) -> None:
        """Writes the page, if it is wanted or the pause is over."""
        begun = self._clock()
        if not is_wanted and begun < self._next:
            return
        write_page(self._out, rows)
        ended = self._clock()
        self._next = ended + _PAGE_REST * (ended - begun)


class StepLog(TrainerCallback):
    """Trainer callback that logs each step, keeps the page up to date, and stops at an alarm."""

    def __init__(
        self,
        out: Path,
        clock: StepClock,
        record: Callable[[str, float], None],
        say: Say,
        alarms: Alarms = Alarms(),  # noqa: B008 (frozen)
        share: Share = lambda found: found,
    ) -> None:
        """Writes nothing yet; an existing log is appended to.

        Args:
            out: folder of the training.
            clock: stopwatch of the steps.
            record: adds a metric to the log that is written next.
            say: prints a line a step.
            alarms: thresholds of the alarms.
            share: gives every process the alarm of the first one, so that they stop together.
        """
        self._out, self._clock, self._record, self._say = out, clock, record, say
        self._alarms, self._share = alarms, share
        self._rows: list[Row] = []
        self._page = PageKeeper(out)
        self.alarm: Alarm | None = None
        """Alarm that stopped the training; None so far."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Reads the logged steps up to the checkpoint from which training resumes, for the alarms."""
        path = self._out / LOG
        if state.is_world_process_zero:
            remove_cut_line(path)
            self._rows = [row for row in read_log(path) if row["step"] <= state.global_step]

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Starts the stopwatch of the step."""
        self._clock.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Records the seconds of each part of the step."""
        for part, seconds in self._clock.end().items():
            if seconds is not None:
                self._record(f"seconds/{part}", seconds)

    def on_log(self, args: Any, state: Any, control: TrainerControl, **told: Any) -> None:
        """Logs a step and checks the alarms; the summary at the end of a training is no step."""
        logs: Mapping[str, Any] = told["logs"]
        if "loss" not in logs:
            return
        found = self._kept(logs, state.global_step, state.max_steps) if state.is_world_process_zero else None
        self.alarm = self._share(found)
        if self.alarm is not None:
            control.should_training_stop = True
            control.should_save = self.alarm.is_saved

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Writes the page of the whole training."""
        if state.is_world_process_zero and self._rows:
            self._page(self._rows, is_wanted=True)

    def _kept(self, logs: Mapping[str, Any], step: int, steps: int) -> Alarm | None:
        """Logs the step; gives the alarm that it sets off."""
        kept = {name: _round_value(value) for name, value in sorted(logs.items()) if not name.startswith(_NOT_OURS)}
        row = {"step": step, "seconds/sync": None, **kept}
        with (self._out / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")
        self._say(format_step(step, steps, row))
        self._rows.append(row)
        alarm = find_alarm(self._rows, self._alarms)
        if alarm is not None:
            keep_alarm(self._out, alarm)
        self._page(self._rows, is_wanted=alarm is not None)
        return alarm


def format_step(step: int, steps: int, row: Row) -> str:
    """One step as a line for the screen.

    Args:
        step: number of the step.
        steps: number of all steps.
        row: the step's row of the log.
    """
    told = [f"{name} {row[name]:.4g}" for name in _TOLD if row.get(name) is not None]
    seconds = {part: row.get(f"seconds/{part}") for part in PARTS}
    split = ", ".join(f"{part} {'-' if taken is None else f'{taken:.1f}'}" for part, taken in seconds.items())
    whole = sum(taken or 0.0 for taken in seconds.values())
    own = own_share(row)
    ours = "" if own is None else f" (our own code {own:.1%})"
    return f"step {step}/{steps}  {'  '.join(told)}  {whole:.1f} s: {split}{ours}"


def _round_value(value: Any) -> Any:
    """A value for JSON: few digits, and None for NaN and infinity."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if abs(value) < float("inf") else None
