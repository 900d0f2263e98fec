"""VCR-Bench: reasoning in seven dimensions, multiple choice and open.

Published are a judge's marks for each step of a chain of thought; only the answer is scored here.
"""

from pathlib import Path
from typing import Any

from evals.benchmarks.benchmark import Benchmark
from evals.benchmarks.item import Item, find_first_existing, make_choice, split_options
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.open.open_answers import prompt, score, spell
from evals.benchmarks.records import Record, read_json_rows
from evals.inside import resolve_inside


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions of `input.json`, the authors' own file."""
    return tuple(_item(folder, row) for row in read_json_rows(folder / "input.json"))


def _item(folder: Path, row: Record) -> Item:
    name = row.text("video_path")
    fields: dict[str, Any] = {
        "id": row.name("id"),
        "video": find_first_existing(*(resolve_inside(folder, tree + name, row.place) for tree in ("", "v1/videos/"))),
        "cluster": Path(name).stem,
        "groups": (("dimension", row.text("dimension")),),
        "duration_seconds": row.number("duration"),
    }
    text = row.text("question")
    if row.values.get("multiple-choice") is not True:
        return Item(kind="open", place=row.place, text=text, gold=row.text("answer"), **fields)
    choices = Record(row.place, row.mapping("choices"))
    options = tuple(choices.text(letter) for letter in sorted(choices.values))
    return make_choice(row, options, row.letter("answer", len(options)), text=split_options(text)[0], **fields)


VCR_BENCH = Benchmark(
    load, prompt, spell, score, score_metrics(score, task_mean="dimension"), ("strict",), has_published_prompt=False
)
