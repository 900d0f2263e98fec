"""All sets of questions by name: what `evals.run` takes."""

from pathlib import Path

from evals.benchmarks.catalogue import BENCHMARKS
from evals.datasets.clips import clips
from evals.datasets.composed import composed
from evals.datasets.dataset import QuestionSet
from evals.datasets.published import PublishedSet

NAMES = ("clips", "composed", *BENCHMARKS)


def open_set(name: str, data: str, videos: Path | None = None) -> QuestionSet:
    """The set of that name.

    Args:
        name: one of `NAMES`.
        data: the folder with its files; of `clips` the questions file too, of `composed` a recipe too.
        videos: folder of the videos of `clips`; beside the questions if None.

    Raises:
        ValueError: no such set, or files that are missing or damaged.
    """
    if videos is not None and name != "clips":
        raise ValueError(f"--videos is for clips: the files of {name} say where its videos lie under --data")
    if name == "clips":
        return clips(Path(data), videos)
    if name == "composed":
        return composed(data)
    if name not in BENCHMARKS:
        raise ValueError(f"no benchmark {name!r}: known are {', '.join(NAMES)}")
    return PublishedSet(name, BENCHMARKS[name], Path(data))
