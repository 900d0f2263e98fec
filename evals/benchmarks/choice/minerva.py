"""MINERVA: long reasoning over videos, five options; the file's keys are those that lmms-eval's adapter reads."""

from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_video, make_choice
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_json_rows
from evals.scoring.published.first_letter import lmms_minerva


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions of `minerva.json`."""
    return tuple(_item(folder, row) for row in read_json_rows(folder / "minerva.json"))


def _item(folder: Path, row: Record) -> Item:
    groups = ("question_type", "split", "category")
    return make_choice(
        row,
        tuple(row.text(f"answer_choice_{i}").strip() for i in range(5)),
        row.whole("answer_id"),
        id=row.name("key"),
        video=find_video(folder / "videos", row.text("video_id"), row.place),
        cluster=row.text("video_id"),
        text=row.text("question").strip(),
        groups=tuple((key, row.text(key)) for key in groups if row.has(key)),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The prompt of lmms-eval."""
    return (
        f"{item.text.strip()}\n{options_lines(item)}\nAnswer with the option's letter from the given choices directly."
    )


score = make_choice_scorer(lmms=lambda _, said: lmms_minerva(said))
MINERVA = Benchmark(load, prompt, spell_letter, score, score_metrics(score), ("strict", "lmms"))
