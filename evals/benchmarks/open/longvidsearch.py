"""LongVidSearch: questions that need two, three or four pieces of evidence out of a long video; answers are sentences.

The format is read from the authors' repository: one file a video, `{video}_qa.json`. They score by a vote of three
judges, and report the number of tool calls beside it, which every run here has in its costs. How long a slice is in
seconds the files don't say, so evidence is not scored.
"""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark
from evals.benchmarks.item import Item, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.open.open_answers import prompt, score, spell
from evals.benchmarks.records import Record, read_json_rows

_ENDING = "_qa.json"


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the files of all videos.

    Raises:
        ValueError: there is none, or a row is damaged.
    """
    files = sorted((folder / "dataset").glob(f"*{_ENDING}"))
    if not files:
        raise ValueError(f"{folder / 'dataset'} has no files VIDEO{_ENDING}: --data must be the benchmark's folder")
    return tuple(_item(folder, file.name.removesuffix(_ENDING), row) for file in files for row in read_json_rows(file))


def _item(folder: Path, video: str, row: Record) -> Item:
    return Item(
        id=f"{video}_{row.place.row}",
        kind="open",
        video=find_video(folder / "videos", video, row.place),
        cluster=video,
        text=row.text("question"),
        place=row.place,
        gold=row.text("answer"),
        groups=(("hop_level", row.text("hop_level")), ("category", row.text("category"))),
    )


LONGVIDSEARCH = Benchmark(
    load, prompt, spell, score, score_metrics(score, task_mean="hop_level"), ("strict",), has_published_prompt=False
)
