"""Checked reading of annotation files: errors name file, row and key of damaged values."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import StringIO
from pathlib import Path
from typing import Any

from evals.inside import resolve_inside
from tools.packaged_weights import make_install_command
from tools.plain_data import loads_json, read_plain_lines, read_plain_text

_SHOWN = 120
"""Most characters of a file's name in a message."""


@dataclass(frozen=True)
class RecordPlace:
    """File and row of a record, for messages."""

    file: str
    row: int
    """Number of the row or line in the file, from 1."""

    def __str__(self) -> str:
        # the name of a file may have one in it that a stranger wrote: on one line, and not too long
        return f"{repr(self.file)[1:-1][:_SHOWN]}, row {self.row}"


@dataclass(frozen=True)
class Record:
    """One row of an annotation file, with typed getters."""

    place: RecordPlace
    values: Mapping[str, Any]

    def has(self, key: str) -> bool:
        """Whether the key is there with a value other than null."""
        return self.values.get(key) is not None

    def text(self, key: str) -> str:
        """The value as a text that is not blank.

        Raises:
            ValueError: the value is no such text.
        """
        value = self._get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.damaged(key, "a text", value)
        return value

    def name(self, key: str) -> str:
        """The value, a text or a whole number, as text: ids come as either."""
        value = self._get(key)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else self.text(key)

    def number(self, key: str) -> float:
        """The value as a number; a text of digits passes, since CSV has nothing else.

        Raises:
            ValueError: the value is no number.
        """
        value = self._get(key)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise self.damaged(key, "a number", value) from None

    def whole(self, key: str) -> int:
        """The value as a whole number.

        Raises:
            ValueError: the value is no whole number.
        """
        if not (value := self.number(key)).is_integer():
            raise self.damaged(key, "a whole number", value)
        return int(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """The value as a list of texts, which may be empty texts.

        Raises:
            ValueError: the value is no such list.
        """
        value = self._get(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.damaged(key, "a list of texts", value)
        return tuple(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """The value as a JSON object.

        Raises:
            ValueError: the value is no object.
        """
        value = self._get(key)
        if not isinstance(value, dict):
            raise self.damaged(key, "an object", value)
        return value

    def rows(self, key: str) -> tuple["Record", ...]:
        """The value, a list of objects, as records of the same place.

        Raises:
            ValueError: the value is no list of objects.
        """
        value = self._get(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.damaged(key, "a list of objects", value)
        return tuple(Record(self.place, item) for item in value)

    def spans(self, key: str) -> tuple[tuple[float, float], ...]:
        """The value as a list of [start, end] in seconds, whose order only `evals.datasets.lint` checks.

        Raises:
            ValueError: the value is no such list.
        """
        value = self._get(key)
        try:
            return tuple((float(start), float(stop)) for start, stop in value)
        except (TypeError, ValueError):
            raise self.damaged(key, "a list of [start, end]", value) from None

    def letter(self, key: str, option_count: int) -> int:
        """The value, an upper-case option letter, as the option's index.

        Raises:
            ValueError: the value is no letter of an option.
        """
        value = self.text(key).strip()
        index = ord(value) - ord("A") if len(value) == 1 else -1
        if not 0 <= index < option_count:
            raise self.damaged(key, f"a letter of {option_count} options", value)
        return index

    def file(self, key: str, folder: Path) -> Path:
        """The file inside a folder that a text names, whether it is there or not."""
        return resolve_inside(folder, self.text(key), f"{self.place}: {key}")

    def damaged(self, key: str, wanted: str, got: object) -> ValueError:
        """Makes the error for a damaged value.

        Args:
            key: key of the value.
            wanted: what the value should be, for the message.
            got: the value.
        """
        return ValueError(f"{self.place}: {key}: need {wanted}, got {str(got)[:80]!r}; fetch the file again")

    def _get(self, key: str) -> Any:
        if key not in self.values:
            raise ValueError(f"{self.place}: the key {key!r} is missing, there are {sorted(map(str, self.values))}")
        return self.values[key]


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        ValueError: the file is missing or no JSON; says why.
    """
    text = _read_text(path)
    try:
        return loads_json(text)
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}; fetch it again") from error


def read_json_rows(path: Path) -> tuple[Record, ...]:
    """Reads a JSON file that holds a list of objects.

    Raises:
        ValueError: the file is missing or holds something else; says why.
    """
    rows = read_json(path)
    if not isinstance(rows, list):
        raise ValueError(f"{path}: need a list of records, got {type(rows).__name__}")
    return tuple(_record(path, number, row) for number, row in enumerate(rows, start=1))


def read_jsonl_rows(path: Path) -> tuple[Record, ...]:
    """Reads a JSONL file of one object a line."""
    return tuple(_read_jsonl(path))


def _read_jsonl(path: Path) -> Iterator[Record]:
    _check_exists(path)
    for number, line in read_plain_lines(path):
        try:
            row = loads_json(line)
        except ValueError as error:
            raise ValueError(f"{path}, row {number} is not JSON: {error}; fetch it again") from error
        yield _record(path, number, row)


def read_csv_rows(path: Path) -> tuple[Record, ...]:
    """Reads a CSV file with a header; values cut off from a row are missing in its record."""
    rows = csv.DictReader(StringIO(_read_text(path), newline=""))
    return tuple(
        _record(path, number, {key: value for key, value in row.items() if value is not None})
        for number, row in enumerate(rows, start=1)
    )


def read_parquet_rows(path: Path) -> tuple[Record, ...]:
    """Reads a parquet file.

    Raises:
        ValueError: the file is missing, or pyarrow is not installed; names the extra that has it.
    """
    _check_exists(path)
    if find_spec("pyarrow") is None:
        raise ValueError(f"{path} is a parquet file: to read it, {make_install_command('evals')}")
    rows = import_module("pyarrow.parquet").read_table(str(path)).to_pylist()
    return tuple(_record(path, number, row) for number, row in enumerate(rows, start=1))


def read_text_lines(path: Path) -> tuple[tuple[RecordPlace, str], ...]:
    """Reads the lines of a text file that are not blank, with their places."""
    _check_exists(path)
    return tuple((RecordPlace(path.name, number), line) for number, line in read_plain_lines(path))


def _record(path: Path, number: int, row: object) -> Record:
    place = RecordPlace(path.name, number)
    if not isinstance(row, dict):
        raise ValueError(f"{place}: need an object, got {type(row).__name__}")
    return Record(place, row)


def _read_text(path: Path) -> str:
    _check_exists(path)
    return read_plain_text(path)


def _check_exists(path: Path) -> None:
    if not path.is_file():
        raise ValueError(f"{path} does not exist: the data must be the folder with the official files, or one of them")
