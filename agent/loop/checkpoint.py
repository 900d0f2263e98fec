"""Keeps a run in a SQLite file after every step, so that it can be resumed.

LangGraph's own serializer gives tuples back as lists, which would make a resumed trajectory another value than the
one that was kept. Our records therefore go through their own JSON, and come back equal. Every value stands behind a
checksum. No run ends because of where it is kept: a damaged file is set aside, and a run that can't be kept goes on.
"""

import logging
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from filelock import Timeout
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from pydantic import TypeAdapter

from agent.trajectory import Trajectory, Turn
from tools.cache import open_writer_lock
from tools.own_files import clear_way, is_plain_file, is_there, set_aside

_log = logging.getLogger(__name__)

_KEY = "videosleuth"
_ADAPTERS: dict[str, TypeAdapter[Any]] = {"Trajectory": TypeAdapter(Trajectory), "Turn": TypeAdapter(Turn)}

_PATIENCE_SECONDS = 10.0
"""Seconds that another process that writes in the file is waited for."""
_CHECKED_BYTES = 64 * 2**20
"""Size up to which a file is checked as a whole when it is opened; ended runs are deleted, so it is usually small."""
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_IOERR)
"""SQLite's errors that say nothing against the file itself."""
_COLUMNS = {
    "checkpoints": "thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata",
    "writes": "thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value",
}


class RecordSerializer(JsonPlusSerializer):
    """LangGraph's serializer, with trajectories and turns as their own JSON, and every value behind a checksum."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The type and the bytes of a value, four bytes of checksum first."""
        kind, data = super().dumps_typed(_pack(obj))
        return kind, _compute_checksum(kind, data) + data

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """The value behind bytes that `dumps_typed` gave.

        Raises:
            ValueError: the bytes are damaged.
        """
        kind, (checksum, content) = data[0], (data[1][:4], data[1][4:])
        if checksum != _compute_checksum(kind, content):
            raise ValueError("its checksum is not that of what was kept")
        return _unpack(super().loads_typed((kind, content)))


class RunKeeper(SqliteSaver):
    """A checkpointer that never ends a run: from the first failure on, the run goes on unkept, with one warning."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection, serde=RecordSerializer(allowed_msgpack_modules=None))
        self._has_failed = False

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The last checkpoint of a run; None if there is none, or the file can't be read."""
        try:
            return None if self._has_failed else super().get_tuple(config)
        except sqlite3.Error as error:
            self._fail(error)
            return None

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keeps a checkpoint and gives the configuration that names it; the arguments are LangGraph's.

        Args:
            config: names the run.
            checkpoint: the state to keep.
            metadata: what LangGraph records beside it.
            new_versions: versions of the channels that changed.
        """
        try:
            if not self._has_failed:
                return super().put(config, checkpoint, metadata, new_versions)
        except sqlite3.Error as error:
            self._fail(error)
        return {"configurable": {**config["configurable"], "checkpoint_id": checkpoint["id"]}}

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keeps the writes of one node; the arguments are LangGraph's.

        Args:
            config: names the checkpoint.
            writes: pairs of channel and value.
            task_id: id of the node's task.
            task_path: path of the node's task.
        """
        try:
            if not self._has_failed:
                super().put_writes(config, writes, task_id, task_path)
        except sqlite3.Error as error:
            self._fail(error)

    def delete_thread(self, thread_id: str) -> None:
        """Deletes what is kept of a run."""
        try:
            if not self._has_failed:
                super().delete_thread(thread_id)
        except sqlite3.Error as error:
            self._fail(error)

    def _fail(self, error: sqlite3.Error) -> None:
        if not self._has_failed:
            _log.warning("this run is not kept from here on and can't be resumed: %s", error)
        self._has_failed = True


@contextmanager
def open_sqlite_checkpointer(path: Path) -> Iterator[RunKeeper]:
    """A checkpointer in a SQLite file, made if it is not there; in memory where the file can't be used."""
    with closing(_connect(path)) as connection:
        yield RunKeeper(connection)


def _connect(path: Path) -> sqlite3.Connection:
    try:
        # under a lock: a file that two processes find damaged must not be set aside twice
        with open_writer_lock("runs", path.parent).acquire(timeout=_PATIENCE_SECONDS):
            return _connect_if_sound(path) or _replace_damaged(path)
    except (OSError, sqlite3.Error, Timeout) as error:
        _log.warning("this run is not kept and can't be resumed: %s: %s", path, _explain(error))
        return sqlite3.connect(":memory:", check_same_thread=False)


def _connect_if_sound(path: Path) -> sqlite3.Connection | None:
    """A connection to a file, made if it is not there; None if the file is damaged, or not one of ours.

    Raises:
        sqlite3.Error, OSError: the file can't be used now, and nothing speaks against it.
    """
    if is_there(path) and not is_plain_file(path):
        return None
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite itself would let everybody read it
    connection = sqlite3.connect(path, check_same_thread=False, timeout=_PATIENCE_SECONDS)
    try:
        _check(connection, path.stat().st_size)
    except sqlite3.DatabaseError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF in _PASSING:
            raise
        return None
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, size_bytes: int) -> None:
    # with the write-ahead log a kill loses nothing; only a power cut may lose the last steps, at a third less CPU
    connection.execute("PRAGMA synchronous=NORMAL")
    SqliteSaver(connection).setup()
    for table, columns in _COLUMNS.items():
        connection.execute(f"SELECT {columns} FROM {table} LIMIT 1").fetchall()
    connection.execute("BEGIN IMMEDIATE")  # can it be written?
    connection.rollback()
    if size_bytes <= _CHECKED_BYTES and connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        damage = sqlite3.DatabaseError("database disk image is malformed")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise damage


def _replace_damaged(path: Path) -> sqlite3.Connection:
    aside = set_aside(path)
    for log in ("-wal", "-shm"):
        beside = path.with_name(path.name + log)
        if is_there(beside):
            clear_way(beside)
            beside.unlink(missing_ok=True)
    _log.warning("%s was damaged or of another program: it is now %s, and a new one is begun", path, aside.name)
    connection = _connect_if_sound(path)
    if connection is None:
        raise sqlite3.DatabaseError("a new file can't be used either")
    return connection


def _explain(error: Exception) -> str:
    return "another process does not let go of it" if isinstance(error, Timeout) else str(error)


def _compute_checksum(kind: str, data: bytes) -> bytes:
    return zlib.crc32(data, zlib.crc32(kind.encode())).to_bytes(4, "little")


def _pack(value: Any) -> Any:
    if (adapter := _ADAPTERS.get(type(value).__name__)) is not None:
        return {_KEY: type(value).__name__, "json": adapter.dump_json(value)}
    if isinstance(value, dict):
        return {key: _pack(item) for key, item in value.items()}
    return value


def _unpack(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if _KEY in value:
        return _ADAPTERS[value[_KEY]].validate_json(value["json"])
    return {key: _unpack(item) for key, item in value.items()}
