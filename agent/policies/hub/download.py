"""Downloads of models from the Hugging Face hub into its usual cache, by huggingface_hub: resumed, every file hashed.

The client checks a file's size alone and goes on within one run only. Here each file is held to the hash that the hub
lists for it, also one that was here before, and only files that hold no code are fetched.
"""

import errno
import hashlib
import logging
import re
import shutil
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from filelock import FileLock
from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError
from huggingface_hub.file_download import _create_symlink, http_get
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils._headers import build_hf_headers

from agent.policy import PolicyError
from tools.cache import CacheError, hold_lock, write_atomically

WEIGHTS = ("model*.safetensors", "*.safetensors", "pytorch_model*.bin", "*.bin")
"""Names of weights, the preferred ones first: of a repository's several forms one is fetched."""
_SMALL = ("*.json", "*.txt", "*.model", "*.jinja", "LICENSE*")
_TIMEOUT_SECONDS = 10.0
"""Seconds that the hub may take to describe a model."""
_SPARE_BYTES = 100_000_000
"""Disk that a download leaves free."""
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
"""What a commit and a hash look like: both become names of files here, and a hub may list anything."""


@dataclass(frozen=True)
class HubFile:
    """A file of a model on the hub."""

    name: str
    size_bytes: int
    hash: str
    """SHA-256 of a file that is stored as a large one, 64 hex digits; git's own SHA-1 of any other, 40 hex digits."""


@dataclass(frozen=True)
class HubModel:
    """A model on the hub: the files that would be fetched, at one commit."""

    id: str
    commit: str
    files: tuple[HubFile, ...]
    """The small ones first, so that whatever lies here with all its weights is whole."""
    licence: str
    """Licence in the words of the model's card; empty where it says nothing."""

    @property
    def size_bytes(self) -> int:
        """Bytes of all files."""
        return sum(file.size_bytes for file in self.files)


