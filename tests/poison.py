"""What can lie in the place of a file that was kept: each maker puts something there that must never be believed."""

import os
import socket
from collections.abc import Callable
from pathlib import Path


def _half(path: Path, whole: bytes) -> None:
    path.write_bytes(whole[: len(whole) // 2])


def _flipped(path: Path, whole: bytes) -> None:
    whole = whole or b"\0"
    middle = len(whole) // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])


def _folder(path: Path, _: bytes) -> None:
    path.mkdir()
    (path / "inside").write_text("x")


def _socket(path: Path, _: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path may have 107 bytes at most
        try:
            opened.bind(path.name)
        finally:
            os.chdir(here)


def _link(path: Path, _: bytes) -> None:
    victim(path).write_text("mine")
    path.symlink_to(victim(path))


def victim(path: Path) -> Path:
    """The file that `link` leads to: it must stay as it is."""
    return path.parents[2] / "victim-of-a-link"


def _unreadable(path: Path, whole: bytes) -> None:
    path.write_bytes(whole)
    path.chmod(0)


POISONS: dict[str, Callable[[Path, bytes], None]] = {
    "empty": lambda path, _: path.write_bytes(b"") and None,
    "half": _half,
    "a changed byte": _flipped,
    "noise": lambda path, whole: path.write_bytes(bytes(range(256)) * (len(whole) // 256 + 1)) and None,
    "deep JSON": lambda path, _: path.write_bytes(b"[" * 200_000) and None,
    "a folder": _folder,
    "a pipe": lambda path, _: os.mkfifo(path),
    "a socket": _socket,
    "a link": _link,
    "a link to itself": lambda path, _: path.symlink_to(path.name),
    "no permission": _unreadable,
}


def poison(path: Path, how: str) -> None:
    """Puts it in the place of a file that is there."""
    whole = path.read_bytes()
    path.unlink()
    POISONS[how](path, whole)
