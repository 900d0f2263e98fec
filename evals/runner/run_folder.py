"""A run's folder opened again: what the run was, the set that it asked, and under which ids it asked what of it."""

from collections.abc import Callable
from pathlib import Path

from evals.controls.catalogue import control_named
from evals.controls.control import ControlPlan
from evals.datasets.dataset import QuestionSet
from evals.datasets.registry import open_set
from evals.runner.manifest import RunManifest, questions_hash, read_manifest

Opened = Callable[[str, str, Path | None], QuestionSet]
"""`evals.datasets.registry.open_set`, or the same with a memory."""


def manifest_of(folder: Path) -> RunManifest:
    """What the run was; ValueError where the folder is none's."""
    manifest = read_manifest(folder)
    if manifest is None:
        raise ValueError(f"{folder} is no run: need a folder that python -m evals.run --out wrote")
    return manifest


def set_of(folder: Path, manifest: RunManifest, opened: Opened = open_set) -> QuestionSet:
    """The set that the run asked, opened where the manifest says it lies.

    Raises:
        ValueError: it can't be opened, or it has changed since.
    """
    videos = None if manifest.videos is None else Path(manifest.videos)
    questions = opened(manifest.terms.benchmark, manifest.data, videos)
    if questions_hash(questions.asking.entries) != manifest.terms.questions:
        raise ValueError(f"the questions at {manifest.data} are not those that {folder} asked: fetch the same release")
    return questions


def plan_of(questions: QuestionSet, control: str | None) -> ControlPlan:
    """What is asked of the whole set under a control, None for none: a limit changes nobody's wrong video."""
    return control_named(control).plan([entry.subject for entry in questions.asking.entries])
