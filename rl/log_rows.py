"""The log of a training as it was trained: a row a step, in order, and none that was taken back.

A training that was stopped between two checkpoints plays the steps after the last one again. Both tries stand in the
file; what counts is the later one.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
"""One step: its number, `step`, and measures by name. A measure that is missing or null was not measured; a loss and a
gradient that are null were no numbers, as JSON has none for those."""

LOG = "log.jsonl"


def read_log(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file.

    Raises:
        ValueError: a line is no step; says which. A last line without an end was cut off in writing and is left out.
    """
    if not path.exists():
        return []
    *lines, _cut = path.read_text(encoding="utf-8").split("\n")
    return as_trained(_row(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1))


def as_trained(rows: Iterable[Row]) -> list[Row]:
    """Rows as they were written, without the steps that were trained once more later on."""
    kept: list[Row] = []
    for row in rows:
        while kept and kept[-1]["step"] >= row["step"]:
            kept.pop()
        kept.append(row)
    return kept


def number_of(row: Row, name: str) -> float | None:
    """A measure of a step; None where it was not measured."""
    value = row.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type]


def known(rows: Sequence[Row], name: str) -> list[tuple[int, float]]:
    """(step, value) of the steps that have the measure."""
    values = ((row["step"], number_of(row, name)) for row in rows)
    return [(step, value) for step, value in values if value is not None]


def _row(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: not JSON: {error}") from error
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
        raise ValueError(f'{where}: no step of a training: want an object with "step", a whole number, got {line:.80}')
    return row
