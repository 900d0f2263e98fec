"""Reads the log of a training: one row a step, in order, without steps that were undone.

A training that was stopped between two checkpoints makes the steps after the last one again. Both tries are in the
file; the later one counts.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.plain_data import loads_json, read_plain_text

Row = Mapping[str, Any]
"""One step: its number, `step`, and measures by name. A measure that is missing or null was not measured; a loss or a
gradient that is null was not finite, which JSON can't write."""

LOG = "log.jsonl"
TERMS = "training.json"
"""File beside the log with the options of the training."""

PARTS = ("generate", "tools", "log-probabilities", "update", "sync", "idle")
"""Parts of the seconds of a step, under `seconds/`; `rl.monitor.step_log` says what each is."""
ROLLOUT = ("generate", "tools", "sync", "idle")
"""Parts that belong to sampling rollouts; the others belong to the update."""


def read_log(path: Path) -> list[Row]:
    """Reads the rows of a file; none where there is no file.

    Raises:
        ValueError: a line is no step; says which. A last line without an end was cut off in writing and is left out.
    """
    if not path.exists():
        return []
    *lines, _cut = read_plain_text(path).split("\n")
    return drop_undone(_parse_row(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1))


def drop_undone(rows: Iterable[Row]) -> list[Row]:
    """Rows as they were written, without the steps that were trained once more later on."""
    kept: list[Row] = []
    for row in rows:
        while kept and kept[-1]["step"] >= row["step"]:
            kept.pop()
        kept.append(row)
    return kept


def read_number(row: Row, name: str) -> float | None:
    """A measure of a step; None where it was not measured."""
    value = row.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]


def select_known(rows: Sequence[Row], name: str) -> list[tuple[int, float]]:
    """Pairs (step, value) of the steps that have the measure."""
    values = ((row["step"], read_number(row, name)) for row in rows)
    return [(step, value) for step, value in values if value is not None]


def own_share(row: Row) -> float | None:
    """Share of a step's time, 0..1, spent in our own code: tools, decoding, prompts, scoring; None if not measured.

    Only what the model had to wait for: a tool that runs while the model works for another run costs nothing.
    """
    return _share(row, ("tools",))


def rollout_share(row: Row) -> float | None:
    """Share of a step's time, 0..1, spent on sampling rollouts; None if not measured."""
    return _share(row, ROLLOUT)


def remove_cut_line(path: Path) -> None:
    """Removes a last line that was cut off in writing, so that the next one begins a line."""
    if not path.exists():
        return
    written = path.read_bytes()
    whole = written.rfind(b"\n") + 1
    if whole < len(written):
        with path.open("r+b") as file:
            file.truncate(whole)


def _share(row: Row, parts: Sequence[str]) -> float | None:
    seconds = {part: read_number(row, f"seconds/{part}") for part in PARTS}
    whole = sum(taken or 0.0 for taken in seconds.values())
    if seconds["tools"] is None or not whole:
        return None
    return sum(seconds[part] or 0.0 for part in parts) / whole


def _parse_row(line: str, where: str) -> Row:
    try:
        row = loads_json(line)
    except ValueError as error:
        raise ValueError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
        raise ValueError(f'{where}: no step of a training: want an object with "step", a whole number, got {line:.80}')
    return row
