"""Resuming: a folder holds one training, and continues from its last checkpoint."""

from pathlib import Path


def check_same(path: Path, terms: str) -> None:
    """Records the options of a folder's training when it begins; later, refuses other ones.

    Args:
        path: file of the folder in which the options are kept.
        terms: the options that make it the same training.

    Raises:
        ValueError: the folder holds another one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8") != terms:
        raise ValueError(f"{path.parent} holds another training ({path}): choose another `out`, or restore its file")
    path.write_text(terms, encoding="utf-8")


def last_checkpoint(out: Path) -> Path | None:
    """Folder of the last checkpoint of a training; None where there is none yet."""
    found = {int(path.name.rpartition("-")[2]): path for path in out.glob("checkpoint-*") if path.is_dir()}
    return found[max(found)] if found else None