class Hub:
    """A hub and the cache that its models are fetched into."""

    def __init__(self, endpoint: str | None = None, cache: Path | None = None) -> None:
        """Names the hub and the cache; nothing is asked yet.

        Args:
            endpoint: address of the hub; HF_ENDPOINT's if None, else that of Hugging Face.
            cache: folder of the cache; that of huggingface_hub if None.
        """
        self.endpoint = endpoint or constants.ENDPOINT
        self.cache = cache or Path(constants.HF_HUB_CACHE)

    def look_up(self, model_id: str, weights: tuple[str, ...] = WEIGHTS) -> HubModel:
        """The model of an id as the hub describes it now; nothing is downloaded.

        Args:
            model_id: id on the hub, as ORG/MODEL.
            weights: names of the weights, the preferred ones first, as fnmatch takes them.

        Raises:
            PolicyError: there is no such model, none that can be had, or no network.
        """
        _silence_client()
        try:
            info = HfApi(self.endpoint).model_info(model_id, files_metadata=True, timeout=_TIMEOUT_SECONDS)
        except Exception as error:  # of the hub's client or of the one below it
            self._explain(model_id, error)
        files = tuple(_describe_file(model_id, file) for file in _select_files(info.siblings or (), weights))
        if not any(fnmatch(file.name, pattern) for file in files for pattern in weights) or info.sha is None:
            raise PolicyError(f"{model_id} has no weights that could be used here: need {', '.join(weights)}")
        if not _COMMIT.fullmatch(info.sha):
            raise PolicyError(f"the hub names {info.sha[:80]!r} as the commit of {model_id}: nothing is fetched")
        return HubModel(model_id, info.sha, files, _read_licence(info))

    def fetch(self, model: HubModel) -> Path:
        """Downloads what of a model is not here, checks every file, and gives the folder; goes on where it stopped.

        Raises:
            PolicyError: the hub refuses, there is no network, or a file has another hash than the hub lists.
            ValueError: the disk is too small, or can't be written.
            CacheError: another process that was stopped is fetching a file.
        """
        self._check_disk(model)
        _silence_client()
        for file in model.files:
            try:
                path = self._fetch_file(model, file)
            except (PolicyError, CacheError):
                raise
            except Exception as error:  # of the hub's client or of the one below it
                self._explain(model.id, error)
        return path.parent

    def _fetch_file(self, model: HubModel, file: HubFile) -> Path:
        """The path of a file in the cache, whose bytes are those that the hub lists.

        The client forgets a download that was broken off, so the file is downloaded beside its place, hashed, and
        only then put where the client finds it.
        """
        blob = self._get_blob(model, file)
        blob.parent.mkdir(parents=True, exist_ok=True)
        with hold_lock(FileLock(blob.with_name(f"{file.hash}.lock")), "set HF_HOME to a folder elsewhere"):
            if not (blob.is_file() and _hash_file(blob, file) == file.hash):
                blob.unlink(missing_ok=True)
                self._download(model, file, part := self._get_part(model, file))
                part.replace(blob)
            return self._place(model, file, blob)

    def _place(self, model: HubModel, file: HubFile, blob: Path) -> Path:
        """Puts a file where the client looks for it; the client would wait for a lock of its own without end."""
        folder = blob.parents[1]
        path = folder / "snapshots" / model.commit / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.resolve() != blob.resolve():
            _create_symlink(str(blob), str(path))  # or a copy, where there are no links
        write_atomically(folder / "refs" / "main", model.commit)
        return path

    def _download(self, model: HubModel, file: HubFile, part: Path) -> None:
        """Downloads what is missing of a file, and removes it where its hash is another one."""
        url = hf_hub_url(model.id, file.name, revision=model.commit, endpoint=self.endpoint)
        place = get_hf_file_metadata(url, endpoint=self.endpoint).location
        headers = build_hf_headers()
        if urlsplit(place).netloc != urlsplit(url).netloc:  # the token is for the hub, not for whoever stores its files
            headers.pop("authorization", None)
        with part.open("ab") as opened:
            http_get(
                place,
                opened,
                resume_size=opened.tell(),
                headers=headers,
                expected_size=file.size_bytes,
                displayed_filename=file.name,
            )
        if _hash_file(part, file) != file.hash:
            part.unlink()
            raise PolicyError(
                f"{file.name} of {model.id} is not the file that the hub lists (its hash is another one), so it was "
                "removed: do it again, and if that does not help, do not trust this copy of the hub"
            )

    def _get_blob(self, model: HubModel, file: HubFile) -> Path:
        return self.cache / f"models--{model.id.replace('/', '--')}" / "blobs" / file.hash

    def _get_part(self, model: HubModel, file: HubFile) -> Path:
        return self._get_blob(model, file).with_name(f"{file.hash}.part")

    def _check_disk(self, model: HubModel) -> None:
        here = sum(self._measure_here(model, file) for file in model.files)
        needed = max(0, model.size_bytes - here)
        free = shutil.disk_usage(find_parent(self.cache)).free
        if needed and needed + _SPARE_BYTES > free:
            raise ValueError(
                f"{model.id} takes {format_size(needed)} more and {self.cache} has {format_size(free)} free: "
                "make room, or set HF_HOME to a folder on another disk"
            )

    def _measure_here(self, model: HubModel, file: HubFile) -> int:
        """Bytes of a file that are here, as a whole or from a download that was broken off."""
        places = (self._get_blob(model, file), self._get_part(model, file))
        return next((place.stat().st_size for place in places if place.is_file()), 0)

    def _explain(self, model_id: str, error: Exception) -> NoReturn:
        """Raises the error of the hub's client as one sentence."""
        if isinstance(error, OSError) and error.errno in _FULL:
            raise ValueError(
                f"no space left in {self.cache}: make room and do it again, which goes on where it stopped; or set "
                "HF_HOME to a folder on another disk"
            ) from error
        if isinstance(error, OSError) and error.errno and error.filename:
            raise ValueError(f"{error.filename}: {error.strerror}: HF_HOME names another folder") from error
        if isinstance(error, GatedRepoError):
            raise PolicyError(
                f"{model_id} is gated: accept its terms at {self.endpoint}/{model_id}, then `hf auth login` or "
                "HF_TOKEN says who you are"
            ) from error
        if isinstance(error, RepositoryNotFoundError):
            raise PolicyError(f"there is no model {model_id} at {self.endpoint}, or it is private (404)") from error
        if isinstance(error, OfflineModeIsEnabled):
            raise PolicyError(
                f"{model_id} is neither a folder here nor could it be fetched: HF_HUB_OFFLINE forbids it; "
                "give the folder of a model that is here"
            ) from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
        raise PolicyError(
            f"{model_id} could not be fetched from {self.endpoint}: check its name and the network, and do it again; "
            f"what came is kept ({reason})"
        ) from error


def find_parent(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())


def format_size(count: int) -> str:
    """Bytes in words: 4.3 GB, 484 MB, 12 kB."""
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.{1 if unit == 10**9 else 0}f} {name}"
    return f"{count} bytes"


def _select_files(files: "list[RepoSibling] | tuple[()]", weights: tuple[str, ...]) -> list[RepoSibling]:
    """The small files and one form of the weights, all from the top folder; never code, nor a training's leftovers."""
    top = [file for file in files if "/" not in file.rfilename]
    kinds = ([file for file in top if fnmatch(file.rfilename, pattern)] for pattern in weights)
    chosen = next((kind for kind in kinds if kind), [])
    small = [file for file in top if any(fnmatch(file.rfilename, pattern) for pattern in _SMALL)]
    return [*small, *chosen]


def _describe_file(model_id: str, file: RepoSibling) -> HubFile:
    digest = file.lfs.sha256 if file.lfs is not None else file.blob_id
    if file.size is None or digest is None or not _DIGEST.fullmatch(digest):
        raise PolicyError(f"the hub tells neither size nor hash of {file.rfilename} in {model_id}: it is not fetched")
    return HubFile(file.rfilename, file.size, digest)


def _read_licence(info: ModelInfo) -> str:
    card = info.card_data
    found = "" if card is None else card.get("license_name") or card.get("license") or ""
    return ", ".join(map(str, found)) if isinstance(found, list) else str(found)


def _hash_file(path: Path, file: HubFile) -> str:
    with path.open("rb") as opened:
        if len(file.hash) == 64:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        head = b"blob %d\0" % path.stat().st_size  # as git hashes a file
        return hashlib.sha1(head + opened.read(), usedforsecurity=False).hexdigest()


def _silence_client() -> None:
    """Stops the client's warning of each failed request: the error says it once."""
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
