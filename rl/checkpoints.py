"""Resuming: a folder holds one training, and continues from its last whole checkpoint."""

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from tools.cache import write_atomically
from tools.plain_data import loads_json

_STATE = "trainer_state.json"
"""The file that a trainer writes last: a checkpoint with it is whole."""


def check_same(path: Path, terms: str, free: Collection[str] = (), what: str = "training") -> None:
    """Records the options of a folder's training when it begins; later, refuses other ones.

    Args:
        path: file of the folder in which the options are kept.
        terms: the options that make it the same training, as a JSON object.
        free: keys, as `play.concurrency`, that may change, since the training learns the same with them.
        what: what the folder holds, for the message.

    Raises:
        ValueError: the folder holds another one; names the first option that differs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        before, now = (_flatten(loads_json(text), free) for text in (path.read_text(encoding="utf-8"), terms))
        if differing := [key for key in (*now, *before) if before.get(key) != now.get(key)]:
            key = differing[0]
            raise ValueError(
                f"{path.parent} holds another {what}: there {key} is {before.get(key)!r}, and now {now.get(key)!r}; "
                "choose another `out`, or the options of before"
            )
    write_atomically(path, terms)


def last_checkpoint(out: Path) -> Path | None:
    """Folder of the last checkpoint that was written to its end; None where there is none yet."""
    named = ((re.fullmatch(r"checkpoint-(\d+)", path.name), path) for path in out.glob("checkpoint-*"))
    found = {int(match[1]): path for match, path in named if match is not None and _is_whole(path)}
    return found[max(found)] if found else None


def _is_whole(checkpoint: Path) -> bool:
    try:
        loads_json((checkpoint / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # the training was stopped while it was being written
        return False
    return True


def _flatten(table: dict[str, Any], free: Collection[str], head: str = "") -> dict[str, Any]:
    """The values of a nested table by dotted key, without those that may change."""
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{head}{key}"
        if name not in free:
            found |= _flatten(value, free, f"{name}.") if isinstance(value, dict) else {name: value}
    return found
