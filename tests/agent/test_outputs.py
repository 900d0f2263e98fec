"""Files that were asked for: what speaks against them is said before the work, and they come whole or not at all."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.outputs import check_writable, write_output


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (["folder"], "it is a folder"),
        (["no/such/file"], "no/such is not a folder"),
        (["video.mp4"], "it is read"),
        (["link-to-video"], "it is read"),
        (["a", "a"], "another file goes there"),
        (["./a", "folder/../a"], "another file goes there"),
        (["x" * 300], "name too long"),
    ],
)
def test_what_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: list[str], why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("video.mp4").write_bytes(b"x")
    Path("link-to-video").symlink_to("video.mp4")
    with pytest.raises(ValueError, match=f"(?i)can't write .*{why}"):
        check_writable(wanted, ["video.mp4", None])
    assert Path("video.mp4").read_bytes() == b"x"


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser writes everywhere")
def test_a_folder_that_may_not_be_written_is_said_before_the_work(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ValueError, match="Permission denied"):
            check_writable([tmp_path / "a"])
    finally:
        tmp_path.chmod(0o700)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB that is full."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or subprocess.run([mount, "-t", "tmpfs", "-o", "size=100k", "none", str(folder)]).returncode:
        pytest.skip("needs the right to mount a small file system")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_full_disk_is_said_before_the_work_and_leaves_the_old_file_after_it(full_disk: Path) -> None:
    write_output(full_disk / "run.json", "old")
    with pytest.raises(OSError, match="No space left"):
        write_output(full_disk / "run.json", bytes(200_000))
    assert [(path.name, path.read_text()) for path in full_disk.iterdir()] == [("run.json", "old")]
    with pytest.raises(OSError, match="No space left"):
        (full_disk / "filler").write_bytes(bytes(200_000))
    with pytest.raises(ValueError, match="No space left"):
        check_writable([full_disk / "run.json"])


def test_nothing_is_made_by_looking(tmp_path: Path) -> None:
    check_writable([tmp_path / "a", None])
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions and links")
def test_permissions_and_links_of_a_file_that_is_there_stay(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o640)
    (tmp_path / "link").symlink_to("file")
    write_output(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640
    umask = os.umask(0o022)
    try:
        write_output(tmp_path / "fresh", "new")
    finally:
        os.umask(umask)
    assert (tmp_path / "fresh").stat().st_mode & 0o777 == 0o644


def test_a_stream_is_written_in_place(tmp_path: Path) -> None:
    check_writable([os.devnull])
    write_output(os.devnull, "x")
    assert Path(os.devnull).is_char_device() or os.name == "nt"
