"""Weights that ship inside installed packages: found without importing the package, used only if their hash is known.

A package's name says little about what is in it, so every file is pinned by its SHA-256. Each process hashes a file
once (all of them, 210 MB, took 0.35 s); a note on disk that a file has passed could be written by whoever swaps it.
"""

import hashlib
import importlib.util
import shlex
import sys
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from tools.observation import MissingPartError
from tools.plain_data import loads_json


@cache
def make_install_command(extra: str) -> str:
    """The command that installs an extra in the way in which this package was installed (uv, pipx or pip)."""
    for note, tool in (("uv-receipt.toml", "uv tool install"), ("pipx_metadata.json", "pipx install")):
        if (Path(sys.prefix) / note).exists():  # such an environment is made anew, with all the extras that are named
            return (
                f"{tool} --force {_format_requirement(_read_origin(), extra if extra == 'lite' else f'lite,{extra}')}"
            )
    return f"pip install {_format_requirement(_read_origin(), extra)}"


def _format_requirement(origin: dict[str, Any], extra: str) -> str:
    """The requirement that pip takes for this package with an extra.

    Args:
        origin: content of `direct_url.json` (PEP 610); empty where an index was the origin.
        extra: name of the extra.
    """
    url = origin.get("url", "")
    if "vcs_info" in origin:
        return shlex.quote(f"videosleuth[{extra}] @ {origin['vcs_info']['vcs']}+{url}")
    if not url.startswith("file:"):
        return shlex.quote(f"videosleuth[{extra}]" + (f" @ {url}" if url else ""))
    is_editable = origin.get("dir_info", {}).get("editable", False)
    return ("-e " if is_editable else "") + shlex.quote(f"{url2pathname(urlsplit(url).path)}[{extra}]")


def _read_origin() -> dict[str, Any]:
    try:
        origin = distribution("videosleuth").read_text("direct_url.json")
    except PackageNotFoundError:
        origin = None
    return dict(loads_json(origin)) if origin else {}


def find_folder(package: str, extra: str) -> Path:
    """The folder of an installed top-level package, found without running any of its code.

    Raises:
        MissingPartError: it is not installed; names the command that installs `extra`.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingPartError(f"{package} is not installed: run `{make_install_command(extra)}`")
    return Path(spec.submodule_search_locations[0])


def is_installed(package: str) -> bool:
    """Whether a top-level package is installed; says nothing about its files."""
    return importlib.util.find_spec(package) is not None


def find_file(package: str, file: str, sha256: str, extra: str) -> Path:
    """The path of a file in an installed package, checked against its hash.

    Args:
        package: top-level package.
        file: path relative to the package's folder.
        sha256: the pinned SHA-256, 64 hex digits.
        extra: extra of this project that brings the package.

    Raises:
        MissingPartError: the package or the file is not there.
        ValueError: the file has another hash.
    """
    path = find_folder(package, extra) / file
    if not path.is_file():
        raise MissingPartError(
            f"{package} is installed but {file} is not in it: remove it with `pip uninstall {package}` and run "
            f"`{make_install_command(extra)}`"
        )
    state = path.stat()
    found = _hash_file(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    if found != sha256:
        raise ValueError(
            f"{path} is not the file that this version was tested with (SHA-256 {found}, expected {sha256}): "
            f"remove it with `pip uninstall {package}` and run `{make_install_command(extra)}`"
        )
    return path


@lru_cache
def _hash_file(path: Path, *_state: int) -> str:
    """The file's SHA-256, 64 hex digits; the other arguments change where the file does."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
