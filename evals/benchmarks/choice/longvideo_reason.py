"""LongVideo-Reason-eval: 1,000 reasoning questions on long videos; options stand in the question's text.

The official script compares what is between the answer tags with the gold letter, byte by byte. Always saying B would
score 44. A few published rows have no options: they are told apart as open questions.
"""

import re
from pathlib import Path
from typing import Any

from evals.benchmarks.benchmark import (
    Benchmark,
    Profile,
    options_lines,
    score_strict_choice,
    score_strict_open,
    score_verdict,
    spell_letter,
)
from evals.benchmarks.item import Item, RawAnswer, find_first_existing, make_choice, split_options
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_parquet_rows
from evals.inside import resolve_inside
from evals.scoring.published.clean_text import answer_tags
from evals.scoring.scoring import Score

_ASK = (
    "You are a helpful assistant. The user asks a question, and then you solves it.\n\nPlease first think deeply about "
    "the question based on the given video, and then provide the final answer. The reasoning process and answer are "
    "enclosed within <think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning process here "
    "</think> <answer> answer here </answer>.\n\n Question: "
)
_THEREFORE = "Therefore the final answer is: "


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the parquet file of the test split."""
    return tuple(_item(folder, row) for row in read_parquet_rows(folder / "test-00000-of-00001.parquet"))


def _item(folder: Path, row: Record) -> Item:
    text, options = split_options(row.text("problem"))
    gold = read_official(row.text("answer"))
    name = row.text("videos")
    paths = [resolve_inside(folder, part, row.place) for part in (name, f"videos/{Path(name).name}")]
    fields: dict[str, Any] = {
        "id": row.name("problem_id"),
        "video": find_first_existing(*paths),
        "cluster": Path(name).stem,
        "text": text,
        "groups": (("problem_type", row.text("problem_type")),),
    }
    if len(options) < 2:
        return Item(kind="open", place=row.place, gold=gold, **fields)
    if not re.fullmatch("[A-Z]", gold):
        raise row.damaged("answer", "a letter in <answer> tags", row.text("answer"))
    return make_choice(row, options, ord(gold) - ord("A"), **fields)


def read_official(said: str) -> str:
    """The answer that the official script compares: in tags, else behind its phrase, else the whole text."""
    if tags := answer_tags(said):
        return tags[0]
    return said.rpartition(_THEREFORE)[2].strip() if _THEREFORE in said else said.strip()


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (it has none)
    """The official prompt, its slip of grammar kept."""
    options = f"\n{options_lines(item)}" if item.options else ""
    return f"{_ASK}{item.text}{options}"


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores an answer, strictly or by byte equality of what is in the tags."""
    if profile == "strict":
        return score_strict_choice(item, said) if item.options else score_strict_open(item, said)
    text = read_official(said or "")
    return score_verdict(text in item.right_letters if item.options and text else text == item.gold, text)


def spell(item: Item, reply: RawAnswer, profile: Profile) -> str:
    """Spells a choice as its letter, in tags for the official script."""
    text = spell_letter(item, reply, profile) if item.options else reply.text
    return f"<answer>{text}</answer>" if text and profile == "official" else text


LONGVIDEO_REASON = Benchmark(load, prompt, spell, score, score_metrics(score), ("strict", "official"))
