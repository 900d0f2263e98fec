"""VideoReasonBench: recall, infer and predict the state of a puzzle from the operations that a video shows.

The official scorer judges what stands after "Final Answer:". Where the answer is a sequence of operations no answer is
published and its own simulator replays it: those questions are asked and handed over unscored.
"""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile
from evals.benchmarks.item import Item
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.open.open_answers import score, spell
from evals.benchmarks.records import Record, RecordPlace, read_json

_DEMOS = ("hrd", "file_sys", "cup", "grid", "card", "chip")
_SUMMARY = "Provide a summary of the final answer after 'Final Answer:'"


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the files of the puzzles that are there, an object by id; ids repeat across puzzles.

    Raises:
        ValueError: there is none, or a row is damaged.
    """
    files = [file for demo in _DEMOS if (file := folder / "questions" / f"{demo}.json").is_file()]
    if not files:
        raise ValueError(
            f"{folder / 'questions'} has none of {', '.join(_DEMOS)}: --data must be the benchmark's folder"
        )
    return tuple(item for file in files for item in _items(folder, file))


def _items(folder: Path, file: Path) -> list[Item]:
    rows = Record(RecordPlace(file.name, 1), read_json(file))
    return [
        _item(folder, file.stem, key, Record(RecordPlace(f"{file.name}, {key}", number), rows.mapping(key)))
        for number, key in enumerate(rows.values, start=1)
    ]


def _item(folder: Path, demo: str, key: str, row: Record) -> Item:
    answer = row.values.get("answer")
    return Item(
        id=f"{demo}_{key}",
        kind="open",
        video=row.file("video", folder),
        cluster=row.text("video"),
        text=row.text("question").replace(_SUMMARY, "").strip(),
        place=row.place,
        gold=row.text("answer") if answer else None,
        groups=(("dim", row.text("dim")), ("demo", demo)),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The official prompt: the question as published."""
    return f"{item.text}\n\n{_SUMMARY}"


VIDEO_REASON_BENCH = Benchmark(load, prompt, spell, score, score_metrics(score, task_mean="dim"), ("strict",))
