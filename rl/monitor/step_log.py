"""Where the time of a step went and what came of it: a line on the screen and one of JSON, for every step.

The parts of a step add up to it, on the clock on the wall, of the first process:

- `generate`: the model is at work on replies, for whichever run.
- `tools`: our own code. At least one run is with us while the model rests (videos being opened, tools, prompts and
  replies), or runs are being judged and made into rows.
- `log-probabilities`: those that are needed before the update.
- `update`: forward, backward, optimiser, and whatever else TRL does after the runs.
- `sync`: weights on their way to an engine that plays; null where no engine is apart.
- `idle`: waiting that none of these explains: every run in play waits for the model and it does not work yet (a batch
  that gathers, threads being woken), or this process waits for the others.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl

from rl.monitor.alarms import Alarm, Alarms, alarm_in, keep_alarm
from rl.monitor.log import LOG, PARTS, Row, own_share, read_log, without_cut_line
from rl.monitor.page import write_page
from rl.monitor.stopwatch import StageSeconds

Say = Callable[[str], None]
Share = Callable[[Alarm | None], Alarm | None]
"""Tells all processes what the first one found."""

_TOLD = ("score", "loss", "grad_norm")
_NOT_OURS = ("reward", "frac_reward")
"""What TRL says of rewards is about advantages."""
_DIGITS = 6
_PAGE_REST = 99
"""Times as long as the page took to write, it is left as it is."""


class StepClock:
    """Seconds of the parts of the step that is running: each moment goes to what it ends with."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begins.

        Args:
            clock: tells seconds.
        """
        self._clock = clock
        self.begin()

    def begin(self) -> None:
        """A step begins."""
        self._since = self._clock()
        self._parts: dict[str, float | None] = {part: None if part == "sync" else 0.0 for part in PARTS}

    def played(self, split: StageSeconds) -> None:
        """Runs have been played, with this split."""
        whole = self._lap()
        self._add("generate", split.generate)
        self._add("idle", split.idle)
        self._add("tools", whole - split.generate - split.idle)

    def drawn(self) -> None:
        """Runs have been judged and are rows; what comes next are log-probabilities."""
        self._add("tools", self._lap())

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Other processes are waited for."""
        self._add("tools", self._lap())
        yield
        self._add("idle", self._lap())

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """Weights are brought to the engine."""
        self._add("tools", self._lap())
        yield
        self._add("sync", self._lap())

    def scored(self) -> None:
        """The log-probabilities before the update are there."""
        self._add("log-probabilities", self._lap())

    def end(self) -> dict[str, float | None]:
        """The parts of the step, in seconds; None is not measured."""
        self._add("update", self._lap())
        return dict(self._parts)

    def _lap(self) -> float:
        since, self._since = self._since, self._clock()
        return self._since - since

    def _add(self, part: str, seconds: float) -> None:
        self._parts[part] = (self._parts[part] or 0.0) + seconds


class PageKeeper:
    """Keeps the page of a training up to date, as far as that takes a hundredth of its time at most.

    With 100 steps it takes 0.05 CPU seconds, with 1,000 it takes 0.2.
    """

    def __init__(self, out: Path, clock: Callable[[], float] = time.perf_counter) -> None:
        """Writes nothing yet.

        Args:
            out: folder of the training.
            clock: tells seconds.
        """
        self._out, self._clock = out, clock
        self._next = clock()

    def __call__(self, rows: Sequence[Row], *, is_wanted: bool) -> None:
        """Writes it, if it is wanted or its time has come."""
        begun = self._clock()
        if not is_wanted and begun < self._next:
            return
        write_page(self._out, rows)
        ended = self._clock()
        self._next = ended + _PAGE_REST * (ended - begun)


class StepLog(TrainerCallback):
    """Writes `log.jsonl` and the page, says a line, and stops where an alarm goes off, step by step."""

    def __init__(
        self,
        out: Path,
        clock: StepClock,
        record: Callable[[str, float], None],
        say: Say,
        alarms: Alarms = Alarms(),  # noqa: B008 (frozen)
        share: Share = lambda found: found,
    ) -> None:
        """Appends to what is there.

        Args:
            out: folder of the training.
            clock: of the steps.
            record: takes a name and a number for the log that is written next.
            say: is told a line a step.
            alarms: which stop it.
            share: tells all processes what the first one found, so that they stop together.
        """
        self._out, self._clock, self._record, self._say = out, clock, record, say
        self._alarms, self._share = alarms, share
        self._rows: list[Row] = []
        self._page = PageKeeper(out)
        self.alarm: Alarm | None = None
        """What it was stopped by."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Reads what alarms have to know: the steps before the checkpoint that it goes on from."""
        path = self._out / LOG
        if state.is_world_process_zero:
            without_cut_line(path)
            self._rows = [row for row in read_log(path) if row["step"] <= state.global_step]

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Starts the clock."""
        self._clock.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stops it."""
        for part, seconds in self._clock.end().items():
            if seconds is not None:
                self._record(f"seconds/{part}", seconds)

    def on_log(self, args: Any, state: Any, control: TrainerControl, **told: Any) -> None:
        """Keeps and tells a step; the summary at the end of a run is no step."""
        logs: Mapping[str, Any] = told["logs"]
        if "loss" not in logs:
            return
        found = self._kept(logs, state.global_step, state.max_steps) if state.is_world_process_zero else None
        self.alarm = self._share(found)
        if self.alarm is not None:
            control.should_training_stop = True
            control.should_save = self.alarm.is_saved

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The page of the whole training."""
        if state.is_world_process_zero and self._rows:
            self._page(self._rows, is_wanted=True)

    def _kept(self, logs: Mapping[str, Any], step: int, steps: int) -> Alarm | None:
        """Writes the step down; the alarm that it sets off."""
        kept = {name: _short(value) for name, value in sorted(logs.items()) if not name.startswith(_NOT_OURS)}
        row = {"step": step, "seconds/sync": None, **kept}
        with (self._out / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, allow_nan=False) + "\n")
        self._say(line_of(step, steps, row))
        self._rows.append(row)
        alarm = alarm_in(self._rows, self._alarms)
        if alarm is not None:
            keep_alarm(self._out, alarm)
        self._page(self._rows, is_wanted=alarm is not None)
        return alarm


def line_of(step: int, steps: int, row: Row) -> str:
    """A step in a line."""
    told = [f"{name} {row[name]:.4g}" for name in _TOLD if row.get(name) is not None]
    seconds = {part: row.get(f"seconds/{part}") for part in PARTS}
    split = ", ".join(f"{part} {'-' if taken is None else f'{taken:.1f}'}" for part, taken in seconds.items())
    whole = sum(taken or 0.0 for taken in seconds.values())
    own = own_share(row)
    ours = "" if own is None else f" (our own code {own:.1%})"
    return f"step {step}/{steps}  {'  '.join(told)}  {whole:.1f} s: {split}{ours}"


def _short(value: Any) -> Any:
    """As JSON has it: what is not a number is null."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{_DIGITS}g}") if abs(value) < float("inf") else None
