"""Where runs are kept may be damaged, held or full: a run never ends because of it, and nothing damaged is resumed."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.loop import checkpoint
from agent.loop.checkpoint import open_sqlite_checkpointer
from agent.loop.graph import RunContext, build_graph, run_graph
from agent.policies.scripted import ScriptedPolicy
from agent.trajectory import Stop, Trajectory
from tests.agent.loop.test_graph import START, TURNS, Looker
from tests.poison import POISONS, poison


def play(path: Path, looker: Looker, *, resume: bool = False) -> Trajectory:
    with open_sqlite_checkpointer(path) as saver:
        players = RunContext(ScriptedPolicy(TURNS), looker, verify=False)
        return run_graph(START, players, graph=build_graph(saver), thread_id="q1", resume=resume)


@pytest.fixture
def interrupted(tmp_path: Path) -> Path:
    """The file of a run that was interrupted in its third look."""
    path = tmp_path / "cache" / "runs.sqlite"
    play(path, Looker({3: KeyboardInterrupt()}))
    return path


def _other_schema(path: Path, _: bytes) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE checkpoints (thread_id TEXT, state TEXT)")
    connection.close()


def _page_of_noise(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))


DAMAGES = {how: make for how, make in POISONS.items() if how not in ("empty", "a changed byte", "no permission")}
DAMAGES |= {"another schema": _other_schema, "pages of noise": _page_of_noise}


@pytest.mark.skipif(os.name == "nt", reason="needs pipes and links")
@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("resume", [False, True])
def test_a_file_that_is_damaged_is_set_aside_and_the_run_is_played_and_kept(
    interrupted: Path, caplog: pytest.LogCaptureFixture, how: str, resume: bool
) -> None:
    whole = interrupted.read_bytes()
    interrupted.unlink()
    DAMAGES[how](interrupted, whole)
    looker = Looker({3: KeyboardInterrupt()})
    assert play(interrupted, looker, resume=resume).stop is Stop.INTERRUPTED
    assert looker.ran == [1, 2]
    assert [("a new one is begun" in r.getMessage(), r.getMessage().count("\n")) for r in caplog.records] == [(True, 0)]
    assert os.path.lexists(f"{interrupted}.damaged")
    again = Looker()
    assert play(interrupted, again, resume=True).stop is Stop.ANSWERED
    assert again.ran == [3]


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "a changed bit": lambda value: value[:-5] + bytes([value[-5] ^ 1]) + value[-4:],
    "half": lambda value: value[: len(value) // 2],
    "empty": lambda value: b"",
    "another value": lambda value: b"\x81\xa1a\x01",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("column", ["checkpoint", "metadata", "type"])
def test_rows_that_were_changed_are_not_resumed_and_that_is_one_sentence(
    interrupted: Path, caplog: pytest.LogCaptureFixture, change: str, column: str
) -> None:
    with sqlite3.connect(interrupted) as connection:
        rows = connection.execute(f"SELECT rowid, {column} FROM checkpoints").fetchall()
        for row, value in rows:
            raw = value.encode() if isinstance(value, str) else value
            changed = CHANGES[change](raw)
            stored = changed.decode("latin-1") if isinstance(value, str) else changed
            connection.execute(f"UPDATE checkpoints SET {column} = ? WHERE rowid = ?", (stored, row))
    connection.close()
    looker = Looker()
    assert play(interrupted, looker, resume=True).stop is Stop.ANSWERED
    if column != "metadata":  # of which a bit may change and mean nothing
        assert looker.ran == [1, 2, 3]
        assert len(caplog.records) == 1
        assert "can't be read, so it starts again" in caplog.text


def test_a_file_that_another_process_holds_is_waited_for_and_then_done_without(
    interrupted: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_PATIENCE_SECONDS", 0.2)
    holder = sqlite3.connect(interrupted, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert play(interrupted, Looker()).stop is Stop.ANSWERED
    assert "is not kept and can't be resumed" in caplog.text
    assert len(caplog.records) == 1
    holder.execute("ROLLBACK")
    holder.close()
    assert play(interrupted, Looker(), resume=True).stop is Stop.ANSWERED
    assert not Path(f"{interrupted}.damaged").exists()


def test_a_file_that_another_process_takes_meanwhile_ends_the_keeping_and_not_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "_PATIENCE_SECONDS", 0.1)
    path = tmp_path / "runs.sqlite"
    holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)

    class Taker(Looker):
        def call(self, name: str, arguments: dict[str, object]):
            if arguments["seconds"] == 2:
                holder.execute("BEGIN IMMEDIATE")
            return super().call(name, arguments)

    assert play(path, Taker()).stop is Stop.ANSWERED
    assert [record.getMessage()[:43] for record in caplog.records] == ["this run is not kept from here on and can't"]
    holder.close()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB that is nearly full."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=100k", "none", str(folder)]).returncode:
        pytest.skip("needs the right to mount a small file system")
    (folder / "filler").write_bytes(bytes(60_000))
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_on_a_full_disk_a_run_is_played_without_being_kept(full_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert play(full_disk / "runs.sqlite", Looker()).stop is Stop.ANSWERED
    assert "can't be resumed" in caplog.text


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser writes everywhere")
def test_in_a_folder_that_cannot_be_written_a_run_is_played_without_being_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o500)
    try:
        assert play(tmp_path / "runs.sqlite", Looker()).stop is Stop.ANSWERED
    finally:
        tmp_path.chmod(0o700)
    assert "can't be resumed" in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_what_is_kept_of_a_run_is_for_its_owner_alone(interrupted: Path) -> None:
    assert interrupted.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_a_file_without_permissions_is_no_hindrance(interrupted: Path) -> None:
    poison(interrupted, "no permission")
    assert play(interrupted, Looker()).stop is Stop.ANSWERED
