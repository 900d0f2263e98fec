"""Keeps a run in a SQLite file after every step, so that it can be resumed.

LangGraph's own serializer gives tuples back as lists, which would make a resumed trajectory another value than the
one that was kept. Our records therefore go through their own JSON, and come back equal.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from pydantic import TypeAdapter

from agent.trajectory import Trajectory, Turn

_KEY = "videosleuth"
_ADAPTERS: dict[str, TypeAdapter[Any]] = {"Trajectory": TypeAdapter(Trajectory), "Turn": TypeAdapter(Turn)}


class RecordSerializer(JsonPlusSerializer):
    """LangGraph's serializer, with trajectories and turns as their own JSON."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Type and bytes of a value."""
        return super().dumps_typed(_packed(obj))

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value that `dumps_typed` was given."""
        return _unpacked(super().loads_typed(data))


@contextmanager
def sqlite_checkpointer(path: Path) -> Iterator[SqliteSaver]:
    """A checkpointer in a SQLite file, made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, check_same_thread=False, timeout=30)
    # with the write-ahead log a kill loses nothing; only a power cut may lose the last steps, at a third less CPU
    connection.execute("PRAGMA synchronous=NORMAL")
    try:
        yield SqliteSaver(connection, serde=RecordSerializer(allowed_msgpack_modules=None))
    finally:
        connection.close()


def _packed(value: Any) -> Any:
    if (adapter := _ADAPTERS.get(type(value).__name__)) is not None:
        return {_KEY: type(value).__name__, "json": adapter.dump_json(value)}
    if isinstance(value, dict):
        return {key: _packed(item) for key, item in value.items()}
    return value


def _unpacked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if _KEY in value:
        return _ADAPTERS[value[_KEY]].validate_json(value["json"])
    return {key: _unpacked(item) for key, item in value.items()}
