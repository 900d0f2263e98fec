"""Weights that ship inside installed packages: found without importing the package, used only if their hash is known.

A package's name says little about what is in it, so every file is pinned by its SHA-256. Each process hashes a file
once (all of them, 210 MB, took 0.35 s); a note on disk that a file has passed could be written by whoever swaps it.
"""

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

from tools.observation import MissingPartError


def folder(package: str, extra: str) -> Path:
    """The folder of an installed top-level package, found without running any of its code."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPartError(f"{package} is not installed: run `pip install 'videosleuth[{extra}]'`")
    return Path(spec.submodule_search_locations[0])


def is_installed(package: str) -> bool:
    """Whether a top-level package is there; says nothing about its files."""
    return importlib.util.find_spec(package) is not None


def find(package: str, file: str, sha256: str, extra: str) -> Path:
    """The path of `file` (relative to the package's folder) if its SHA-256 (64 hex digits) is the pinned one."""
    path = folder(package, extra) / file
    if not path.is_file():
        raise MissingPartError(
            f"{package} is installed but {file} is not in it: reinstall with `pip install --force-reinstall "
            f"'videosleuth[{extra}]'`"
        )
    state = path.stat()
    found = _sha256(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if found != sha256:
        raise ValueError(
            f"{path} is not the file that this version was tested with (SHA-256 {found}, expected {sha256}): "
            f"install the pinned version with `pip install --force-reinstall 'videosleuth[{extra}]'`"
        )
    return path


@lru_cache
def _sha256(path: Path, *_state: int) -> str:
    """The file's SHA-256, 64 hex digits; the other arguments change where the file does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
