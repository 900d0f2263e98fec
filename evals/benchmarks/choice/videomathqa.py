"""VideoMathQA: mathematics shown in videos, as one question of five options or as several of two.

In the form with two options a question counts only if all its rows are right.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_video, make_choice, strip_letters
from evals.benchmarks.metrics import percent, score_metrics
from evals.benchmarks.records import Record, read_parquet_rows
from evals.inside import resolve_inside
from evals.scoring.published.first_letter import lmms_videomathqa


def load(folder: Path, form: str) -> tuple[Item, ...]:
    """Reads the parquet file of `mcq` or `multi_binary`."""
    return tuple(_item(folder, row, form) for row in read_parquet_rows(folder / form / "test-00000-of-00001.parquet"))


def _item(folder: Path, row: Record, form: str) -> Item:
    options = strip_letters(row.texts("options"))
    question, video = row.name("question_id"), row.text("videoID")
    subtitles = resolve_inside(folder / "subtitles", f"{video}.srt", row.place)
    return make_choice(
        row,
        options,
        row.letter("answer", len(options)),
        id=question if form == "mcq" else f"{question}#{row.place.row}",
        video=find_video(folder / "videos", video, row.place),
        cluster=video,
        text=row.text("question"),
        groups=(("length", row.text("length")), ("category", row.text("category"))),
        subtitles=subtitles if subtitles.exists() else None,
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (one wording)
    """The prompt of lmms-eval, with subtitles where there are some."""
    letters = "A or B" if len(item.options) == 2 else "A, B, C, D or E"
    before, also = (f"This video's subtitles are listed below: \n{subtitles}\n", " and the subtitles")
    ask = (
        f"Select the best answer to the following multiple-choice question based on the video"
        f"{also if subtitles else ''}. Respond with the letter ({letters}) of the correct option."
    )
    return f"{before if subtitles else ''}{ask}\n{item.text}\n{options_lines(item)}\nThe best answer is:"


score = make_choice_scorer(lmms=lambda _, said: lmms_videomathqa(said))


def binary_metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
    """Metrics in percent, with `accuracy of all rows`, the share of questions of which every row is right.

    Args:
        items: the rows.
        said: texts of the answers by id.
        profile: rule of scoring.
    """
    by_question: dict[str, list[float]] = {}
    for item in items:
        value = score(item, said.get(item.id), profile).value or 0.0
        by_question.setdefault(item.id.rpartition("#")[0], []).append(value)
    whole = percent([min(values) for values in by_question.values()])
    return {**score_metrics(score)(items, said, profile), **({} if whole is None else {"accuracy of all rows": whole})}


VIDEOMATHQA = Benchmark(
    partial(load, form="mcq"), prompt, spell_letter, score, score_metrics(score), ("strict", "lmms")
)
VIDEOMATHQA_BINARY = Benchmark(
    partial(load, form="multi_binary"), prompt, spell_letter, score, binary_metrics, ("strict", "lmms")
)
