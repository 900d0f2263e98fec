"""MVBench: 4,000 questions in 20 tasks, from every kind of media: mp4, webm, avi, and folders of frames.

Branch `main` has whole videos and the part that a question is about; branch `video` has them cut already, and there
the part must not be applied again. The answer is the text of a candidate, and candidates may be equal.
"""

import re
from pathlib import Path

from evals.benchmarks.benchmark import (
    Benchmark,
    Profile,
    options_lines,
    score_strict_choice,
    score_verdict,
    spell_letter,
)
from evals.benchmarks.item import Item, find_first_existing
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_json, read_json_rows
from evals.inside import resolve_inside
from evals.scoring.published.by_gold import lmms_mvbench, official_mvbench
from evals.scoring.scoring import Score

_FOLDERS = {
    "action_sequence": "star/Charades_v1_480",
    "action_prediction": "star/Charades_v1_480",
    "object_interaction": "star/Charades_v1_480",
    "action_localization": "sta/sta_video",
    "episodic_reasoning": "tvqa/frames_fps3_hq",
    "action_antonym": "ssv2_video",
    "fine_grained_action": "Moments_in_Time_Raw/videos",
    "unexpected_action": "FunQA_test/test",
    "object_existence": "clevrer/video_validation",
    "moving_direction": "clevrer/video_validation",
    "moving_count": "clevrer/video_validation",
    "moving_attribute": "clevrer/video_validation",
    "counterfactual_inference": "clevrer/video_validation",
    "object_shuffle": "perception/videos",
    "action_count": "perception/videos",
    "state_change": "perception/videos",
    "character_order": "perception/videos",
    "scene_transition": "scene_qa/video",
    "fine_grained_pose": "nturgbd",
    "egocentric_navigation": "vlnqa",
}
"""Folder of each task's videos in branch `main`."""

_FRAMES_PER_SECOND = 3.0
"""Frame rate of the folders of frames, whose files are called 00001.jpg and so on."""

_WATCH = (
    "Carefully watch the video and pay attention to the cause and sequence of events, the detail and movement of "
    "objects, and the action and pose of persons. Based on your observations, select the best option that accurately "
    "addresses the question.\n"
)


def load_main(folder: Path) -> tuple[Item, ...]:
    """Reads branch `main`, which has one file a task."""
    items = []
    for task, videos in _FOLDERS.items():
        for row in read_json_rows(folder / "json" / f"{task}.json"):
            items.append(_item(row, task, _media(folder, videos, row), is_cut=False))
    return tuple(items)


def load_cut(folder: Path) -> tuple[Item, ...]:
    """Reads branch `video`, which has one file, and mp4 for everything."""
    data = Record(RecordPlace("test.json", 1), read_json(folder / "test.json"))
    folders, tasks = data.mapping("root"), data.mapping("meta")
    items = []
    for task in tasks:
        for number, values in enumerate(Record(data.place, tasks).rows(task), start=1):
            row = Record(RecordPlace(f"test.json, {task}", number), values.values)
            media = _media(folder, Record(data.place, folders).text(task), row)
            items.append(_item(row, task, media, is_cut=True))
    return tuple(items)


def _item(row: Record, task: str, media: Path, *, is_cut: bool) -> Item:
    options, gold = row.texts("candidates"), row.text("answer")
    if gold not in options:
        raise row.damaged("answer", "one of the candidates", gold)
    has_part = not is_cut and row.has("start") and row.has("end")
    return Item(
        id=f"{task}_{row.place.row}",
        kind="choice",
        video=media,
        cluster=f"{media.parent.name}/{row.text('video')}",
        text=row.text("question"),
        place=row.place,
        options=options,
        right=options.index(gold),
        gold=gold,
        groups=(("task", task),),
        segment_seconds=(row.number("start"), row.number("end")) if has_part else None,
        frames_per_second=_FRAMES_PER_SECOND if task == "episodic_reasoning" and not is_cut else None,
    )


def _media(folder: Path, videos: str, row: Record) -> Path:
    """Path of the video: the zips unpack to several trees, and CLEVRER's to a folder for each thousand."""
    name = row.text("video")
    trees = [resolve_inside(folder / tree, videos, row.place) for tree in ("", "video", "data0613", "video/data0613")]
    paths = [resolve_inside(tree, name, row.place) for tree in trees]
    if number := re.fullmatch(r"video_(\d{5})\.mp4", name):
        first = int(number[1]) // 1000 * 1000
        paths += [tree / f"video_{first}-{first + 1000}" / name for tree in trees]
    return find_first_existing(*paths)


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (it has none)
    """The official prompt, system message first; the official answer is prefilled with `Best option:(`."""
    options = options_lines(item, "({}) {}")
    if profile == "lmms":
        return f"Question:{item.text}\nOption:\n{options}\nOnly give the best option.\n"
    return f"{_WATCH}Question: {item.text}\nOptions:\n{options}\nOnly give the best option."


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores a choice, strictly or by comparison with the gold: of equal candidates lmms-eval takes the first, others
    the last."""
    if profile == "strict":
        return score_strict_choice(item, said)
    text, right = said or "", item.right_letters
    if profile == "lmms":
        return score_verdict(lmms_mvbench(text, right[0]), text)
    return score_verdict(official_mvbench(text, f"({right[-1]}) {item.gold}"), text)


_PROFILES: tuple[Profile, ...] = ("strict", "official", "lmms", "vlm")
MVBENCH = Benchmark(
    load_main, prompt, spell_letter, score, score_metrics(score, task_mean="task"), _PROFILES, frames=16
)
MVBENCH_CUT = Benchmark(
    load_cut, prompt, spell_letter, score, score_metrics(score, task_mean="task"), _PROFILES, frames=16
)
