"""Opens the folder of a stored run: its manifest, its set, and the questions that its control asked."""

from collections.abc import Callable
from pathlib import Path

from evals.controls.catalogue import control_named
from evals.controls.control import ControlPlan
from evals.datasets.dataset import QuestionSet
from evals.datasets.registry import Wording, open_set
from evals.runner.manifest import RunManifest, hash_questions, read_manifest

Opened = Callable[[str, str, Path | None, Wording], QuestionSet]
"""Signature of `evals.datasets.registry.open_set`, which a cached version may replace."""


def read_run_manifest(folder: Path) -> RunManifest:
    """Reads the manifest of a run's folder.

    Raises:
        ValueError: the folder holds no run.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise ValueError(f"{folder} is no run: need a folder that python -m evals.run --out wrote")
    return manifest


def open_run_set(folder: Path, manifest: RunManifest, opened: Opened = open_set) -> QuestionSet:
    """Opens the set of a run at the place that its manifest names.

    Args:
        folder: folder of the run, for the message.
        manifest: the run's manifest.
        opened: opens a set by benchmark, data and videos.

    Raises:
        ValueError: the set can't be opened, or has changed since.
    """
    videos = None if manifest.videos is None else Path(manifest.videos)
    questions = opened(manifest.terms.benchmark, manifest.data, videos, manifest.terms.wording)
    if hash_questions(questions.asking.entries) != manifest.terms.questions:
        raise ValueError(f"the questions at {manifest.data} are not those that {folder} asked: fetch the same release")
    return questions


def plan_control(questions: QuestionSet, control: str | None) -> ControlPlan:
    """The plan of a control, None for none, over the whole set, so that a limit changes no question's wrong video."""
    return control_named(control).plan([entry.subject for entry in questions.asking.entries])
