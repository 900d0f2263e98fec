"""Registry of question sets by the name that `evals.run` takes."""

from pathlib import Path
from typing import Literal

from evals.benchmarks.catalogue import BENCHMARKS
from evals.datasets.clips import open_clips
from evals.datasets.composed import open_composed
from evals.datasets.dataset import QuestionSet
from evals.datasets.published import PublishedSet

Wording = Literal["agent", "published"]
NAMES = ("clips", "composed", *BENCHMARKS)


def open_set(name: str, data: str, videos: Path | None = None, wording: Wording = "agent") -> QuestionSet:
    """Opens the set of questions of a name.

    Args:
        name: one of `NAMES`.
        data: folder with the set's files; for `clips` also the questions file, for `composed` also a recipe.
        videos: folder of the videos of `clips`; that of the questions if None.
        wording: whose prompt asks the questions: ours, or the benchmark's own.

    Raises:
        ValueError: there is no such set, or files are missing or damaged.
    """
    if videos is not None and name != "clips":
        raise ValueError(f"--videos is for clips: the files of {name} say where its videos lie under --data")
    if wording == "published" and name not in BENCHMARKS:
        raise ValueError(f"{name} has no published prompt: --prompt published is for published benchmarks")
    if name == "clips":
        return open_clips(Path(data), videos)
    if name == "composed":
        return open_composed(data)
    if name not in BENCHMARKS:
        raise ValueError(f"no benchmark {name!r}: known are {', '.join(NAMES)}")
    return PublishedSet(name, BENCHMARKS[name], Path(data), as_published=wording == "published")
