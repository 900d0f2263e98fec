"""LongVideoBench: videos from 8 s to an hour, many questions about speech; two to five options.

The videos are cut, the subtitles are those of the whole: their offset is on the item. What can't be read is drawn at
random, by the official script and by lmms-eval alike.
"""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, Submission, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_json_rows
from evals.scoring.published.first_letter import lmms_longvideobench
from tools.plain_data import loads_json

_ASK = "Answer with the option's letter from the given choices directly.\n"
_HIDDEN = -1
"""Value in place of an index where the answer is not published."""


def load(folder: Path, file: str) -> tuple[Item, ...]:
    """Reads the questions of `lvb_val.json`, or of `lvb_test_wo_gt.json`, which has no answers."""
    return tuple(_item(folder, row) for row in read_json_rows(folder / file))


def _item(folder: Path, row: Record) -> Item:
    options = row.texts("candidates")
    choice = row.whole("correct_choice") if row.has("correct_choice") else _HIDDEN
    right = None if choice == _HIDDEN else choice
    if right is not None and not 0 <= right < len(options):
        raise row.damaged("correct_choice", f"an index of {len(options)} candidates", right)
    subtitles = row.file("subtitle_path", folder / "subtitles")
    return Item(
        id=row.text("id"),
        kind="choice",
        video=row.file("video_path", folder / "videos"),
        cluster=row.text("video_id"),
        text=row.text("question"),
        place=row.place,
        options=options,
        right=None if right is None else options.index(options[right]),
        gold=None if right is None else options[right],
        groups=(
            ("duration_group", row.name("duration_group")),
            ("question_category", row.text("question_category")),
            ("topic_category", row.text("topic_category")),
        ),
        duration_seconds=row.number("duration"),
        subtitles=subtitles if subtitles.exists() else None,
        subtitle_offset_seconds=row.number("starting_timestamp_for_subtitles"),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (all ask alike)
    """The prompt with question and options; `subtitles` are lines that stand before them."""
    before = f"{subtitles}\n" if subtitles else ""
    return f"{before}{item.text}\n{options_lines(item)}\n{_ASK}"


score = make_choice_scorer(
    official=lambda _, said: lmms_longvideobench(said), lmms=lambda _, said: lmms_longvideobench(said)
)


def write_submission(items: Sequence[Item], said: Mapping[str, str]) -> str:
    """The submission: one object from question id to letter."""
    return json.dumps({item.id: said.get(item.id, "") for item in items}, indent=2)


def read_submission(text: str) -> dict[str, str]:
    """Reads the letters by question id out of a submission."""
    return {str(key): str(value) for key, value in loads_json(text).items()}


LONGVIDEOBENCH = Benchmark(partial(load, file="lvb_val.json"), prompt, spell_letter, score, score_metrics(score))
LONGVIDEOBENCH_TEST = Benchmark(
    partial(load, file="lvb_test_wo_gt.json"),
    prompt,
    spell_letter,
    score,
    score_metrics(score),
    submission=Submission(write_submission, read_submission),
)
