"""Video-MME: 2,700 questions on 900 videos, with and without subtitles.

Two ids: `video_id` is a three-digit number, `videoID` the one of YouTube by which files are named. With subtitles the
official rule is: those at the times of the frames that the model saw. Numbers with all subtitles are another setting.
"""

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from evals.benchmarks.benchmark import Benchmark, Profile, Submission, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_json_rows, read_parquet_rows
from evals.inside import resolve_inside
from evals.scoring.published.first_letter import official_videomme, vlm_videomme
from evals.scoring.published.ranked import lmms_mcq
from tools.plain_data import loads_json

_PARQUET = Path("videomme", "test-00000-of-00001.parquet")
_GROUPED = "output_test_template.json"
_GROUPS = ("duration", "domain", "sub_category", "task_type")
_ASK = "Select the best answer to the following multiple-choice question based on the video"
_ONLY = "Respond with only the letter (A, B, C, or D) of the correct option."


def load(folder: Path, *, has_subtitles: bool = False) -> tuple[Item, ...]:
    """Reads the parquet file, or where that is missing the grouped JSON, which has no names of files."""
    if (folder / _PARQUET).exists() or not (folder / _GROUPED).exists():
        return tuple(
            _item(folder, row, row.text("videoID"), has_subtitles=has_subtitles)
            for row in read_parquet_rows(folder / _PARQUET)
        )
    return tuple(
        _item(
            folder,
            Record(row.place, {**row.values, **question.values}),
            row.name("video_id"),
            has_subtitles=has_subtitles,
        )
        for row in read_json_rows(folder / _GROUPED)
        for question in row.rows("questions")
    )


def _item(folder: Path, row: Record, file_id: str, *, has_subtitles: bool) -> Item:
    options = tuple(re.sub(r"^[A-D]\.\s*", "", option) for option in row.texts("options"))
    right = row.letter("answer", len(options))
    subtitles = resolve_inside(folder / "subtitle", f"{file_id}.srt", row.place)
    return Item(
        id=row.name("question_id"),
        kind="choice",
        video=find_video(folder / "data", file_id, row.place),
        cluster=row.name("video_id"),
        text=row.text("question"),
        place=row.place,
        options=options,
        right=right,
        gold=options[right],
        groups=tuple((key, row.text(key)) for key in _GROUPS),
        subtitles=subtitles if has_subtitles and subtitles.exists() else None,
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:
    """The official prompt, or VLMEvalKit's, or lmms-eval's, which mentions subtitles even where there are none."""
    question = f"{item.text}\n{options_lines(item)}"
    before = f"This video's subtitles are listed below:\n{subtitles}\n" if subtitles else ""
    if profile == "lmms":
        before = before.replace(":\n", ": \n", 1)
        end = (
            "The best answer is:" if subtitles else "\nAnswer with the option's letter from the given choices directly."
        )
        return f"{before}{_ASK} and the subtitles. {_ONLY}\n{question}\n{end}"
    if profile == "vlm":
        return f"These are the frames of a video. {before}{_ASK}. {_ONLY}\nQuestion: {question}\nAnswer: "
    return f"{before}{_ASK}. {_ONLY}\n{question}\nThe best answer is:"


score = make_choice_scorer(
    leaves_out=("official",),
    official=lambda _, said: official_videomme(said),
    lmms=lambda item, said: lmms_mcq(said, item.letters),
    vlm=lambda _, said: vlm_videomme(said),
)


def write_submission(items: Sequence[Item], said: Mapping[str, str]) -> str:
    """The submission, the grouped JSON: one object a video, with the answer of each question as its `response`."""
    videos: dict[str, dict[str, Any]] = {}
    for item in items:
        groups = dict(item.groups)
        task = groups.pop("task_type")
        video = videos.setdefault(item.cluster, {"video_id": item.cluster, **groups, "questions": []})
        options = options_lines(item).split("\n")
        question = {"question_id": item.id, "task_type": task, "question": item.text, "options": options}
        video["questions"].append({**question, "answer": item.right_letters, "response": said.get(item.id, "")})
    return json.dumps(list(videos.values()), ensure_ascii=False, indent=2)


def read_submission(text: str) -> dict[str, str]:
    """Reads the responses by question id out of a submission."""
    return {q["question_id"]: q["response"] for video in loads_json(text) for q in video["questions"]}


_PROFILES: tuple[Profile, ...] = ("strict", "official", "lmms", "vlm")
_SUBMISSION = Submission(write_submission, read_submission)
VIDEO_MME = Benchmark(
    load, prompt, spell_letter, score, score_metrics(score, within="duration"), _PROFILES, _SUBMISSION
)
VIDEO_MME_SUBTITLES = Benchmark(
    partial(load, has_subtitles=True),
    prompt,
    spell_letter,
    score,
    score_metrics(score, within="duration"),
    _PROFILES,
    _SUBMISSION,
)
