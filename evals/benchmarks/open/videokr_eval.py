"""VideoKR-Eval: knowledge-intensive questions, multiple choice and open; the official scorer is a judge for both.

Without a judge its script leaves open answers out of the denominator.
"""

from pathlib import Path
from typing import Any

from evals.benchmarks.benchmark import Benchmark, Profile, options_lines
from evals.benchmarks.item import Item, find_first_existing, make_choice, strip_letters
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.open.open_answers import score, spell
from evals.benchmarks.records import Record, read_jsonl_rows
from evals.inside import resolve_inside
from evals.scoring.published.clean_text import answer_tags

_THINK = (
    "Please answer this question based on the visual content.\nProvide your thinking process between the <think> and "
    "</think> tags, and then give your final answer between the <answer> and </answer> tags.\nPlease provide only "
)
_ENDS = {
    True: "the single option letter (e.g., A, B, C, D, etc.) within the <answer>...</answer> tags.",
    False: "your final answer within the <answer>...</answer> tags.",
}


def load(folder: Path) -> tuple[Item, ...]:
    """Reads `VideoKR_eval.jsonl`, whose keys come in several spellings."""
    return tuple(_item(folder, row) for row in read_jsonl_rows(folder / "VideoKR_eval.jsonl"))


def _item(folder: Path, row: Record) -> Item:
    said = row.text(_first_key(row, "solution", "answer"))
    tags = answer_tags(said)
    gold = tags[0] if tags else said.strip()
    name = row.text("video_path")
    fields: dict[str, Any] = {
        "id": row.name("id"),
        "video": find_first_existing(resolve_inside(folder, name, row.place)),
        "cluster": Path(name).stem,
        "text": row.text("question"),
        "groups": tuple((key, row.text(key)) for key in ("problem_type", "subject", "dataset") if row.has(key)),
    }
    options = _options(row)
    if not options:
        return Item(kind="open", place=row.place, gold=gold, **fields)
    right = Record(row.place, {"solution": gold}).letter("solution", len(options))
    return make_choice(row, options, right, **fields)


def _options(row: Record) -> tuple[str, ...]:
    key = _first_key(row, "option", "options")
    value = row.values.get(key)
    if isinstance(value, dict):
        choices = Record(row.place, value)
        return tuple(choices.text(letter) for letter in sorted(value))
    return strip_letters(row.texts(key)) if value else ()


def _first_key(row: Record, first: str, second: str) -> str:
    return first if row.has(first) else second


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording, no subtitles)
    """The official prompt of a question with or without options."""
    options = f"{options_lines(item)}\n" if item.options else ""
    return f"{item.text}\n{options}{_THINK}{_ENDS[bool(item.options)]}"


VIDEOKR_EVAL = Benchmark(load, prompt, spell, score, score_metrics(score), ("strict",))
