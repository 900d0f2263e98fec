"""MLVU: long videos, seven multiple-choice tasks, a test set without answers, and two tasks that a judge scores.

Papers report the mean over tasks; the official script and VLMEvalKit the mean over questions: both are here. The
official scorer compares the text before the first ")" and so wants "C" or "C)", never "(C)".
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.benchmarks.benchmark import (
    Benchmark,
    Profile,
    Submission,
    options_lines,
    score_letter,
    score_strict_choice,
    score_verdict,
    spell_letter,
)
from evals.benchmarks.item import Item, RawAnswer, find_first_existing
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_json_rows
from evals.scoring.published.by_gold import official_mlvu
from evals.scoring.published.ranked import lmms_mcq
from evals.scoring.scoring import Score
from tools.plain_data import loads_json

_CHOICE_FILES = (
    *("1_plotQA", "2_needle", "3_ego", "4_count"),
    *("5_order", "6_anomaly_reco", "7_topic_reasoning"),
)
_WRITTEN_FILES = ("8_sub_scene", "9_summary")
_WATCH = (
    "Carefully watch this video and pay attention to every detail. Based on your observations, select the best option "
    "that accurately addresses the question."
)


def load_dev(folder: Path) -> tuple[Item, ...]:
    """Reads the seven multiple-choice files of the dev set."""
    return tuple(
        _choice(folder / "video" / name, f"{name}_{row.place.row}", row)
        for name in _CHOICE_FILES
        for row in read_json_rows(folder / "json" / f"{name}.json")
    )


def load_test(folder: Path) -> tuple[Item, ...]:
    """Reads the test set, which has no answers and up to six options."""
    file = find_first_existing(folder / "test_question.json", folder / "json" / "test_question.json")
    return tuple(_choice(folder / "video", row.name("question_id"), row) for row in read_json_rows(file))


def load_written(folder: Path) -> tuple[Item, ...]:
    """Reads the two tasks that ask for a text, which only a judge model can score."""
    return tuple(
        Item(
            id=f"{name}_{row.place.row}",
            kind="open",
            video=row.file("video", folder / "video" / name),
            cluster=row.text("video"),
            text=row.text("question"),
            place=row.place,
            gold=row.text("answer"),
            groups=(("task", row.text("question_type")),),
            duration_seconds=row.number("duration"),
        )
        for name in _WRITTEN_FILES
        for row in read_json_rows(folder / "json" / f"{name}.json")
    )


def _choice(videos: Path, item_id: str, row: Record) -> Item:
    options = row.texts("candidates")
    gold = row.text("answer") if row.has("answer") else None
    if gold is not None and gold not in options:
        raise row.damaged("answer", "one of the candidates", gold)
    return Item(
        id=item_id,
        kind="choice",
        video=row.file("video", videos),
        cluster=row.text("video"),
        text=row.text("question"),
        place=row.place,
        options=options,
        right=None if gold is None else options.index(gold),
        gold=gold,
        groups=(("task", row.text("question_type")),),
        duration_seconds=row.number("duration"),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (it has none)
    """The official prompt, system message first; the official answer is prefilled with `Best option:(`."""
    options = options_lines(item, "({}) {}")
    if profile == "lmms":
        return f"{item.text}\n{options}\nOnly give the best option.\nBest option: ("
    return f"{_WATCH}\nQuestion: {item.text}\nOptions:\n{options}\nOnly give the best option."


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores a choice: strict; by the exact letter before a bracket; or by lmms-eval's ranks of A..D, even of six."""
    if profile == "strict" or item.right is None:
        return score_strict_choice(item, said)
    if profile == "lmms":
        return score_letter(item, lmms_mcq(said or "", "ABCD"))
    return score_verdict(official_mlvu(said or "", f"({item.right_letters[-1]}) {item.gold}"), said or "")


def score_written(item: Item, said: str | None, profile: Profile) -> Score:  # noqa: ARG001 (there is one)
    """Scores a written answer: none is wrong, the reference itself correct; any other needs a judge and is not scored.

    Args:
        item: the question.
        said: the text of the answer; None for none.
        profile: not used.
    """
    if not said or not said.strip():
        return Score(0.0, "", "no answer")
    if said.strip() == (item.gold or "").strip():
        return Score(1.0, said, "the reference itself")
    return Score(None, said, "a judge model must score it")


def spell_text(item: Item, reply: RawAnswer, profile: Profile) -> str:  # noqa: ARG001 (one of the `spell` functions)
    """Spells an answer as its text.

    Args:
        item: not used.
        reply: the answer.
        profile: not used.
    """
    return reply.text


def write_submission(items: Sequence[Item], said: Mapping[str, str]) -> str:
    """The submission: the list that the authors' script makes, of question id, type and option."""
    rows = [{"question_id": i.id, "question_type": dict(i.groups)["task"], "option": said.get(i.id, "")} for i in items]
    return json.dumps(rows, indent=2)


def read_submission(text: str) -> dict[str, str]:
    """Reads the options by question id out of a submission."""
    return {row["question_id"]: row["option"] for row in loads_json(text)}


MLVU = Benchmark(load_dev, prompt, spell_letter, score, score_metrics(score, task_mean="task"))
MLVU_TEST = Benchmark(
    load_test,
    prompt,
    spell_letter,
    score,
    score_metrics(score, task_mean="task"),
    submission=Submission(write_submission, read_submission),
)
MLVU_WRITTEN = Benchmark(
    load_written, prompt, spell_text, score_written, score_metrics(score_written), profiles=("strict",)
)
