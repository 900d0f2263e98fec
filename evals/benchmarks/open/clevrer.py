"""CLEVRER: what happened, why, what comes next and what if, in drawn collisions.

Descriptive questions are open. The others have options of which any number may be correct: each option is asked by
itself as true or false. A question counts if all its options are right, as published; `accuracy per option` is the
other published number, and `accuracy per question` counts both kinds together.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.benchmarks.benchmark import Benchmark, Profile
from evals.benchmarks.item import Item, find_first_existing, make_choice
from evals.benchmarks.metrics import percent, score_metrics
from evals.benchmarks.open.open_answers import prompt, score, spell
from evals.benchmarks.records import Record, read_json_rows
from evals.inside import resolve_inside

_TRUE_FALSE = ("correct", "wrong")


def load(folder: Path) -> tuple[Item, ...]:
    """Reads `validation.json`, an object by scene."""
    return tuple(
        item
        for scene in read_json_rows(folder / "validation.json")
        for question in scene.rows("questions")
        for item in _items(folder, scene, question)
    )


def _items(folder: Path, scene: Record, row: Record) -> list[Item]:
    name, kind = scene.text("video_filename"), row.text("question_type")
    key = f"{scene.name('scene_index')}_{row.name('question_id')}"
    common: dict[str, Any] = {
        "video": _find(folder, scene, name),
        "cluster": name,
        "groups": (("question_type", kind),),
    }
    if kind == "descriptive":
        return [
            Item(id=key, kind="open", text=row.text("question"), place=row.place, gold=row.text("answer"), **common)
        ]
    made = []
    for choice in row.rows("choices"):
        if (answer := choice.text("answer")) not in _TRUE_FALSE:
            raise choice.damaged("answer", "correct or wrong", answer)
        text = f"{row.text('question')} Is this correct: {choice.text('choice')}"
        made.append(
            make_choice(
                choice,
                _TRUE_FALSE,
                _TRUE_FALSE.index(answer),
                id=f"{key}#{choice.name('choice_id')}",
                text=text,
                **common,
            )
        )
    return made


def _find(folder: Path, scene: Record, name: str) -> Path:
    trees = [folder / "video_validation", folder]
    paths = [resolve_inside(tree, name, scene.place) for tree in trees]
    if number := re.fullmatch(r"video_(\d{5})\.mp4", name):
        first = int(number[1]) // 1000 * 1000
        paths += [tree / f"video_{first}-{first + 1000}" / name for tree in trees]
    return find_first_existing(*paths)


def metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
    """Metrics in percent, with the accuracy per option, and per question where all its options must be right."""
    options: list[float] = []
    questions: dict[str, list[float]] = {}
    for item in items:
        value = score(item, said.get(item.id), profile).value or 0.0
        questions.setdefault(item.id.partition("#")[0], []).append(value)
        if item.options:
            options.append(value)
    more = {
        "accuracy per option": percent(options),
        "accuracy per question": percent([min(values) for values in questions.values()]),
    }
    found = score_metrics(score)(items, said, profile)
    return {**found, **{name: value for name, value in more.items() if value is not None}}


CLEVRER = Benchmark(load, prompt, spell, score, metrics, ("strict",), has_published_prompt=False)
