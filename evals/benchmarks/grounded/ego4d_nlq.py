"""Ego4D natural language queries: the span of a first-person clip in which a query is answered.

The official script counts spans whose IoU is greater than 0.3 or 0.5, not equal to it, of the best and of the best
five; here one span is given. Queries without a prediction are not counted by it. Times are those of the clip, whose
file is expected in `clips`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from evals.benchmarks.benchmark import Benchmark, Profile, Submission
from evals.benchmarks.grounded.grounding import iou, spell
from evals.benchmarks.item import Item, find_video
from evals.benchmarks.metrics import percent, score_metrics
from evals.benchmarks.records import Record, RecordPlace, read_json
from evals.scoring.published.spans import spell_span, strict_span
from evals.scoring.scoring import Score
from tools.plain_data import loads_json

_FILE = "nlq_val.json"
_CHALLENGE = {"version": "1.0", "challenge": "ego4d_nlq_challenge"}


def load(folder: Path) -> tuple[Item, ...]:
    """Reads the queries of `nlq_val.json`, by video, clip and annotation."""
    top = Record(RecordPlace(_FILE, 1), read_json(folder / _FILE))
    return tuple(
        _item(folder, clip, annotation, number, query)
        for video in top.rows("videos")
        for clip in video.rows("clips")
        for annotation in clip.rows("annotations")
        for number, query in enumerate(annotation.rows("language_queries"))
        if query.has("query")
    )


def _item(folder: Path, clip: Record, annotation: Record, number: int, row: Record) -> Item:
    name, key = clip.text("clip_uid"), annotation.text("annotation_uid")
    span = (row.number("clip_start_sec"), row.number("clip_end_sec"))
    return Item(
        id=f"{name}/{key}/{number}",
        kind="span",
        video=find_video(folder / "clips", name, row.place),
        cluster=name,
        text=row.text("query"),
        place=row.place,
        gold=spell_span((min(span), max(span))),
        groups=(("template", row.text("template")),) if row.has("template") else (),
        evidence_seconds=((min(span), max(span)),),
    )


def prompt(item: Item, profile: Profile, subtitles: str = "") -> str:  # noqa: ARG001 (ours)
    """A prompt of ours: the task is for models that score windows."""
    return f"{item.text} Answer with the start and end in seconds of when this is seen, as in 24.3 - 30.4 seconds."


def score(item: Item, said: str | None, profile: Profile) -> Score:
    """Scores an answer by the IoU of its span; without one it is 0, or left out officially."""
    span = strict_span(said or "")
    if span is None:
        return Score(None if profile == "official" else 0.0, "", "no span in it")
    value = iou(span, item.evidence_seconds[0])
    return Score(value, spell_span(span), f"IoU {value:.3f}")


def metrics(items: Sequence[Item], said: Mapping[str, str], profile: Profile) -> dict[str, float]:
    """Metrics in percent: mIoU as `accuracy`, and R1 with an IoU above 0.3 and 0.5."""
    values = [score(item, said.get(item.id), profile).value for item in items]
    found = score_metrics(score)(items, said, profile)
    for least in (0.3, 0.5):
        share = percent([None if value is None else float(value > least) for value in values])
        if share is not None:
            found[f"R1@{least}"] = share
    return found


def write_submission(items: Sequence[Item], said: Mapping[str, str]) -> str:
    """The predictions as the challenge takes them; queries without a span are missing."""
    results = []
    for item in items:
        if (span := strict_span(said.get(item.id, ""))) is not None:
            clip, annotation, number = item.id.split("/")
            named = {"clip_uid": clip, "annotation_uid": annotation, "query_idx": int(number)}
            results.append({**named, "predicted_times": [list(span)]})
    return json.dumps({**_CHALLENGE, "results": results}, indent=2)


def read_submission(text: str) -> dict[str, str]:
    """Reads the first span of each query out of a submission."""
    return {
        f"{row['clip_uid']}/{row['annotation_uid']}/{row['query_idx']}": spell_span(tuple(row["predicted_times"][0]))
        for row in loads_json(text)["results"]
    }


EGO4D_NLQ = Benchmark(
    load,
    prompt,
    spell,
    score,
    metrics,
    ("strict", "official"),
    Submission(write_submission, read_submission),
    has_published_prompt=False,
)
