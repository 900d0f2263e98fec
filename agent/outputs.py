"""Writes output files whole or not at all, and checks before the work that they can be written."""

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

_PROBE = bytes(1 << 16)
"""Bytes written to find out whether a disk has room: 64 KiB, more than one block of a file system."""


def check_writable(wanted: Iterable[str | Path | None], inputs: Iterable[str | Path | None] = ()) -> None:
    """Fails before the work, not after it, where an output can't be written.

    Args:
        wanted: files to be written; None is skipped.
        inputs: files that are read and so must not be written; None is skipped.

    Raises:
        ValueError: an output can't be written, is named twice, or is an input.
    """
    taken = {Path(path).resolve(): "it is read" for path in inputs if path is not None}
    for path in (Path(path) for path in wanted if path is not None):
        if path.resolve() in taken:
            raise ValueError(f"can't write {path}: {taken[path.resolve()]}")
        taken[path.resolve()] = "another file goes there"
        if not path.absolute().parent.is_dir():
            raise ValueError(f"can't write {path}: {path.absolute().parent} is not a folder")
        try:
            if path.is_dir():
                raise ValueError(f"can't write {path}: it is a folder")
            _try_writing(path)
        except OSError as error:
            raise ValueError(f"can't write {path}: {error.strerror}") from error


def _try_writing(path: Path) -> None:
    if path.exists() and not path.is_file():  # a terminal or a pipe
        if not os.access(path, os.W_OK):
            raise PermissionError(0, "no permission")
        return
    if path.exists():
        path.open("ab").close()
    with tempfile.TemporaryFile(dir=path.resolve().parent) as file:
        file.write(_PROBE)  # a full disk takes none


def write_output(path: str | Path, data: bytes | str) -> None:
    """Writes a file whole or not at all; through a link, and with the permissions of a file that is there.

    Raises:
        OSError: it can't be written; names the file.
    """
    raw = data.encode("utf-8") if isinstance(data, str) else data
    try:
        _write(Path(path).resolve(), raw)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(path: Path, raw: bytes) -> None:
    if path.exists() and not path.is_file():  # a terminal or a pipe
        path.write_bytes(raw)
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_read_umask())
        beside.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            beside.unlink()
        raise


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
