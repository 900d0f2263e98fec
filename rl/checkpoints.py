"""The folder of a training as it goes on: with the very training that it was begun with, from its last checkpoint."""

from pathlib import Path


def check_same(path: Path, terms: str) -> None:
    """Writes down what a folder's training is, where it begins.

    Args:
        path: where that is written, in the folder.
        terms: all that makes it the same training.

    Raises:
        ValueError: the folder holds another one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8") != terms:
        raise ValueError(f"{path.parent} holds another training ({path}): choose another `out`, or restore its file")
    path.write_text(terms, encoding="utf-8")


def last_checkpoint(out: Path) -> Path | None:
    """The folder of the last checkpoint; None where there is none yet."""
    found = {int(path.name.rpartition("-")[2]): path for path in out.glob("checkpoint-*") if path.is_dir()}
    return found[max(found)] if found else None
