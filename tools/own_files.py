"""Files that the program keeps for itself, in folders where anything may lie by the time it comes back.

Only a plain file counts as one of them: a link is not followed, a pipe is not waited for, a folder is not read, and
what lies in the place of one is put out of the way. JSON stands behind a checksum and is checked for its types. New
files and folders are for their owner alone.
"""

import errno
import json
import os
import shutil
import stat
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

from pydantic import TypeAdapter

_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_LARGEST_JSON_BYTES = 256 * 2**20
"""Bytes that are read of a file of JSON, whatever lies there: bounds the memory of a read."""
_Kept = TypeVar("_Kept")


def make_own_folder(folder: Path) -> Path:
    """Makes a folder if it is not there; a link or a file in its place is set aside.

    Raises:
        OSError: it cannot be made, or not be written.
    """
    if is_there(folder) and not stat.S_ISDIR(folder.lstat().st_mode):
        set_aside(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        with suppress(OSError):
            folder.chmod(0o700)
    return folder


def is_there(path: Path) -> bool:
    """Whether anything has this name, a link that leads nowhere too."""
    return os.path.lexists(path)


def is_plain_file(path: Path) -> bool:
    """Whether a path is a file itself, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def open_own(path: Path) -> BinaryIO:
    """Opens a plain file for reading, without following a link or waiting for a pipe.

    Raises:
        OSError: it is not there, no plain file, or may not be read.
    """
    handle = os.open(path, os.O_RDONLY | _FLAGS)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(errno.ENOENT, "not a plain file", str(path))
    return os.fdopen(handle, "rb")


def append_own(path: Path) -> BinaryIO:
    """Opens a plain file for writing at its end; makes it if it is not there."""
    clear_way(path)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _FLAGS, 0o600), "ab")


def clear_way(path: Path) -> None:
    """Removes what lies in the place of a file of ours: anything but a plain file that may be written."""
    if not is_there(path):
        return
    if is_plain_file(path):
        if not os.access(path, os.R_OK | os.W_OK):
            with suppress(OSError):
                path.chmod(0o600)
        if os.access(path, os.R_OK | os.W_OK):
            return
    remove(path)


def remove(path: Path) -> None:
    """Removes a file, a link itself, or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def set_aside(path: Path) -> Path:
    """Renames a file or folder to `NAME.damaged`, replacing an earlier one; gives the new path."""
    aside = path.with_name(f"{path.name}.damaged")
    if is_there(aside):
        remove(aside)
    path.rename(aside)
    return aside


def add_checksum(value: Any) -> bytes:
    """A value as JSON within a JSON object that also holds the CRC-32 of it."""
    body = json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False).encode()
    return b'{"crc32": %d, "kept":\n%s\n}\n' % (zlib.crc32(body), body)


def read_checked(path: Path, kind: TypeAdapter[_Kept]) -> _Kept | None:
    """Reads a value that `add_checksum` wrote, in its type; None where there is no such file, or a damaged one."""
    try:
        with open_own(path) as file:
            raw = file.read(_LARGEST_JSON_BYTES)
        head, body = raw.removesuffix(b"\n}\n").split(b"\n", 1)
        if head != b'{"crc32": %d, "kept":' % zlib.crc32(body):
            return None
        json.loads(body, parse_float=_parse_finite, parse_constant=_refuse)
        return kind.validate_json(body, strict=True)
    except (OSError, ValueError, RecursionError):
        return None


def _parse_finite(digits: str) -> float:
    if abs(value := float(digits)) == float("inf"):
        raise ValueError(f"too large a number: {digits}")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
