"""Hashes of a local model's weights, so that two runs of one name can be told apart."""

import hashlib
import re
from pathlib import Path

from agent.policies.default import find_snapshot

_LOCAL = ("transformers", "vllm")
_ENDINGS = (".safetensors", ".bin", ".gguf", ".pt", ".pth")
_BLOB = re.compile(r"[0-9a-f]{64}")
"""Name of a file in the Hugging Face cache, which is its SHA-256."""


def hash_weights(spec: str, adapter: str = "") -> dict[str, str]:
    """SHA-256 of each file of weights, by its name; empty where a server or a package has them.

    Args:
        spec: spec of the policy.
        adapter: folder of a LoRA adapter; a name of one that comes with the package has no files here.
    """
    kind, _, where = spec.partition(":")
    folders = [_find_folder(where)] if kind in _LOCAL else []
    folders.append(Path(adapter) if adapter else None)
    return {
        file.name if file.parent == folders[0] else f"{file.parent.name}/{file.name}": _hash_file(file)
        for folder in folders
        if folder is not None and folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.suffix in _ENDINGS
    }


def _find_folder(where: str) -> Path | None:
    if where == "smollm2":
        from agent.policies.local.smollm2 import unpack

        return unpack()
    return Path(where) if Path(where).is_dir() else find_snapshot(where)


def _hash_file(path: Path) -> str:
    target = path.resolve()
    if _BLOB.fullmatch(target.name):
        return target.name
    with target.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
