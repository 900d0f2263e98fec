"""Weights that ship inside installed packages: found without importing the package, used only if their hash is known.

A package's name says little about what is in it, so every file is pinned by its SHA-256. Hashing 145 MB takes a good
part of a second, so a file that passed is remembered by path, size and modification time.
"""

import hashlib
import importlib.util
from contextlib import suppress
from pathlib import Path

from tools.cache import cache_root, read_json_or_none, write_json
from tools.observation import MissingPartError

_CHUNK_BYTES = 1 << 20


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
    found = _sha256(path)
    if found != sha256:
        raise ValueError(
            f"{path} is not the file that this version was tested with (SHA-256 {found}, expected {sha256}): "
            f"install the pinned version with `pip install --force-reinstall 'videosleuth[{extra}]'`"
        )
    return path


def _sha256(path: Path) -> str:
    """The file's SHA-256, from memory where size and modification time are those of an earlier look."""
    memory_path = cache_root() / "verified-weights.json"
    memory = read_json_or_none(memory_path)
    memory = memory if isinstance(memory, dict) else {}
    stat = path.stat()
    state = [stat.st_size, stat.st_mtime_ns]
    match memory.get(str(path)):
        case [size, modified, str(known)] if [size, modified] == state:
            return known
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    memory[str(path)] = [*state, digest.hexdigest()]
    with suppress(OSError):  # a cache that cannot be written costs the hashing again, nothing else
        write_json(memory_path, memory)
    return digest.hexdigest()
