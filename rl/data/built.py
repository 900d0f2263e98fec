"""The folder that `rl.data.curation` writes, as a source of training questions.

`built.json` says where the questions come from: a composed set, of which some are kept, or `questions.jsonl` beside it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from evals.datasets.clips import ExampleSet, open_clips
from evals.datasets.composed import open_composed

BUILT = "built.json"

_RecordT = TypeVar("_RecordT")


@dataclass(frozen=True)
class BuiltSource:
    """Where the kept questions of a building come from."""

    data: str
    """The set as `--data` named it; empty for written questions."""
    videos: str
    """Folder of the videos of written questions; empty for a set."""
    kept: tuple[str, ...]
    """Ids of the kept questions, as the set has them."""


_SOURCE: TypeAdapter[BuiltSource] = TypeAdapter(BuiltSource)


def open_built(folder: Path) -> ExampleSet:
    """Opens the kept questions of a building.

    Raises:
        ValueError: the folder holds no building, or its set has changed.
    """
    source = read_record(folder / BUILT, _SOURCE)
    if not source.data:
        return open_clips(folder, Path(source.videos), "built")
    return open_composed(source.data).select(source.kept)


def read_record(path: Path, adapter: TypeAdapter[_RecordT]) -> _RecordT:
    """Reads one of the JSON files that a building leaves in its folder.

    Args:
        path: the file.
        adapter: reads and checks the type of the record.

    Raises:
        ValueError: the file is not there, or holds another type.
    """
    if not path.is_file():
        raise ValueError(
            f"no questions were built in {path.parent}: make some with python -m rl.data.curation --out {path.parent}"
        )
    try:
        return adapter.validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} can't be read: {error.errors()[0]['msg']}") from error
