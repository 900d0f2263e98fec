"""LVBench: 1,549 questions on 103 hour-long videos; one line a video, the options inside the question's text.

A question may have several types and counts once for each. Evidence times are published. The official
script leaves out questions that have no answer at all.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, Submission, make_choice_scorer, options_lines, spell_letter
from evals.benchmarks.item import Item, find_video
from evals.benchmarks.metrics import score_metrics
from evals.benchmarks.records import Record, read_jsonl_rows
from evals.scoring.published.first_letter import official_lvbench
from evals.scoring.published.ranked import lmms_mcq
from evals.scoring.scoring import Score
from evals.scoring.spans import Span
from tools.plain_data import loads_json

# from where a space begins, so that no place within it is tried again
_OPTION = re.compile(r"(?<!\s)[^\S\n]*+\n\s*+\([A-Z]\)\s*+")
_SHORT_NAMES = {
    "key information retrieval": "KIR",
    "event understanding": "EU",
    "summarization": "Sum",
    "entity recognition": "ER",
    "reasoning": "Rea",
    "temporal grounding": "TG",
}
"""Names of the types in published tables."""


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the questions of `video_info.meta.jsonl`; the videos are to be fetched by their YouTube ids."""
    return tuple(
        _item(folder, video, question)
        for video in read_jsonl_rows(folder / "video_info.meta.jsonl")
        for question in video.rows("qa")
    )


def _item(folder: Path, video: Record, row: Record) -> Item:
    text, *options = _OPTION.split(row.text("question"))
    if len(options) < 2:
        raise row.damaged("question", "options as lines that start with (A), (B)", row.text("question"))
    right = row.letter("answer", len(options))
    types = row.texts("question_type")
    minutes = Record(video.place, video.mapping("video_info")).values.get("duration_minutes")
    return Item(
        id=row.name("uid"),
        kind="choice",
        video=find_video(folder / "videos", video.text("key"), video.place),
        cluster=video.text("key"),
        text=text.strip(),
        place=row.place,
        options=tuple(option.strip() for option in options),
        right=right,
        gold=options[right].strip(),
        groups=(("type", video.text("type")), *(("question_type", _SHORT_NAMES.get(t, t)) for t in types)),
        duration_seconds=None if minutes is None else 60 * float(minutes),
        evidence_seconds=_times(row),
    )


def _times(row: Record) -> tuple[Span, ...]:
    """The span of a field such as `00:15-00:19`, hours optional; none for other text."""
    times = re.fullmatch(r"\s*([\d:]+)\s*-\s*([\d:]+)\s*", str(row.values.get("time_reference", "")))
    if times is None:
        return ()
    seconds = [sum(60**i * int(part) for i, part in enumerate(reversed(t.split(":")))) for t in times.groups()]
    return ((float(seconds[0]), float(seconds[1])),)


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (it has none)
    """The prompt with question and options; lmms-eval's asks for the letter."""
    question = f"{item.text}\n{options_lines(item, '({}) {}')}"
    return f"{question}\nAnswer the question with the option letter" if profile == "lmms" else question


_score = make_choice_scorer(
    official=lambda _, said: official_lvbench(said), lmms=lambda item, said: lmms_mcq(said, item.letters)
)


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores a letter; officially no text at all is left out, while an empty one is wrong."""
    if profile == "official" and said is None:
        return Score(None, "", "left out: there is no answer")
    return _score(item, said, profile)


def write_submission(items: Sequence[Item], said: Mapping[str, str]) -> str:
    """The submission `answers.json`: letters by uid, without questions that have no answer."""
    return json.dumps({item.id: said[item.id] for item in items if said.get(item.id)}, indent=2)


def read_submission(text: str) -> dict[str, str]:
    """Reads the letters by uid out of a submission."""
    return {str(key): str(value) for key, value in loads_json(text).items()}


LVBENCH = Benchmark(
    load, prompt, spell_letter, score, score_metrics(score), submission=Submission(write_submission, read_submission)
)
